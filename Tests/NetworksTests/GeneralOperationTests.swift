import Tensors
import Testing
import Text

@testable import Networks

/// Operations of any axes: cases worked out by hand, and derivatives that agree with finite differences.
struct GeneralOperationTests {
    private func tensor(_ shape: [Int], _ elements: [Float]) -> Tensor { Tensor(shape: shape, elements) }

    @Test func operandsAreRepeatedAlongDimensionsOfLengthOne() throws {
        let sum = OperationCheck(
            operation: Arithmetic(.add), inputs: [tensor([2, 1], [1, 2]), tensor([3], [10, 20, 30])])
        #expect(try sum.forward().elements == [11, 21, 31, 12, 22, 32])
        #expect(try sum.forward().shape == [2, 3])
        let quotient = OperationCheck(
            operation: Arithmetic(.divide, parameterFirst: true), inputs: [tensor([2], [2, 4])], parameters: [tensor([1], [8])])
        #expect(try quotient.forward().elements == [4, 2])
        // Each element of the shorter operand has the sum of the gradients of its copies.
        let gradients = try sum.backward(tensor([2, 3], [1, 2, 3, 4, 5, 6]))
        #expect(gradients.inputs[0].elements == [6, 15] && gradients.inputs[1].elements == [5, 7, 9])
    }

    @Test func comparisonsGiveTruthValues() throws {
        for (function, expected) in [
            (Arithmetic.Function.less, [1, 0, 0] as [Float]), (.equal, [0, 1, 0]), (.greaterOrEqual, [0, 1, 1]), (.exclusiveOr, [1, 0, 0]),
        ] {
            let check = OperationCheck(operation: Arithmetic(function), inputs: [tensor([3], [0, 2, 3]), tensor([3], [1, 2, 2])])
            #expect(try check.forward().elements == expected, "\(function)")
        }
        let remainder = OperationCheck(operation: Arithmetic(.modulo), inputs: [tensor([2], [-4, 7]), tensor([2], [3, -3])])
        #expect(try remainder.forward().elements == [2, -2])
        // PyTorch's: what is taken off is a whole number of divisors.
        let slopes = try remainder.backward(tensor([2], [1, 2]))
        #expect(slopes.inputs[0].elements == [1, 2] && slopes.inputs[1].elements == [2, 6])
        let signed = OperationCheck(operation: Arithmetic(.remainder), inputs: [tensor([2], [-4, 7]), tensor([2], [3, -3])])
        #expect(try signed.forward().elements == [-1, 1])
        let others = try signed.backward(tensor([2], [1, 2]))
        #expect(others.inputs[0].elements == [1, 2] && others.inputs[1].elements == [1, 4])
    }

    static let arithmetic: [(Arithmetic.Function, [Int], [Int])] = [
        (.add, [2, 3], [3]), (.subtract, [2, 1, 3], [4, 1]), (.multiply, [2, 3], [2, 3]), (.multiply, [1, 3], [2, 1]),
        (.divide, [2, 3], [1]), (.power, [2, 3], [2, 3]), (.maximum, [2, 3], [3]), (.minimum, [2, 3], [2, 1]),
    ]

    @Test(arguments: arithmetic.indices)
    func arithmeticHasItsDerivatives(place: Int) throws {
        let (function, a, b) = Self.arithmetic[place]
        // Away from 0, where quotients and powers have no derivative.
        func positive(_ shape: [Int], _ seed: UInt64) -> Tensor {
            let tensor = OperationCheck.random(shape, seed: seed)
            return Tensor(shape: shape, tensor.elements.map { abs($0) + 0.5 })
        }
        let check = OperationCheck(operation: Arithmetic(function), inputs: [positive(a, 1), positive(b, 2)])
        try check.expectDifferencesAgree(step: 1e-3, tolerance: 2e-2)
        try check.expectThreadsAgree()
        try OperationCheck(operation: Arithmetic(function, parameterFirst: true), inputs: [positive(b, 3)], parameters: [positive(a, 4)])
            .expectDifferencesAgree(step: 1e-3, tolerance: 2e-2)
    }

    @Test func rearrangementsMoveElements() throws {
        let matrix = tensor([2, 3], [1, 2, 3, 4, 5, 6])
        for (kind, shape, expected) in [
            (Rearrangement.Kind.transposed([1, 0]), [3, 2], [1, 4, 2, 5, 3, 6] as [Float]),
            (.sliced(axis: 1, first: 1, end: .max, step: 1), [2, 2], [2, 3, 5, 6]),
            (.sliced(axis: 1, first: -1, end: .min, step: -2), [2, 2], [3, 1, 6, 4]),
            (.sliced(axis: 0, first: 1, end: 1, step: 1), [0, 3], []),
            (.repeated(ShapeTemplate([.fixed(2), .fixed(2), .fixed(3)])), [2, 2, 3], [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]),
        ] {
            let check = OperationCheck(operation: Rearrangement(kind), inputs: [matrix])
            #expect(try check.forward().shape == shape)
            #expect(try check.forward().elements == expected)
            if !expected.isEmpty { try check.expectDifferencesAgree() }
        }
        try OperationCheck(operation: Rearrangement(.transposed([2, 0, 3, 1])), inputs: [OperationCheck.random([2, 3, 4, 5], seed: 1)])
            .expectThreadsAgree()
    }

    @Test func shapesFollowTheBatch() throws {
        let template = ShapeTemplate([
            .number(factor: 2, perSample: true, perPosition: false, offset: 0), .same(1), .rest,
        ])
        #expect(try template.shape(.values([3, 4]), input: [3, 4, 6]) == [6, 4, 3])
        #expect(throws: (any Error).self) { try template.shape(.values([3, 4]), input: [5, 4, 1]) }
        #expect(throws: (any Error).self) {
            try ShapeTemplate([.number(factor: .max, perSample: true, perPosition: false, offset: 0)]).shape(.values([3]), input: [])
        }
        let check = OperationCheck(operation: Reshape(ShapeTemplate([.same(0), .rest])), inputs: [tensor([2, 1, 2], [1, 2, 3, 4])])
        #expect(try check.forward().shape == [2, 2])
        try check.expectDifferencesAgree()
    }

    @Test func concatenationPutsInputsBesideEachOther() throws {
        let check = OperationCheck(operation: Concatenation(axis: 1), inputs: [tensor([2, 1], [1, 2]), tensor([2, 2], [3, 4, 5, 6])])
        #expect(try check.forward().elements == [1, 3, 4, 2, 5, 6])
        try check.expectDifferencesAgree()
    }

    @Test func entriesAreLookedUp() throws {
        let table = tensor([3, 2], [1, 2, 3, 4, 5, 6])
        let rows = OperationCheck(operation: EntryLookup(axis: 0, constant: ([2, -3, 2], [3])), inputs: [table])
        #expect(try rows.forward().elements == [5, 6, 1, 2, 5, 6])
        try rows.expectDifferencesAgree()
        let one = OperationCheck(operation: EntryLookup(axis: 1, constant: ([1], [])), inputs: [table])
        #expect(try one.forward().shape == [3])
        #expect(try one.forward().elements == [2, 4, 6])
        let computed = OperationCheck(operation: EntryLookup(axis: 0), inputs: [table, tensor([1, 2], [1, -1])])
        #expect(try computed.forward().elements == [3, 4, 5, 6])
        // What is in no table is no number.
        let outside = OperationCheck(operation: EntryLookup(axis: 0), inputs: [table, tensor([3], [0, 3, -4])])
        let found = try outside.forward().elements
        #expect(found.prefix(2) == [1, 2] && found.dropFirst(2).allSatisfy(\.isNaN) && found.count == 6)
        #expect(throws: (any Error).self) {
            try OperationCheck(operation: EntryLookup(axis: 0, constant: ([3], [1])), inputs: [table]).forward()
        }
    }

    @Test func reductionsKeepOrDropDimensions() throws {
        let input = tensor([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 9])
        for (function, axes, keeps, shape, expected) in [
            (Reduction.Function.mean, [2], false, [2, 2], [1.5, 3.5, 5.5, 8] as [Float]), (.sum, [0, 2], true, [1, 2, 1], [14, 23]),
            (.maximum, [], false, [], [9]), (.minimum, [1], true, [2, 1, 2], [1, 2, 5, 6]),
            (.sumOfSquares, [1, 2], false, [2], [30, 191]),
        ] {
            let check = OperationCheck(operation: Reduction(function, axes: axes, keepsDimensions: keeps), inputs: [input])
            #expect(try check.forward().shape == shape)
            #expect(try check.forward().elements == expected, "\(function)")
            try check.expectDifferencesAgree()
        }
        let length = OperationCheck(operation: Reduction(.length, axes: [0], keepsDimensions: false), inputs: [tensor([2], [3, 4])])
        #expect(try length.forward().elements == [5])
        try length.expectDifferencesAgree()
    }

    @Test func matricesAreMultipliedForEveryEntryBefore() throws {
        let check = OperationCheck(
            operation: MatrixProduct(scale: 2), inputs: [tensor([2, 1, 2], [1, 2, 3, 4]), tensor([2, 2], [1, 0, 1, 1])])
        #expect(try check.forward().shape == [2, 1, 2])
        #expect(try check.forward().elements == [6, 4, 14, 8])
        try check.expectDifferencesAgree()
        let several = OperationCheck(
            operation: MatrixProduct(),
            inputs: [OperationCheck.random([2, 3, 2, 4], seed: 1), OperationCheck.random([1, 3, 4, 3], seed: 2)])
        try several.expectDifferencesAgree()
        try several.expectThreadsAgree()
    }

    @Test func choicesTakeOneOfTwo() throws {
        let check = OperationCheck(
            operation: Where(), inputs: [tensor([2, 1], [1, 0]), tensor([2], [5, 6]), tensor([1], [9])])
        #expect(try check.forward().elements == [5, 6, 9, 9])
        let gradients = try check.backward(tensor([2, 2], [1, 2, 3, 4]))
        #expect(gradients.inputs[1].elements == [1, 2] && gradients.inputs[2].elements == [7])
    }

    @Test func paddingSurroundsOrCuts() throws {
        let line = tensor([1, 3], [1, 2, 3])
        for (mode, expected) in [
            (Padding.Mode.constant(9), [9, 9, 1, 2, 3, 9] as [Float]), (.edge, [1, 1, 1, 2, 3, 3]), (.reflected, [3, 2, 1, 2, 3, 2]),
        ] {
            let check = OperationCheck(operation: Padding(before: [0, 2], after: [0, 1], mode: mode), inputs: [line])
            #expect(try check.forward().elements == expected)
            try check.expectDifferencesAgree()
        }
        let cut = OperationCheck(operation: Padding(before: [0, -1], after: [1, 0]), inputs: [line])
        #expect(try cut.forward().elements == [2, 3, 0, 0])
    }

    /// Each number of the image times the filter, laid where the number is.
    @Test func transposedConvolutionsLayFiltersDown() throws {
        let check = OperationCheck(
            operation: TransposedConvolution(stride: (1, 2)), inputs: [tensor([1, 1, 1, 2], [1, 10])],
            parameters: [tensor([2, 1, 1, 3], [1, 2, 3, 4, 5, 6]), tensor([2], [0, 100])])
        #expect(try check.forward().elements == [1, 2, 13, 20, 30, 104, 105, 146, 150, 160])
        try check.expectDifferencesAgree()
        let wide = OperationCheck(
            operation: TransposedConvolution(stride: (2, 2), padding: (1, 1), dilation: (2, 1), extra: (1, 1)),
            inputs: [OperationCheck.random([2, 3, 3, 4], seed: 1)], parameters: [OperationCheck.random([2, 3, 2, 3], seed: 2)])
        #expect(try wide.forward().shape == [2, 2, 6, 8])
        try wide.expectDifferencesAgree()
        try wide.expectThreadsAgree()
        // Each group of channels has filters of its own.
        let grouped = OperationCheck(
            operation: TransposedConvolution(layout: .inOut(groups: 2)), inputs: [tensor([1, 2, 1, 2], [1, 10, 2, 3])],
            parameters: [tensor([2, 1, 1, 2], [1, 2, 5, 7]), tensor([2], [0, 100])])
        #expect(try grouped.forward().elements == [1, 12, 20, 110, 129, 121])
        try grouped.expectDifferencesAgree()
        let several = OperationCheck(
            operation: TransposedConvolution(layout: .inOut(groups: 2), stride: (2, 1), padding: (1, 0), dilation: (1, 2), extra: (1, 0)),
            inputs: [OperationCheck.random([2, 4, 3, 3], seed: 3)], parameters: [OperationCheck.random([4, 3, 2, 2], seed: 4)])
        #expect(try several.forward().shape == [2, 6, 5, 5])
        try several.expectDifferencesAgree()
        try several.expectThreadsAgree()
        // Places are left out at the end, or added beyond all that the filters cover.
        let row = [tensor([1, 1, 1, 2], [1, 10])]
        let filter = [tensor([1, 1, 1, 3], [1, 2, 3]), tensor([1], [100])]
        for (stride, padding, extra, expected) in [
            (2, 0, -1, [101, 102, 113, 120] as [Float]), (2, 1, -1, [102, 113]), (1, 0, 2, [101, 112, 123, 130, 100, 100]),
            (1, 1, 1, [112, 123, 130]),
        ] {
            let check = OperationCheck(
                operation: TransposedConvolution(stride: (1, stride), padding: (0, padding), extra: (0, extra)), inputs: row,
                parameters: filter)
            #expect(try check.forward().elements == expected)
            try check.expectDifferencesAgree()
        }
        for extra in [(-1, 0), (0, -2), (2, -1)] {
            let uneven = OperationCheck(
                operation: TransposedConvolution(
                    layout: .inOut(groups: 2), stride: (2, 1), padding: (1, 0), dilation: (1, 2), extra: extra),
                inputs: [OperationCheck.random([2, 4, 3, 3], seed: 5)],
                parameters: [OperationCheck.random([4, 3, 2, 2], seed: 6), OperationCheck.random([6], seed: 7)])
            #expect(try uneven.forward().shape == [2, 6, 4 + extra.0, 5 + extra.1])
            try uneven.expectDifferencesAgree()
            try uneven.expectThreadsAgree()
        }
        let nothing = OperationCheck(
            operation: TransposedConvolution(extra: (0, -4)), inputs: row, parameters: Array(filter.prefix(1)))
        #expect(throws: Problem.self) { try nothing.forward() }
        let wrong = OperationCheck(
            operation: TransposedConvolution(layout: .inOut(groups: 3)), inputs: [tensor([1, 2, 1, 2], [1, 10, 2, 3])],
            parameters: [tensor([2, 1, 1, 2], [1, 2, 5, 7])])
        #expect(throws: Problem.self) { try wrong.forward() }
    }

    @Test func runningSumsAddWhatCameBefore() throws {
        let rows = tensor([2, 3], [1, 2, 3, 10, 20, 30])
        for (axis, isExclusive, isReversed, expected) in [
            (1, false, false, [1, 3, 6, 10, 30, 60] as [Float]), (1, true, false, [0, 1, 3, 0, 10, 30]),
            (1, false, true, [6, 5, 3, 60, 50, 30]), (1, true, true, [5, 3, 0, 50, 30, 0]), (0, false, false, [1, 2, 3, 11, 22, 33]),
        ] {
            let check = OperationCheck(
                operation: RunningSum(axis: axis, isExclusive: isExclusive, isReversed: isReversed), inputs: [rows])
            #expect(try check.forward().elements == expected)
            try check.expectDifferencesAgree()
            try check.expectThreadsAgree()
        }
        #expect(throws: Problem.self) { try OperationCheck(operation: RunningSum(axis: 2), inputs: [rows]).forward() }
    }

    static let curves: [ElementCurve.Function] = [
        .negative, .absolute, .reciprocal, .squareRoot, .exponential, .logarithm, .error, .sine, .cosine, .clip(low: 0.4, high: 1.2),
        .hardSigmoid(alpha: 0.2, beta: 0.5), .threshold(alpha: 1), .scaledLogistic(alpha: 1.7), .scaledExponential(alpha: 1.5, gamma: 1.1),
        .shrink(bias: 0.2, lambda: 0.4), .shift(0.7), .power(2), .power(3), .power(-0.5),
    ]

    @Test(arguments: curves.indices)
    func curvesHaveTheirDerivatives(place: Int) throws {
        let input = tensor([7], [0.31, 0.52, 0.83, 1.11, 1.43, 2.2, 3.1])
        let check = OperationCheck(operation: ElementCurve(Self.curves[place], name: "curve"), inputs: [input])
        try check.expectDifferencesAgree(step: 1e-3, tolerance: 1e-2)
        try check.expectThreadsAgree()
    }

    @Test func curvesHaveTheValuesOfTheirDefinitions() throws {
        let input = tensor([4], [-2.5, -0.5, 0.5, 2.5])
        for (function, expected) in [
            (ElementCurve.Function.round, [-2, -0, 0, 2] as [Float]), (.truncate, [-2, 0, 0, 2]), (.floor, [-3, -1, 0, 2]),
            (.ceiling, [-2, 0, 1, 3]), (.sign, [-1, -1, 1, 1]), (.truth, [1, 1, 1, 1]), (.not, [0, 0, 0, 0]),
            (.clip(low: -1, high: 1), [-1, -0.5, 0.5, 1]), (.shrink(bias: 1, lambda: 1), [-1.5, 0, 0, 1.5]),
            (.hardSigmoid(alpha: 0.5, beta: 0.5), [0, 0.25, 0.75, 1]),
        ] {
            let check = OperationCheck(operation: ElementCurve(function, name: "curve"), inputs: [input])
            #expect(try check.forward().elements == expected, "\(function)")
        }
    }

    @Test func numbersFollowTheBatch() throws {
        let length = ShapeTemplate.Length.number(factor: 1, perSample: false, perPosition: true, offset: 0)
        var check = OperationCheck(operation: BatchNumbers(.range(first: .fixed(2), step: 1), ShapeTemplate([length])), inputs: [])
        check.tokens = TokenBatch(ids: [0, 0, 0, 0, 0, 0], samples: 2, length: 3)
        #expect(try check.forward().elements == [2, 3, 4])
        check.operation = BatchNumbers(.length(length), ShapeTemplate([]))
        #expect(try check.forward().elements == [3])
        check.operation = BatchNumbers(.triangle(below: 1, diagonal: 2, above: 3), ShapeTemplate([.fixed(1), .fixed(2), .fixed(2)]))
        #expect(try check.forward().elements == [2, 3, 1, 2])
        check.operation = TokenNumbers()
        check.tokens = TokenBatch(ids: [4, 5], samples: 1, length: 2)
        #expect(try check.forward().elements == [4, 5])
        check.operation = BatchSlice(axis: 1, first: .fixed(1), length: length)
        check.inputs = [tensor([1, 4], [1, 2, 3, 4]), tensor([1, 2], [4, 5])]
        #expect(try check.forward().elements == [2, 3])
    }

    /// TensorFlow's rule: as many windows as there are strides, the odd place at the end or at the beginning.
    @Test func paddingFollowsTheSizeOfTheImage() throws {
        // Rows of 5: (3 - 1) 2 + 3 - 5 = 2 places. Columns of 6: (3 - 1) 2 + 3 - 6 = 1 place.
        let image = OperationCheck.random([2, 1, 5, 6], seed: 9)
        for (side, before) in [(SamePadding.Side.end, 0), (.beginning, 1)] {
            let padding = SamePadding(kernel: [3, 3], stride: [2, 2], dilation: [1, 1], side: side, value: 7)
            let check = OperationCheck(operation: padding, inputs: [image])
            let padded = try check.forward()
            #expect(padded.shape == [2, 1, 7, 7])
            let known = Padding(before: [0, 0, 1, before], after: [0, 0, 1, 1 - before], mode: .constant(7))
            #expect(padded.elements == (try OperationCheck(operation: known, inputs: [image]).forward().elements))
            try check.expectDifferencesAgree()
        }
        // Windows that do not reach beyond the image need no padding: 4 strides of 2 over 8.
        let wide = SamePadding(kernel: [1, 2], stride: [2, 2], dilation: [1, 1], side: .end)
        #expect(try wide.outputShape(inputs: [[1, 1, 8, 8]], parameters: [], batch: .values([1, 1, 8, 8])) == [1, 1, 8, 8])
        #expect(throws: Problem.self) { try wide.outputShape(inputs: [[8, 8]], parameters: [], batch: .values([8, 8])) }
    }

    /// The values of numpy's float16, and of bfloat16 by its definition: the nearest, ties to even.
    @Test func castsRoundToTheNearestNumber() throws {
        let half = OperationCheck(
            operation: ElementCurve(.halfPrecision, name: "float16"), inputs: [tensor([5], [0.1, 2049, 2051, 65520, 1e-8])])
        #expect(try half.forward().elements == [0.099_975_586, 2048, 2052, .infinity, 0])
        let brain = OperationCheck(
            operation: ElementCurve(.brainPrecision, name: "bfloat16"),
            inputs: [tensor([4], [1.003_906_25, 1.011_718_75, -.infinity, 1.005])])
        #expect(try brain.forward().elements == [1, 1.015_625, -.infinity, 1.007_812_5])
        #expect(try half.backward(tensor([5], [1, 2, 3, 4, 5])).inputs[0].elements == [1, 2, 3, 4, 5])
    }

    @Test func placesBecomeSeveralWithTheSameNumber() throws {
        let images = OperationCheck(operation: Upsampling(rows: 2, columns: 3), inputs: [tensor([1, 2, 1, 2], [1, 2, 3, 4])])
        #expect(try images.forward().shape == [1, 2, 2, 6])
        #expect(
            try images.forward().elements
                == [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4])
        let sums = try images.backward(tensor([1, 2, 2, 6], (0..<24).map { Float($0) }))
        #expect(sums.inputs[0].elements == [24, 42, 96, 114])
        let sequence = OperationCheck(operation: Upsampling(rows: 1, columns: 2), inputs: [tensor([1, 1, 3], [1, 2, 3])])
        #expect(try sequence.forward().elements == [1, 1, 2, 2, 3, 3])
        let large = OperationCheck(operation: Upsampling(rows: 3, columns: 2), inputs: [OperationCheck.random([2, 3, 5, 4], seed: 3)])
        try large.expectDifferencesAgree()
        try large.expectThreadsAgree()
        for shape in [[2, 3], [1, 1, 1, .max]] {
            #expect(throws: Problem.self) {
                try Upsampling(rows: 2, columns: 2).outputShape(inputs: [shape], parameters: [], batch: .values([2]))
            }
        }
    }

    @Test func whatIsDetachedHasNoGradient() throws {
        let check = OperationCheck(operation: Detachment(), inputs: [tensor([2, 2], [1, -2, 3, 4])])
        #expect(try check.forward().elements == [1, -2, 3, 4])
        #expect(try check.backward(tensor([2, 2], [1, 2, 3, 4]), start: 5).inputs[0].elements == [5, 5, 5, 5])
    }

    /// What an operation makes of a sample must not depend on others: it says along which dimensions it does.
    @Test func operationsSayWhatTheyJoin() {
        func joined(_ operation: any Operation, _ input: Int = 0, rank: Int = 3) -> [Int] {
            operation.joinedDimensions(ofInput: input, rank: rank)
        }
        #expect(joined(MatrixProduct()) == [2] && joined(MatrixProduct(), 1) == [1])
        // The input is the right factor, whose rows are summed over.
        #expect(joined(MatrixProduct(parameterFirst: true)) == [1])
        #expect(joined(Reduction(.sum, axes: [], keepsDimensions: false)) == [0, 1, 2])
        #expect(joined(EntryLookup(axis: 1, constant: ([0], []))) == [1])
        // Entries whose numbers are computed are chosen as much.
        #expect(joined(EntryLookup(axis: 1)) == [1] && joined(EntryLookup(axis: 1), 1) == [])
        #expect(joined(EntryLookup(axis: 0, isOfParameter: true)) == [])
        #expect(joined(Upsampling(rows: 2, columns: 1), rank: 4) == [2, 3] && joined(Detachment()) == [])
        #expect(joined(Padding(before: [0, 1, 0], after: [0, 0, 0])) == [1])
        #expect(joined(Softmax()) == [2] && joined(Activation(.relu)) == [] && joined(Convolution(stride: (1, 1)), rank: 4) == [1, 2, 3])
    }
}
