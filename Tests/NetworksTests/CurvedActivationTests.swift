import Tensors
import Testing
import Text

@testable import Networks

/// Activations with settings.
struct CurvedActivationTests {
    /// The settings of fixtures/make_activations.py.
    static let elements = [
        "leakyrelu(0.2)", "elu(0.7)", "selu", "celu(0.6)", "softplus(beta=2,threshold=5)", "relu6", "hardtanh(min=-0.5,max=2)",
        "hardsigmoid", "hardswish", "mish", "softsign", "logsigmoid",
    ]

    private func operation(_ text: String) throws -> any LayerOperation {
        try #require(try ChainOperations.operation(try Architecture(text).elements[0]))
    }

    @Test(arguments: elements) func valuesAndGradientsAreThoseOfPyTorch(text: String) throws {
        let name = String(text.prefix { $0 != "(" })
        try OperationCheck.expectMatchesPyTorch(try operation(text), file: "activations.safetensors", name, tolerance: 2e-6)
    }

    @Test(arguments: elements) func gradientsAreDifferences(text: String) throws {
        // Kinks, which lie at 0, 2, 2.5, 3, 6 and their opposites, are not met.
        let kinks: [Float] = [0, 0.5, 2, 2.5, 3, 6]
        let numbers = OperationCheck.random([3, 7], seed: 1, scale: 2).elements.map { x in
            kinks.contains { abs(abs(x) - $0) < 0.05 } ? x + 0.11 : x
        }
        try OperationCheck(operation: try operation(text), inputs: [Tensor(shape: [3, 7], numbers)]).expectDifferencesAgree()
    }

    @Test(arguments: elements) func bitsDoNotDependOnTheNumberOfThreads(text: String) throws {
        let numbers = OperationCheck.random([3, 9_001], seed: 1, scale: 2)
        try OperationCheck(operation: try operation(text), inputs: [numbers]).expectThreadsAgree()
    }

    @Test func valuesByHand() throws {
        func values(_ text: String, _ x: [Float]) throws -> [Float] {
            try OperationCheck(operation: try operation(text), inputs: [Tensor(shape: [1, x.count], x)]).forward().elements
        }
        #expect(try values("leakyrelu", [-2, 0, 3]) == [-0.02, 0, 3])
        #expect(try values("leakyrelu(-0.5)", [-2, 3]) == [1, 3])
        #expect(try values("relu6", [-1, 4, 7]) == [0, 4, 6])
        #expect(try values("hardtanh", [-5, 0.5, 5]) == [-1, 0.5, 1])
        #expect(try values("hardswish", [-3, 0, 3, 1]) == [0, 0, 3, 4 / 6])
        #expect(try values("softsign", [-1, 3]) == [-0.5, 0.75])
        #expect(try values("softplus(threshold=10)", [11]) == [11])
        #expect(try values("softplus(threshold=10000)", [1000]) == [1000])
        #expect(try values("hardtanh", [.nan])[0].isNaN)
    }

    @Test(arguments: [
        ("celu(0)", "expected a number other than 0"), ("softplus(beta=0)", "expected a number other than 0"),
        ("hardtanh(min=2,max=1)", "expected more than 2.0, found 1.0"), ("leakyrelu(x)", "expected a number, found 'x'"),
        ("elu(nan)", "expected a number"), ("mish(1)", "has no setting '1'"),
    ]) func badSettingsAreNamed(text: String, message: String) throws {
        let error = #expect(throws: Problem.self) { try operation(text) }
        #expect("\(try #require(error))".contains(message))
    }
}
