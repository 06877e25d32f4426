import Checkpoints
import Tensors
import Testing
import Text

@testable import Networks

/// Pools, flattening and layers without effect.
struct PoolingTests {
    private let random = OperationCheck.random
    private let nine = Tensor(shape: [1, 1, 3, 3], (1...9).map { Float($0) })

    @Test func pools_take_the_largest_and_the_mean() throws {
        #expect(try OperationCheck(operation: MaxPool(kernel: (2, 2), stride: (1, 1)), inputs: [nine]).forward().elements == [5, 6, 8, 9])
        #expect(
            try OperationCheck(operation: MaxPool(kernel: (2, 2), rounding: .up), inputs: [nine]).forward().elements == [5, 6, 8, 9])
        #expect(
            try OperationCheck(operation: AveragePool(kernel: (2, 2), stride: (1, 1)), inputs: [nine]).forward().elements == [3, 4, 6, 7])
        // Windows of the four corners with one place of padding around: 1 / 4, 5 / 4, 11 / 4 and 28 / 4; or by what is there.
        let padded = AveragePool(kernel: (2, 2), padding: (1, 1))
        #expect(try OperationCheck(operation: padded, inputs: [nine]).forward().elements == [0.25, 1.25, 2.75, 7])
        let ignored = AveragePool(kernel: (2, 2), padding: (1, 1), paddingCounts: .ignored)
        #expect(try OperationCheck(operation: ignored, inputs: [nine]).forward().elements == [1, 2.5, 5.5, 7])
        #expect(try OperationCheck(operation: AdaptiveAveragePool(output: (2, 1)), inputs: [nine]).forward().elements == [3.5, 6.5])
    }

    @Test func a_window_rounded_up_may_be_larger_than_the_padded_image() throws {
        // What PyTorch's ceil_mode gives on 1 2 / 3 4: the windows end with the image, and means count the padding alone.
        let four = Tensor(shape: [1, 1, 2, 2], [1, 2, 3, 4])
        func output(_ operation: any Networks.Operation) throws -> [Float] {
            try OperationCheck(operation: operation, inputs: [four]).forward().elements
        }
        #expect(try output(MaxPool(kernel: (3, 3), stride: (2, 2), rounding: .up)) == [4])
        #expect(try output(AveragePool(kernel: (3, 3), stride: (2, 2), rounding: .up)) == [2.5])
        #expect(try output(AveragePool(kernel: (5, 5), stride: (4, 4), padding: (1, 1), rounding: .up)) == [0.625])
        #expect(
            try output(AveragePool(kernel: (5, 5), stride: (4, 4), padding: (1, 1), rounding: .up, paddingCounts: .ignored)) == [2.5])
        let gradient = try OperationCheck(operation: MaxPool(kernel: (3, 3), stride: (2, 2), rounding: .up), inputs: [four])
            .backward(Tensor(shape: [1, 1, 1, 1], [3])).inputs[0].elements
        #expect(gradient == [0, 0, 0, 3])
        for pool in [MaxPool(kernel: (4, 4), stride: (2, 2), rounding: .up), MaxPool(kernel: (3, 3), stride: (2, 2))] {
            #expect(throws: Problem.self) {
                try pool.outputShape(inputs: [[1, 1, 2, 2]], parameters: [], batch: .values([1, 1, 2, 2]))
            }
        }
    }

    @Test(arguments: [2, 3])
    func the_first_of_equals_gets_the_gradient(size: Int) throws {
        let check = OperationCheck(
            operation: MaxPool(kernel: (size, size)),
            inputs: [Tensor(shape: [1, 1, size, size], [Float](repeating: 4, count: size * size))])
        let gradient = try check.backward(Tensor(shape: [1, 1, 1, 1], [3])).inputs[0].elements
        #expect(gradient == [3] + [Float](repeating: 0, count: size * size - 1))
    }

    @Test(arguments: [1, 9])
    func what_is_not_a_number_is_the_largest(windows: Int) throws {
        // 1 NaN / 2 3 beside each other.
        let squares: [[Float]] = [[1, .nan], [2, 3]]
        let rows = squares.flatMap { pair in [[Float]](repeating: pair, count: windows).flatMap { $0 } }
        let check = OperationCheck(operation: MaxPool(kernel: (2, 2)), inputs: [Tensor(shape: [1, 1, 2, 2 * windows], rows)])
        #expect(try check.forward().elements.allSatisfy { $0.isNaN })
        let gradient = try check.backward(Tensor(shape: [1, 1, 1, windows], [Float](repeating: 1, count: windows))).inputs[0].elements
        let expected: [Float] = (0..<4 * windows).map { $0 < 2 * windows && $0 % 2 == 1 ? 1 : 0 }
        #expect(gradient == expected)
    }

    @Test func a_window_without_a_place_is_minus_infinity_and_has_no_gradient() throws {
        // Places -1 and 1 of an image of one row and column.
        let check = OperationCheck(
            operation: MaxPool(kernel: (2, 2), stride: (1, 1), padding: (1, 1), dilation: (2, 2)),
            inputs: [Tensor(shape: [1, 1, 1, 1], [5])])
        #expect(try check.forward().elements == [-.infinity])
        #expect(try check.backward(Tensor(shape: [1, 1, 1, 1], [1])).inputs[0].elements == [0])
    }

    @Test(
        arguments: [
            ("max_two", MaxPool(kernel: (2, 2))), ("max_padded", MaxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1))),
            ("max_up", MaxPool(kernel: (2, 2), rounding: .up)),
            ("max_up_padded", MaxPool(kernel: (2, 2), stride: (3, 3), padding: (1, 1), rounding: .up)),
            ("max_overlapping", MaxPool(kernel: (2, 3), stride: (1, 2))),
            ("max_dilated", MaxPool(kernel: (2, 2), stride: (1, 1), padding: (1, 1), dilation: (2, 2))),
            ("max_wide", MaxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1))),
            ("max_wide_dilated", MaxPool(kernel: (2, 3), stride: (1, 1), padding: (0, 1), dilation: (1, 2))),
            ("mean_two", AveragePool(kernel: (2, 2))), ("mean_counted", AveragePool(kernel: (3, 3), stride: (2, 2), padding: (1, 1))),
            ("mean_ignored", AveragePool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), paddingCounts: .ignored)),
            ("mean_up_counted", AveragePool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), rounding: .up)),
            ("mean_up_ignored", AveragePool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), rounding: .up, paddingCounts: .ignored)),
            ("mean_up", AveragePool(kernel: (2, 4), stride: (2, 3), rounding: .up)),
            ("shares_one", AdaptiveAveragePool(output: (1, 1))), ("shares", AdaptiveAveragePool(output: (2, 3))),
            ("shares_kept", AdaptiveAveragePool(output: (5, nil))), ("shares_more", AdaptiveAveragePool(output: (5, 6))),
        ] as [(String, any Networks.Operation)])
    func pools_and_their_gradients_are_pytorchs(name: String, operation: any Networks.Operation) throws {
        try OperationCheck.expectMatchesPyTorch(operation, file: "images.safetensors", name)
    }

    @Test(
        arguments: [
            MaxPool(kernel: (2, 2)), MaxPool(kernel: (3, 2), stride: (2, 1), padding: (1, 0)),
            AveragePool(kernel: (3, 3), stride: (2, 2), padding: (1, 1), rounding: .up), AdaptiveAveragePool(output: (2, 3)), Flatten(),
            Identity(name: "dropout"),
        ] as [any Networks.Operation])
    func the_gradients_of_pools_are_their_differences(operation: any Networks.Operation) throws {
        // Numbers further apart than the step.
        var generator = SeededGenerator(seed: 3)
        let image = Tensor(shape: [2, 2, 4, 5], (0..<80).map { Float($0) * 0.1 }.shuffled(using: &generator))
        try OperationCheck(operation: operation, inputs: [image]).expectDifferencesAgree()
    }

    @Test(
        arguments: [
            MaxPool(kernel: (2, 2)), MaxPool(kernel: (3, 3), stride: (2, 2), padding: (1, 1)), AveragePool(kernel: (2, 2)),
            AdaptiveAveragePool(output: (1, 1)),
        ] as [any Networks.Operation])
    func pools_do_not_depend_on_the_number_of_threads(operation: any Networks.Operation) throws {
        try OperationCheck(operation: operation, inputs: [random([9, 8, 33, 32], 1, 1)]).expectThreadsAgree()
    }

    @Test func flattening_keeps_the_numbers() throws {
        let check = OperationCheck(operation: Flatten(), inputs: [random([2, 3, 4, 5], 1, 1)])
        let output = try check.forward()
        #expect(output.shape == [2, 60])
        #expect(output.elements == check.inputs[0].elements)
    }

    @Test(
        arguments: [
            (MaxPool(kernel: (0, 2)), "a kernel that makes no windows"),
            (MaxPool(kernel: (2, 2), stride: (2, 0)), "a stride that makes no windows"),
            (MaxPool(kernel: (2, 2), padding: (2, 2)), "a pool's padding is at most half of its window"),
            (AveragePool(kernel: (2, 2), padding: (0, 2)), "a pool's padding is at most half of its window"),
            (MaxPool(kernel: (9, 9)), "the kernel is larger than the padded image"),
            (MaxPool(kernel: (.max, .max)), "a kernel that makes no windows"),
            (AveragePool(kernel: (1, 1), stride: (.min, 1)), "a stride that makes no windows"),
            (AdaptiveAveragePool(output: (0, 1)), "a size that makes no windows"),
            (AdaptiveAveragePool(output: (.max, 1)), "a size that makes no windows"),
            (AdaptiveAveragePool(output: (1 << 30, 1 << 30)), "images too large to be computed"),
        ] as [(any Networks.Operation, String)])
    func settings_that_do_not_fit_are_refused(operation: any Networks.Operation, problem: String) {
        let error = #expect(throws: Problem.self) {
            try operation.outputShape(inputs: [[2, 3, 8, 8]], parameters: [], batch: .values([2, 3, 8, 8]))
        }
        #expect(error?.what == problem)
        #expect(throws: Problem.self) { try operation.outputShape(inputs: [[2, 3]], parameters: [], batch: .values([2, 3])) }
    }

    /// What is written as ONNX has as many windows as PyTorch by the count of ONNX's definition, which knows no padding at the end.
    @Test func windowsOfONNXAreThoseThatRun() {
        var changed = 0
        for (length, kernel, stride, dilation) in [3, 4, 5, 6, 7, 8].flatMap({ length in
            [1, 2, 3].flatMap { kernel in [1, 2, 3, 4].flatMap { stride in [1, 2].map { (length, kernel, stride, $0) } } }
        }) {
            let extent = (kernel - 1) * dilation + 1
            for padding in 0...extent / 2 where extent < length + 2 * padding + stride {
                let axis = WindowAxis(
                    length: length, kernel: kernel, stride: stride, padding: padding, dilation: dilation, rounding: .up)
                let windows = ONNXGraphWriter.PoolWindows(
                    kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation], roundsUp: true)
                let end = windows.endPadding(over: [length])?[0]
                let room = length + padding + (end ?? padding) - extent
                #expect((end == nil ? Int((Double(room) / Double(stride)).rounded(.up)) : room / stride) + 1 == axis.count)
                changed += end == nil ? 0 : 1
                #expect(windows.endPadding(over: [nil]) == nil)
            }
        }
        #expect(changed > 50)
    }
}
