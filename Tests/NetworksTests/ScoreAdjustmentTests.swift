import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// What happens to scores between the products and the softmax, and to numbers after a layer: bounds, slopes, constants.
struct ScoreAdjustmentTests {
    private static let file = "adjustments.safetensors"
    private let random = OperationCheck.random

    /// One case of the fixtures.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let heads: Int
        let keyHeads: Int
        let dimension: Int
        let adjustment: ScoreAdjustment
        var mask = AttentionMask.causal
        var testDescription: String { name }

        var scores: AttentionScores {
            AttentionScores(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: 1 / Float(dimension).squareRoot(),
                adjustment: adjustment, mask: mask)
        }
        var fused: Attention {
            Attention(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: 1 / Float(dimension).squareRoot(),
                adjustment: adjustment, mask: mask)
        }
    }

    static let cases = [
        Case(name: "capped", heads: 4, keyHeads: 2, dimension: 3, adjustment: .cap(1.5)),
        Case(name: "capped_window", heads: 2, keyHeads: 1, dimension: 5, adjustment: .cap(50), mask: .window(3)),
        Case(name: "alibi", heads: 3, keyHeads: 3, dimension: 4, adjustment: .alibi(heads: 3)),
        Case(name: "alibi_grouped", heads: 8, keyHeads: 4, dimension: 2, adjustment: .alibi(heads: 8)),
    ]
    static let tiled = [
        Case(name: "capped_tiles", heads: 2, keyHeads: 1, dimension: 2, adjustment: .cap(2), mask: .window(40)),
        Case(name: "alibi_tiles", heads: 2, keyHeads: 2, dimension: 2, adjustment: .alibi(heads: 2)),
    ]

    @Test func casesByHand() throws {
        // One head of one element: q = (0, 30000), k = (0, 1). Under a cap of ln 3, the product of position 1 with itself becomes ln 3, so
        // that it weighs 3 : 1.
        let inputs = [Tensor(shape: [1, 2, 1], [0, 3e4]), Tensor(shape: [1, 2, 1], [0, 1])]
        let capped = Case(name: "", heads: 1, keyHeads: 1, dimension: 1, adjustment: .cap(1.098_612_3))
        let scores = try OperationCheck(operation: capped.scores, inputs: inputs).forward().elements
        #expect(scores[0] == 0 && scores[1] == -.infinity && scores[2] == 0 && abs(scores[3] - 1.098_612_3) < 1e-6)
        let values = Tensor(shape: [1, 2, 1], [4, 8])
        #expect(abs(try OperationCheck(operation: capped.fused, inputs: inputs + [values]).forward().elements[1] - 7) < 1e-5)
        let sloped = Case(name: "", heads: 1, keyHeads: 1, dimension: 1, adjustment: .slopes([2.197_224_6]))
        let equal = [Tensor(shape: [1, 2, 1], [0, 0]), Tensor(shape: [1, 2, 1], [1, 1]), Tensor(shape: [1, 2, 1], [10, 20])]
        // With a slope of ln 9 for equal scores, position 0 weighs 1 : 9 from position 1: between 10 and 20.
        #expect(abs(try OperationCheck(operation: sloped.fused, inputs: equal).forward().elements[1] - 19) < 1e-5)
        #expect(
            try OperationCheck(operation: SoftCap(2), inputs: [Tensor(shape: [1, 3], [0, 1e9, -1e9])]).forward().elements == [0, 2, -2])
        #expect(try OperationCheck(operation: Scaling(-0.5), inputs: [Tensor(shape: [1, 2], [4, 1])]).forward().elements == [-2, -0.5])
    }

    @Test(arguments: [1, 3, 8, 12]) func slopesAreThoseOfBloom(heads: Int) throws {
        let stored = try #require(try Checkpoint.open(Fixtures.path("operations/\(Self.file)"))["slopes_\(heads)"]).floats()
        guard case .slopes(let slopes) = ScoreAdjustment.alibi(heads: heads) else { return }
        #expect(slopes.count == heads && zip(slopes, stored).allSatisfy { abs($0 - $1) <= 1e-6 * $1 })
    }

    @Test(arguments: cases) func scoresAreThoseOfPyTorch(item: Case) throws {
        try OperationCheck.expectMatchesPyTorch(item.scores, file: Self.file, "scores_\(item.name)", tolerance: 5e-6)
    }

    @Test(arguments: cases + tiled) func fusedAttentionIsThatOfPyTorch(item: Case) throws {
        // Scores near 50 are rounded in their sixth place behind the point.
        let tolerance: Float = item.name == "capped_window" ? 1e-4 : 5e-6
        try OperationCheck.expectMatchesPyTorch(item.fused, file: Self.file, "attention_\(item.name)", tolerance: tolerance)
    }

    @Test func sinksTakeTheirShareOfTheSoftmax() throws {
        // Exponentials 1, 3 and a sink of 4: an eighth and three eighths; the first position sees itself alone, a fifth.
        let check = OperationCheck(
            operation: SinkSoftmax(), inputs: [Tensor(shape: [1, 1, 2, 2], [0, -.infinity, 0, 1.098_612_3])],
            parameters: [Tensor(shape: [1], [1.386_294_4])])
        #expect(zip(try check.forward().elements, [0.2, 0, 0.125, 0.375]).allSatisfy { abs($0 - $1) < 1e-6 })
        try OperationCheck.expectMatchesPyTorch(SinkSoftmax(), file: Self.file, "sinks_softmax", tolerance: 2e-6)
        for large: Float in [1e4, -1e4] {
            let check = OperationCheck(
                operation: SinkSoftmax(), inputs: [Tensor(shape: [1, 1, 1, 1], [0])], parameters: [Tensor(shape: [1], [large])])
            #expect(try check.forward().elements == [large > 0 ? 0 : 1])
        }
    }

    /// Attention with sinks, or of the last queries alone.
    static let sunk: [(name: String, heads: Int, keyHeads: Int, dimension: Int, mask: AttentionMask, first: Int)] = [
        ("sinks", 4, 2, 3, .causal, 0), ("sinks_window", 2, 1, 5, .window(3), 0), ("sinks_tiles", 2, 1, 2, .window(40), 0),
        ("late", 4, 2, 3, .causal, 4), ("late_window", 2, 1, 3, .window(3), 5), ("late_tiles", 2, 2, 2, .causal, 70),
    ]

    @Test(arguments: sunk) func attentionWithSinksAndOfLateQueriesIsThatOfPyTorch(
        item: (name: String, heads: Int, keyHeads: Int, dimension: Int, mask: AttentionMask, first: Int)
    ) throws {
        let operation = Attention(
            heads: item.heads, keyHeads: item.keyHeads, headDimension: item.dimension, scale: 1 / Float(item.dimension).squareRoot(),
            mask: item.mask, firstQuery: item.first)
        try OperationCheck.expectMatchesPyTorch(operation, file: Self.file, "attention_\(item.name)", tolerance: 5e-6)
    }

    @Test func sinksHaveTheGradientsOfTheirDifferences() throws {
        let attention = Attention(heads: 4, keyHeads: 2, headDimension: 3, scale: 0.6, mask: .causal, firstQuery: 1)
        let check = OperationCheck(
            operation: attention, inputs: [random([2, 3, 12], 1, 1), random([2, 4, 6], 2, 1), random([2, 4, 6], 3, 1)],
            parameters: [random([4], 4, 1)])
        try check.expectDifferencesAgree()
        try OperationCheck(
            operation: attention, inputs: [random([2, 149, 12], 1, 1), random([2, 150, 6], 2, 1), random([2, 150, 6], 3, 1)],
            parameters: [random([4], 4, 1)]
        ).expectThreadsAgree()
        try OperationCheck(operation: SinkSoftmax(), inputs: [random([2, 3, 4, 4], 1, 1)], parameters: [random([3], 4, 1)])
            .expectDifferencesAgree()
        #expect(throws: Problem.self) {
            try attention.outputShape(inputs: [[2, 3, 12], [2, 4, 6], [2, 4, 6]], parameters: [[3]], batch: .values([2, 3, 12]))
        }
        #expect(throws: Problem.self) {
            try attention.outputShape(inputs: [[2, 4, 12], [2, 4, 6], [2, 4, 6]], parameters: [], batch: .values([2, 4, 12]))
        }
        #expect(throws: Problem.self) {
            try SinkSoftmax().outputShape(inputs: [[2, 3, 4, 4]], parameters: [[4]], batch: .values([2, 3, 4, 4]))
        }
    }

    @Test func singleNumbersAreThoseOfPyTorch() throws {
        try OperationCheck.expectMatchesPyTorch(SoftCap(3), file: Self.file, "cap", tolerance: 1e-6)
        try OperationCheck.expectMatchesPyTorch(Scaling(0.22), file: Self.file, "scaling", tolerance: 1e-6)
    }

    @Test(arguments: [ScoreAdjustment.cap(1.5), .slopes([0.5, 0.25, 2, 1])])
    func gradientsAreThoseOfDifferences(adjustment: ScoreAdjustment) throws {
        for mask in [AttentionMask.none, .causal, .window(2)] {
            let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 3, adjustment: adjustment, mask: mask)
            try OperationCheck(
                operation: item.fused, inputs: [random([2, 4, 12], 1, 1), random([2, 4, 6], 2, 1), random([2, 4, 6], 3, 1)]
            )
            .expectDifferencesAgree()
        }
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 3, adjustment: adjustment, mask: .none)
        try OperationCheck(operation: item.scores, inputs: [random([2, 3, 12], 1, 1), random([2, 3, 6], 2, 1)]).expectDifferencesAgree()
    }

    @Test func singleNumbersHaveTheGradientsOfTheirDifferences() throws {
        try OperationCheck(operation: SoftCap(1.5), inputs: [random([2, 5], 1, 1)]).expectDifferencesAgree()
        try OperationCheck(operation: Scaling(0.3), inputs: [random([2, 5], 1, 1)]).expectDifferencesAgree()
    }

    @Test(arguments: [ScoreAdjustment.cap(1.5), .slopes([0.5, 0.25, 2, 1])])
    func bitsDoNotDependOnTheNumberOfThreads(adjustment: ScoreAdjustment) throws {
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 8, adjustment: adjustment)
        let inputs = [random([2, 150, 32], 1, 1), random([2, 150, 16], 2, 1), random([2, 150, 16], 3, 1)]
        try OperationCheck(operation: item.fused, inputs: inputs).expectThreadsAgree()
        try OperationCheck(operation: item.scores, inputs: Array(inputs.prefix(2))).expectThreadsAgree()
        try OperationCheck(operation: SoftCap(1), inputs: [random([3, 40_000], 1, 1)]).expectThreadsAgree()
        try OperationCheck(operation: Scaling(3), inputs: [random([3, 40_000], 1, 1)]).expectThreadsAgree()
    }

    @Test func whatCannotBeAppliedIsRefused() {
        func shape(_ adjustment: ScoreAdjustment) throws -> [Int] {
            try Case(name: "", heads: 4, keyHeads: 2, dimension: 2, adjustment: adjustment).fused
                .outputShape(inputs: [[2, 5, 8], [2, 5, 4], [2, 5, 4]], parameters: [], batch: .values([2, 5, 8]))
        }
        for adjustment in [ScoreAdjustment.cap(0), .cap(.nan), .cap(-1), .cap(.infinity), .slopes([1, 2, 3]), .slopes([])] {
            #expect(throws: Problem.self) { try shape(adjustment) }
        }
        #expect(throws: Never.self) { try shape(.slopes([1, 2, 3, 4])) }
    }
}
