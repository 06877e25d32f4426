import Tensors
import Testing

@testable import Networks

/// Linear layers, sums and slices.
struct DenseOperationTests {
    private let random = OperationCheck.random

    @Test(arguments: [Linear.Layout.outIn, .inOut])
    func a_linear_layer_is_x_times_w_transposed_plus_b(layout: Linear.Layout) throws {
        // x = (1, 2), W = ((3, 4), (5, 6), (7, 8)), b = (1, 0, -1): y = (12, 17, 22).
        let weight = layout == .outIn ? Tensor(shape: [3, 2], [3, 4, 5, 6, 7, 8]) : Tensor(shape: [2, 3], [3, 5, 7, 4, 6, 8])
        let check = OperationCheck(
            operation: Linear(layout: layout), inputs: [Tensor(shape: [1, 2], [1, 2])],
            parameters: [weight, Tensor(shape: [3], [1, 0, -1])])
        #expect(try check.forward().elements == [12, 17, 22])
    }

    @Test(arguments: [Linear.Layout.outIn, .inOut])
    func the_gradients_of_a_linear_layer_are_its_differences(layout: Linear.Layout) throws {
        let weight = layout == .outIn ? [4, 3] : [3, 4]
        try OperationCheck(
            operation: Linear(layout: layout), inputs: [random([2, 2, 3], 1, 1)], parameters: [random(weight, 2, 1), random([4], 3, 1)]
        ).expectDifferencesAgree()
    }

    @Test func large_products_do_not_depend_on_the_number_of_threads() throws {
        try OperationCheck(
            operation: Linear(), inputs: [random([300, 200], 1, 1)], parameters: [random([700, 200], 2, 1), random([700], 3, 1)]
        ).expectThreadsAgree()
    }

    @Test func sums_and_slices_have_the_gradients_of_their_differences() throws {
        try OperationCheck(operation: Sum(), inputs: [random([2, 3], 1, 1), random([2, 3], 2, 1), random([2, 3], 3, 1)])
            .expectDifferencesAgree()
        try OperationCheck(operation: Slice(start: 1, length: 2, stride: 3, blocks: 2), inputs: [random([2, 2, 7], 1, 1)])
            .expectDifferencesAgree()
    }

    @Test func a_slice_takes_its_blocks() throws {
        let check = OperationCheck(
            operation: Slice(start: 1, length: 2, stride: 4, blocks: 2), inputs: [Tensor(shape: [1, 8], [0, 1, 2, 3, 4, 5, 6, 7])])
        #expect(try check.forward().elements == [1, 2, 5, 6])
    }
}
