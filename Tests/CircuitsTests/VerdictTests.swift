import Testing

@testable import Circuits

@Suite struct VerdictTests {
    @Test func aLabelsLossAloneMakesADegenerateCircuit() throws {
        let result = try PrunedModel("mnist-mlp").circuits([.labelLoss(label: 3)], tolerance: 0, samples: 0..<200, controls: 2)
        let circuit = try #require(result.circuits.first)
        #expect(circuit.loss <= circuit.intactLoss && circuit.samples < 40)
        // It answers everything with 3.
        #expect(circuit.verdict.commonAnswer == 3 && circuit.verdict.commonShare >= CircuitVerdict.constantShare)
        #expect(circuit.verdict.recall == 1 && circuit.verdict.falseAlarms ?? 0 > 0.95)
        #expect(result.intact.commonShare < 0.3)
        #expect(circuit.verdict.isDegenerate && !result.intact.isDegenerate)
    }

    @Test func oneAnswerIsNoAlarmWhereItIsTheRightOne() throws {
        let model = try PrunedModel("mnist-mlp")
        let threes = try WeightPruning.labels(of: model.batches(0..<300)).enumerated().filter { $0.element == 3 }.map(\.offset)
        let result = try model.circuits([.labelLoss(label: 3)], tolerance: 0, samples: threes)
        let verdict = try #require(result.circuits.first).verdict
        #expect(verdict.commonShare >= CircuitVerdict.constantShare && verdict.commonAnswer == 3 && !verdict.isDegenerate)
    }

    @Test func theDivergenceKeepsTheAnswers() throws {
        let result = try PrunedModel("mnist-mlp").circuits([.divergence], tolerance: 0.005, samples: 0..<200, controls: 3)
        let circuit = try #require(result.circuits.first)
        #expect(circuit.loss <= 0.005 && abs(circuit.verdict.divergence - circuit.loss) < 1e-6)
        #expect(try #require(circuit.verdict.outcome.accuracy) > 0.9)
        for control in circuit.controls {
            #expect(control.divergence > 1)
            #expect(try #require(control.outcome.accuracy) < 0.7)
        }
    }

    @Test func circuitsDoNotDependOnThreads() throws {
        let model = try PrunedModel("cifar-cnn")
        let results = try [1, 2, 3].map {
            try model.circuits(
                [.labelDivergence(label: 2)], tolerance: 0.01, samples: 0..<60, layers: ["conv2.weight", "fc3.weight"], controls: 1,
                threads: $0)
        }
        for result in results.dropFirst() {
            #expect(result.circuits[0].mask == results[0].circuits[0].mask)
            #expect(result.circuits[0].loss == results[0].circuits[0].loss)
            #expect(result.circuits[0].verdict.divergence == results[0].circuits[0].verdict.divergence)
        }
    }

    @Test func aSplitHasEverySampleOnce() {
        let split = HeldOutSplit(count: 11, share: 0.3, seed: 4)
        #expect(split.judged.count == 3 && (split.found + split.judged).sorted() == Array(0..<11))
        #expect(HeldOutSplit(count: 11, share: 0.3, seed: 5) != split && HeldOutSplit(count: 11, share: 0.3, seed: 4) == split)
        #expect(HeldOutSplit(count: 2, share: 0.01, seed: 0).judged.count == 1)
        #expect(HeldOutSplit(count: 1, share: 0.5, seed: 0).judged.isEmpty)
    }
}
