import Tensors
import Testing
import Text

@testable import Networks

/// Softmax, layer norm and RMS norm.
struct NormTests {
    private let random = OperationCheck.random

    @Test func softmax_of_known_odds() throws {
        // e^0 : e^ln 3 = 1 : 3.
        let found = try OperationCheck(operation: Softmax(), inputs: [Tensor(shape: [1, 2], [0, 1.098_612_3])]).forward().elements
        #expect(abs(found[0] - 0.25) < 1e-7 && abs(found[1] - 0.75) < 1e-7)
    }

    @Test(arguments: ["softmax", "softmax_one", "softmax_wide", "softmax_large", "softmax_masked"])
    func softmax_is_that_of_pytorch(name: String) throws {
        try OperationCheck.expectMatchesPyTorch(Softmax(), file: SequenceFile.name, name, tolerance: 5e-7)
    }

    @Test func softmax_has_the_gradients_of_its_differences() throws {
        try OperationCheck(operation: Softmax(), inputs: [random([2, 2, 7], 1, 1)]).expectDifferencesAgree()
        try OperationCheck(operation: Softmax(), inputs: [random([700, 133], 1, 1)]).expectThreadsAgree()
    }

    @Test func a_layer_norm_takes_off_the_mean_and_divides_by_the_deviation() throws {
        // (1, 3): mean 2, deviation 1; times (2, 3) plus (1, 1).
        let check = OperationCheck(
            operation: LayerNorm(epsilon: 0), inputs: [Tensor(shape: [1, 2], [1, 3])],
            parameters: [Tensor(shape: [2], [2, 3]), Tensor(shape: [2], [1, 1])])
        #expect(try check.forward().elements == [-1, 4])
    }

    @Test func an_rms_norm_divides_by_the_root_of_the_mean_square() throws {
        // (1, 7): mean square 25; the weights are (1 + 1, 1 - 1).
        let check = OperationCheck(
            operation: RMSNorm(epsilon: 0, offset: 1), inputs: [Tensor(shape: [1, 2], [1, 7])], parameters: [Tensor(shape: [2], [1, -1])])
        #expect(try check.forward().elements == [0.4, 0])
    }

    @Test(
        arguments: [
            // A single number minus itself is 0; PyTorch multiplies the rounding error by 1 / sqrt(epsilon).
            ("layer_norm", 1e-5, 1e-6), ("layer_norm_one", 1e-5, 1e-5), ("layer_norm_wide", 1e-5, 1e-6), ("layer_norm_weight", 1e-5, 1e-6),
            ("layer_norm_bare", 1e-5, 1e-6), ("layer_norm_far", 1e-5, 1e-6),
        ] as [(String, Float, Float)])
    func layer_norms_are_those_of_pytorch(name: String, epsilon: Float, tolerance: Float) throws {
        try OperationCheck.expectMatchesPyTorch(LayerNorm(epsilon: epsilon), file: SequenceFile.name, name, tolerance: tolerance)
    }

    @Test(arguments: [("rms_norm", 1e-6, 0), ("rms_norm_offset", 1e-6, 1), ("rms_norm_one", 1e-5, 0)] as [(String, Float, Float)])
    func rms_norms_are_those_of_transformers(name: String, epsilon: Float, offset: Float) throws {
        try OperationCheck.expectMatchesPyTorch(RMSNorm(epsilon: epsilon, offset: offset), file: SequenceFile.name, name, tolerance: 1e-6)
    }

    @Test(arguments: 0...2)
    func layer_norms_have_the_gradients_of_their_differences(parameters: Int) throws {
        try OperationCheck(
            operation: LayerNorm(epsilon: 1e-5), inputs: [random([2, 2, 7], 1, 1)],
            parameters: Array([random([7], 2, 1), random([7], 3, 1)].prefix(parameters))
        ).expectDifferencesAgree()
    }

    @Test func rms_norms_have_the_gradients_of_their_differences() throws {
        try OperationCheck(
            operation: RMSNorm(epsilon: 1e-5, offset: 1), inputs: [random([2, 2, 7], 1, 1)], parameters: [random([7], 2, 1)]
        )
        .expectDifferencesAgree()
    }

    @Test func norms_do_not_depend_on_the_number_of_threads() throws {
        let (weight, bias) = (random([133], 2, 1), random([133], 3, 1))
        try OperationCheck(operation: LayerNorm(epsilon: 1e-5), inputs: [random([700, 133], 1, 1)], parameters: [weight, bias])
            .expectThreadsAgree()
        try OperationCheck(operation: RMSNorm(epsilon: 1e-5), inputs: [random([700, 133], 1, 1)], parameters: [weight]).expectThreadsAgree()
    }

    @Test func parameters_of_another_width_are_refused() {
        for operation in [LayerNorm(epsilon: 0), RMSNorm(epsilon: 0)] as [any Operation] {
            #expect(throws: Problem("the norm reads a different width", expected: "8 numbers", found: "7")) {
                try operation.outputShape(inputs: [[2, 7]], parameters: [[8]], batch: .values([2, 7]))
            }
        }
    }
}
