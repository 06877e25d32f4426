import Tensors
import Testing
import Text

@testable import Networks

/// Convolutions against arithmetic by hand, differences and PyTorch.
struct ConvolutionTests {
    private let random = OperationCheck.random

    @Test func a_filter_sums_what_lies_under_it() throws {
        // The rows 1 2 3, 4 5 6, 7 8 9 under (1 2 / 3 4): 1 + 4 + 12 + 20 = 37 at the first place; bias 1.
        let check = OperationCheck(
            operation: Convolution(), inputs: [Tensor(shape: [1, 1, 3, 3], (1...9).map { Float($0) })],
            parameters: [Tensor(shape: [1, 1, 2, 2], [1, 2, 3, 4]), Tensor(shape: [1], [1])])
        #expect(try check.forward().elements == [38, 48, 68, 78])
        let padded = OperationCheck(
            operation: Convolution(stride: (2, 2), padding: (1, 1)), inputs: check.inputs, parameters: [check.parameters[0]])
        // Its corners: 4 * 1; 3 * 2 + 4 * 3; 2 * 4 + 4 * 7; 5 + 12 + 24 + 36.
        #expect(try padded.forward().elements == [4, 18, 36, 77])
    }

    @Test(arguments: [
        ("plain", Convolution()), ("padded", Convolution(padding: (1, 1))), ("wide", Convolution(padding: (1, 1))),
        ("sixteen", Convolution(padding: (1, 1))), ("in_place", Convolution()), ("in_place_odd", Convolution()),
        ("pointwise", Convolution()), ("pointwise_sixteen", Convolution()), ("pointwise_small", Convolution()),
        ("stride_two", Convolution(stride: (2, 2), padding: (1, 1))), ("stride_three", Convolution(stride: (3, 2))),
        ("stride_over", Convolution(stride: (3, 3))), ("stride_pointwise", Convolution(stride: (2, 2))),
        ("stride_wide", Convolution(stride: (2, 2), padding: (1, 1))), ("stride_across", Convolution(stride: (1, 2), padding: (2, 0))),
        ("dilation", Convolution(padding: (2, 2), dilation: (2, 2))),
        ("dilation_stride", Convolution(stride: (2, 2), padding: (1, 1), dilation: (2, 2))),
        ("groups", Convolution(padding: (1, 1), groups: 2)),
        ("groups_stride", Convolution(stride: (2, 2), padding: (1, 1), groups: 2)),
        ("depthwise", Convolution(padding: (1, 1), groups: 4)),
        ("depthwise_stride", Convolution(stride: (2, 2), padding: (1, 1), groups: 3)), ("rectangular", Convolution(padding: (0, 2))),
        ("one_place", Convolution()), ("much_padding", Convolution(padding: (3, 3))),
    ])
    func convolutions_and_their_gradients_are_pytorchs(name: String, operation: Convolution) throws {
        try OperationCheck.expectMatchesPyTorch(operation, file: "images.safetensors", name)
    }

    @Test(arguments: [
        ([2, 2, 4, 5], [3, 2, 3, 3], Convolution(padding: (1, 1))),
        ([2, 2, 5, 4], [3, 2, 2, 3], Convolution(stride: (2, 1), padding: (1, 1))),
        ([1, 4, 3, 4], [4, 2, 2, 2], Convolution(dilation: (2, 1), groups: 2)),
        ([1, 2, 1, 16], [2, 2, 1, 3], Convolution(padding: (0, 1))),
    ])
    func the_gradients_of_a_convolution_are_its_differences(input: [Int], weight: [Int], operation: Convolution) throws {
        try OperationCheck(
            operation: operation, inputs: [random(input, 1, 1)], parameters: [random(weight, 2, 1), random([weight[0]], 3, 1)]
        )
        .expectDifferencesAgree()
    }

    @Test(arguments: [
        ([40, 3, 16, 16], [8, 3, 3, 3], Convolution(padding: (1, 1))),
        ([5, 6, 13, 11], [12, 3, 3, 3], Convolution(stride: (2, 2), groups: 2)),
        ([35, 8, 6, 6], [10, 8, 1, 1], Convolution()), ([3, 4, 9, 9], [6, 4, 3, 3], Convolution(padding: (4, 4))),
    ])
    func convolutions_do_not_depend_on_the_number_of_threads(input: [Int], weight: [Int], operation: Convolution) throws {
        try OperationCheck(
            operation: operation, inputs: [random(input, 1, 1)], parameters: [random(weight, 2, 1), random([weight[0]], 3, 1)]
        )
        .expectThreadsAgree()
    }

    @Test func a_sample_s_answer_does_not_depend_on_its_batch() throws {
        let images = random([40, 3, 7, 9], 1, 1)
        let weight = random([5, 3, 3, 3], 2, 1)
        let all = try OperationCheck(operation: Convolution(padding: (1, 1)), inputs: [images], parameters: [weight]).forward()
        let last = try OperationCheck(operation: Convolution(padding: (1, 1)), inputs: [images[39..<40].copied()], parameters: [weight])
            .forward()
        #expect(all[39..<40].elements == last.elements)
    }

    @Test func what_is_not_a_number_stays_where_it_can_be_seen() throws {
        let images = MutableTensor.zeros([1, 1, 3, 5])
        images.withMutableElements { $0[14] = .nan }
        let output = try OperationCheck(
            operation: Convolution(padding: (1, 1)), inputs: [images], parameters: [random([1, 1, 3, 3], 1, 1)]
        ).forward().elements
        #expect(output.indices.filter { output[$0].isNaN } == [8, 9, 13, 14])
    }

    @Test(arguments: [
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(stride: (0, 1)), "a stride that makes no windows"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(stride: (1, .max)), "a stride that makes no windows"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(padding: (-1, 0)), "a padding that makes no windows"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(dilation: (0, 0)), "a dilation that makes no windows"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(dilation: (5, 1)), "the kernel is larger than the padded image"),
        ([2, 3, 8, 8], [4, 3, 9, 3], Convolution(), "the kernel is larger than the padded image"),
        ([2, 3, 8, 8], [4, 3, 0, 3], Convolution(), "a kernel that makes no windows"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(groups: 2), "the groups do not divide the channels"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(groups: 0), "the groups do not divide the channels"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(groups: -3), "the groups do not divide the channels"),
        ([2, 3, 8, 8], [4, 2, 3, 3], Convolution(), "the layer reads a different number of channels"),
        ([2, 0, 8, 8], [4, 0, 3, 3], Convolution(), "the filters have the wrong shape"),
        ([2, 3, 0, 8], [4, 3, 1, 1], Convolution(), "images without places"),
        ([2, 24], [4, 3, 3, 3], Convolution(), "the layer reads images"),
        ([2, 3, 8, 8], [4, 27], Convolution(), "the filters have the wrong shape"),
        ([2, 3, 8, 8], [4, 3, 3, 3], Convolution(padding: (1 << 30, 1 << 30)), "images too large to be computed"),
    ])
    func settings_that_do_not_fit_are_refused(input: [Int], weight: [Int], operation: Convolution, problem: String) {
        let error = #expect(throws: Problem.self) {
            try operation.outputShape(inputs: [input], parameters: [weight], batch: .values(input))
        }
        #expect(error?.what == problem)
    }

    @Test func a_bias_of_another_length_is_refused() {
        #expect(throws: Problem.self) {
            try Convolution().outputShape(inputs: [[1, 1, 3, 3]], parameters: [[2, 1, 1, 1], [3]], batch: .values([1, 1, 3, 3]))
        }
    }
}
