import Tensors
import Testing
import Text

@testable import Networks

/// Attention in steps and in one.
struct AttentionTests {
    private let random = OperationCheck.random

    /// One case of the fixtures: heads, key heads, head dimension, mask.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let heads: Int
        let keyHeads: Int
        let dimension: Int
        let mask: AttentionMask
        var testDescription: String { name }
        var scale: Float { 1 / Float(dimension).squareRoot() }
        var scores: AttentionScores {
            AttentionScores(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: mask)
        }
        var values: AttentionValues { AttentionValues(heads: heads, keyHeads: keyHeads, headDimension: dimension) }
        var fused: Attention { Attention(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: mask) }
    }

    static let small = [
        Case(name: "causal", heads: 3, keyHeads: 3, dimension: 4, mask: .causal),
        Case(name: "grouped", heads: 4, keyHeads: 2, dimension: 3, mask: .causal),
        Case(name: "unmasked", heads: 2, keyHeads: 1, dimension: 5, mask: .none),
        Case(name: "window", heads: 2, keyHeads: 2, dimension: 3, mask: .window(3)),
        Case(name: "one", heads: 2, keyHeads: 1, dimension: 3, mask: .causal),
        Case(name: "large", heads: 2, keyHeads: 2, dimension: 4, mask: .causal),
    ]
    static let tiled = [
        Case(name: "tiles", heads: 2, keyHeads: 1, dimension: 2, mask: .causal),
        Case(name: "tiles_window", heads: 2, keyHeads: 1, dimension: 2, mask: .window(40)),
        Case(name: "tiles_unmasked", heads: 2, keyHeads: 1, dimension: 2, mask: .none),
    ]

    @Test func a_case_by_hand() throws {
        // One head of one element: q = (0, ln 3), k = (0, 1), v = (4, 8). Position 1 weighs 1 : 3, position 0 sees itself alone.
        let queries = Tensor(shape: [1, 2, 1], [0, 1.098_612_3])
        let keys = Tensor(shape: [1, 2, 1], [0, 1])
        let values = Tensor(shape: [1, 2, 1], [4, 8])
        let one = Case(name: "by hand", heads: 1, keyHeads: 1, dimension: 1, mask: .causal)
        let scores = try OperationCheck(operation: one.scores, inputs: [queries, keys]).forward()
        #expect(scores.shape == [1, 1, 2, 2] && scores.elements == [0, -.infinity, 0, 1.098_612_3])
        let pattern = try OperationCheck(operation: Softmax(), inputs: [scores]).forward()
        let stepwise = try OperationCheck(operation: one.values, inputs: [pattern, values]).forward().elements
        let fused = try OperationCheck(operation: one.fused, inputs: [queries, keys, values]).forward().elements
        for output in [stepwise, fused] { #expect(abs(output[0] - 4) < 1e-6 && abs(output[1] - 7) < 1e-6) }
    }

    @Test(arguments: small)
    func scores_are_those_of_pytorch(item: Case) throws {
        try OperationCheck.expectMatchesPyTorch(item.scores, file: SequenceFile.name, "scores_\(item.name)", tolerance: 1e-6)
    }

    @Test(arguments: small.filter { ["causal", "grouped", "one"].contains($0.name) })
    func values_are_those_of_pytorch(item: Case) throws {
        try OperationCheck.expectMatchesPyTorch(item.values, file: SequenceFile.name, "values_\(item.name)", tolerance: 1e-6)
    }

    @Test(arguments: small + tiled)
    func fused_attention_is_that_of_pytorch(item: Case) throws {
        // Scores of 300 are rounded in their fifth place behind the point, which goes into the exponentials.
        let tolerance: Float = item.name == "large" ? 1e-4 : 2e-6
        try OperationCheck.expectMatchesPyTorch(item.fused, file: SequenceFile.name, "attention_\(item.name)", tolerance: tolerance)
    }

    @Test(arguments: [AttentionMask.none, .causal, .window(2), .window(1), .window(.max)])
    func fused_attention_has_the_gradients_of_its_differences(mask: AttentionMask) throws {
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 3, mask: mask)
        try OperationCheck(operation: item.fused, inputs: [random([2, 4, 12], 1, 1), random([2, 4, 6], 2, 1), random([2, 4, 6], 3, 1)])
            .expectDifferencesAgree()
    }

    @Test func attention_in_steps_has_the_gradients_of_its_differences() throws {
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 3, mask: .none)
        try OperationCheck(operation: item.scores, inputs: [random([2, 3, 12], 1, 1), random([2, 3, 6], 2, 1)]).expectDifferencesAgree()
        try OperationCheck(operation: item.values, inputs: [random([2, 4, 3, 3], 1, 1), random([2, 3, 6], 2, 1)]).expectDifferencesAgree()
    }

    @Test(arguments: [AttentionMask.none, .causal, .window(70)])
    func fused_and_stepwise_attention_agree(mask: AttentionMask) throws {
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 8, mask: mask)
        let (queries, keys, values) = (random([2, 150, 32], 1, 2), random([2, 150, 16], 2, 2), random([2, 150, 16], 3, 1))
        let scores = try OperationCheck(operation: item.scores, inputs: [queries, keys]).forward()
        let pattern = try OperationCheck(operation: Softmax(), inputs: [scores]).forward()
        let stepwise = try OperationCheck(operation: item.values, inputs: [pattern, values]).forward()
        let fused = try OperationCheck(operation: item.fused, inputs: [queries, keys, values]).forward()
        #expect(zip(fused.elements, stepwise.elements).allSatisfy { abs($0 - $1) < 2e-6 })

        let gradient = random(fused.shape, 4, 1)
        let back = try OperationCheck(operation: item.fused, inputs: [queries, keys, values]).backward(gradient)
        let ofValues = try OperationCheck(operation: item.values, inputs: [pattern, values]).backward(gradient)
        let ofScores = try OperationCheck(operation: Softmax(), inputs: [scores]).backward(ofValues.inputs[0])
        let ofProducts = try OperationCheck(operation: item.scores, inputs: [queries, keys]).backward(ofScores.inputs[0])
        for (a, b) in zip(back.inputs, ofProducts.inputs + [ofValues.inputs[1]]) {
            #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 2e-5 })
        }
    }

    @Test(arguments: [AttentionMask.none, .causal, .window(70)])
    func bits_do_not_depend_on_the_number_of_threads(mask: AttentionMask) throws {
        let item = Case(name: "", heads: 4, keyHeads: 2, dimension: 8, mask: mask)
        let (queries, keys, values) = (random([2, 150, 32], 1, 1), random([2, 150, 16], 2, 1), random([2, 150, 16], 3, 1))
        try OperationCheck(operation: item.fused, inputs: [queries, keys, values]).expectThreadsAgree()
        try OperationCheck(operation: item.scores, inputs: [queries, keys]).expectThreadsAgree()
        try OperationCheck(operation: item.values, inputs: [random([2, 4, 150, 150], 4, 1), values]).expectThreadsAgree()
    }

    @Test func blocks_that_the_mask_forbids_are_not_computed() throws {
        // What position 64, the first of the second tile, holds cannot reach the first tile; nor, through a window of 20,
        // the tile of the positions 128...191.
        let (queries, keys, values) = (random([1, 200, 2], 1, 1), random([1, 200, 2], 2, 1), random([1, 200, 2], 3, 1))
        for tensor in [keys, values] { tensor.withMutableElements { $0[128] = .nan } }
        for mask in [AttentionMask.causal, .window(20)] {
            let item = Case(name: "", heads: 1, keyHeads: 1, dimension: 2, mask: mask)
            let output = try OperationCheck(operation: item.fused, inputs: [queries, keys, values]).forward().elements
            #expect(output[..<128].allSatisfy(\.isFinite) && output[128].isNaN)
            #expect(output[256...].allSatisfy(\.isFinite) == (mask != .causal))
        }
    }

    @Test func what_does_not_fit_is_refused() {
        func fused(_ heads: Int, _ keyHeads: Int, _ dimension: Int, _ shapes: [[Int]], _ mask: AttentionMask = .causal) throws -> [Int] {
            try Attention(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: 1, mask: mask)
                .outputShape(inputs: shapes, parameters: [], batch: .values(shapes[0]))
        }
        let shapes = [[2, 5, 8], [2, 5, 4], [2, 5, 4]]
        #expect(throws: Never.self) { try fused(4, 2, 2, shapes) }
        for (heads, keyHeads, dimension) in [(3, 2, 2), (4, 0, 2), (0, 0, 2), (4, 2, 0), (-4, -2, -2), (Int.max, 1, 8), (8, 2, 1)] {
            #expect(throws: Problem.self) { try fused(heads, keyHeads, dimension, shapes) }
        }
        #expect(throws: Problem("keys and values do not fit the queries", expected: "2x5x4", found: "2x6x4")) {
            try fused(4, 2, 2, [[2, 5, 8], [2, 5, 4], [2, 6, 4]])
        }
        #expect(throws: Problem.self) { try fused(4, 2, 2, shapes, .window(0)) }
        #expect(throws: Problem.self) {
            try AttentionValues(heads: 4, keyHeads: 2, headDimension: 2)
                .outputShape(inputs: [[2, 4, 5, 6], [2, 5, 4]], parameters: [], batch: .values([2]))
        }
    }
}
