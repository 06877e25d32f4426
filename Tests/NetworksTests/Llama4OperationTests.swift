import Tensors
import Testing

@testable import Networks

/// The operations that Llama 4 has beside other mixtures of experts: cases worked out by hand, and finite differences.
struct Llama4OperationTests {
    private func random(_ shape: [Int], seed: UInt64 = 1) -> Tensor { OperationCheck.random(shape, seed: seed) }

    private func close(_ a: [Float], _ b: [Float]) -> Bool { a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 } }

    @Test func gatesAreTheLogisticFunctionOfTheLargestScores() throws {
        // 3 / (3 + 1); of equal scores the first is chosen.
        let scores = Tensor(shape: [1, 1, 4], [0, 1.098_612_3, -1, 1.098_612_3])
        func gates(_ count: Int) throws -> [Float] {
            try OperationCheck(operation: ExpertGates(count: count), inputs: [scores]).forward().elements
        }
        #expect(close(try gates(1), [0, 0.75, 0, 0]))
        #expect(close(try gates(3), [0.5, 0.75, 0, 0.75]))
        try OperationCheck(operation: ExpertGates(count: 2), inputs: [random([2, 3, 4], seed: 1)]).expectDifferencesAgree()
        try OperationCheck(operation: ExpertGates(count: 2), inputs: [random([2, 70, 4], seed: 2)]).expectThreadsAgree()
    }

    @Test func marksAreOneForEachGate() throws {
        let gates = Tensor(shape: [1, 2, 3], [0, 0.25, 0, 1, 0, 0.5])
        #expect(try OperationCheck(operation: ExpertMarks(), inputs: [gates]).forward().elements == [0, 1, 0, 1, 0, 1])
    }

    @Test func inputsAreMultipliedByTheGateAndNotReadWithoutOne() throws {
        let gates = Tensor(shape: [1, 2, 2], [1, 0.5, 1, 0])
        let check = OperationCheck(operation: GatedInput(expert: 1), inputs: [Tensor(shape: [1, 2, 2], [3, 4, .nan, .nan]), gates])
        #expect(try check.forward().elements == [1.5, 2, 0, 0])
        try OperationCheck(operation: GatedInput(expert: 1), inputs: [random([2, 3, 5], seed: 3), random([2, 3, 2], seed: 4)])
            .expectDifferencesAgree()
        try OperationCheck(operation: GatedInput(expert: 0), inputs: [random([2, 70, 5], seed: 5), random([2, 70, 2], seed: 6)])
            .expectThreadsAgree()
    }

    @Test func factorsGrowAtEveryStepOfPositions() throws {
        let ones = Tensor(shape: [1, 4, 1], [1, 1, 1, 1])
        let found = try OperationCheck(operation: PositionScaling(slope: 0.5, step: 2), inputs: [ones]).forward().elements
        // 1 + log(2) / 2 twice, then 1 + log(3) / 2.
        let wanted: [Float] = [1, 1.346_573_6, 1.346_573_6, 1.549_306_1]
        #expect(close(found, wanted))
        try OperationCheck(operation: PositionScaling(slope: 0.5, step: 2), inputs: [random([2, 5, 3], seed: 7)]).expectDifferencesAgree()
    }

    @Test func headsWithoutWeightsAreDividedByTheirRoot() throws {
        // Roots 5 / sqrt 2 and 1.
        let norm = HeadNorm(headDimension: 2, kind: .rootMeanSquare(offset: 0), epsilon: 0)
        let found = try OperationCheck(operation: norm, inputs: [Tensor(shape: [1, 1, 4], [3, 4, 1, -1])]).forward().elements
        let wanted: [Float] = [0.848_528_1, 1.131_370_8, 1, -1]
        #expect(close(found, wanted))
        try OperationCheck(operation: norm, inputs: [random([2, 3, 4], seed: 8)]).expectDifferencesAgree()
    }

    @Test func positionsSeeOnlyTheirChunk() throws {
        let ones = Tensor(shape: [1, 5, 1], [1, 1, 1, 1, 1])
        let scores = try OperationCheck(
            operation: AttentionScores(heads: 1, keyHeads: 1, headDimension: 1, scale: 1, mask: .chunk(2)), inputs: [ones, ones]
        ).forward().elements
        let seen = scores.map { $0 == 1 ? 1 : 0 }
        #expect(seen == [1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1])
        // Over several tiles, whole attention is the same as scores, softmax and values.
        let attention = Attention(heads: 2, keyHeads: 1, headDimension: 3, scale: 0.7, mask: .chunk(9))
        let (queries, keys, values) = (random([1, 140, 6], seed: 9), random([1, 140, 3], seed: 10), random([1, 140, 3], seed: 11))
        let fused = try OperationCheck(operation: attention, inputs: [queries, keys, values]).forward().elements
        let parts = try OperationCheck(
            operation: AttentionScores(heads: 2, keyHeads: 1, headDimension: 3, scale: 0.7, mask: .chunk(9)), inputs: [queries, keys]
        ).forward()
        let pattern = try OperationCheck(operation: Softmax(), inputs: [parts]).forward()
        let mixed = try OperationCheck(
            operation: AttentionValues(heads: 2, keyHeads: 1, headDimension: 3), inputs: [pattern, values]
        ).forward().elements
        #expect(zip(fused, mixed).allSatisfy { abs($0 - $1) < 1e-5 })
        try OperationCheck(
            operation: Attention(heads: 2, keyHeads: 1, headDimension: 3, scale: 0.7, mask: .chunk(3)),
            inputs: [random([1, 7, 6], seed: 12), random([1, 7, 3], seed: 13), random([1, 7, 3], seed: 14)]
        ).expectDifferencesAgree()
    }
}
