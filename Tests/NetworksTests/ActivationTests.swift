import Tensors
import Testing
import Text

@testable import Networks

/// Activations and the gated product.
struct ActivationTests {
    private let random = OperationCheck.random

    @Test func known_values() throws {
        let expected: [Activation.Function: [Float]] = [
            .relu: [0, 0, 2], .gelu: [-0.158_655_26, 0, 1.954_499_7], .geluTanh: [-0.158_808_01, 0, 1.954_597_7],
            .silu: [-0.268_941_42, 0, 1.761_594_2], .tanh: [-0.761_594_16, 0, 0.964_027_58], .sigmoid: [0.268_941_42, 0.5, 0.880_797_08],
        ]
        for (function, values) in expected {
            let found = try OperationCheck(operation: Activation(function), inputs: [Tensor(shape: [1, 3], [-1, 0, 2])]).forward().elements
            #expect(zip(found, values).allSatisfy { abs($0 - $1) < 3e-7 }, "\(function): \(found)")
        }
    }

    @Test(arguments: Activation.Function.allCases)
    func values_and_gradients_are_those_of_pytorch(function: Activation.Function) throws {
        // PyTorch's SiLU multiplies the rounding of 1 - sigmoid by x.
        try OperationCheck.expectMatchesPyTorch(Activation(function), file: SequenceFile.name, function.rawValue, tolerance: 1e-6)
    }

    @Test(arguments: Activation.Function.allCases)
    func gradients_are_differences(function: Activation.Function) throws {
        // ReLU's kink is not met.
        let numbers = random([3, 7], 1, 2).elements.map { abs($0) < 0.05 ? $0 + 0.1 : $0 }
        try OperationCheck(operation: Activation(function), inputs: [Tensor(shape: [3, 7], numbers)]).expectDifferencesAgree()
    }

    @Test(arguments: Activation.Function.allCases)
    func bits_do_not_depend_on_the_number_of_threads(function: Activation.Function) throws {
        try OperationCheck(operation: Activation(function), inputs: [random([3, 33_001], 1, 2)]).expectThreadsAgree()
    }

    @Test func a_gated_product_multiplies() throws {
        let check = OperationCheck(operation: GatedProduct(), inputs: [Tensor(shape: [1, 2], [2, 3]), Tensor(shape: [1, 2], [5, -1])])
        #expect(try check.forward().elements == [10, -3])
        try OperationCheck(operation: GatedProduct(), inputs: [random([2, 3, 7], 1, 1), random([2, 3, 7], 2, 1)]).expectDifferencesAgree()
        try OperationCheck(operation: GatedProduct(), inputs: [random([2, 40_001], 1, 1), random([2, 40_001], 2, 1)]).expectThreadsAgree()
        try OperationCheck.expectMatchesPyTorch(GatedProduct(), file: SequenceFile.name, "gated_product", tolerance: 2e-7)
        #expect(throws: Problem.self) {
            try GatedProduct().outputShape(inputs: [[2, 3], [2, 4]], parameters: [], batch: .values([2, 3]))
        }
    }
}
