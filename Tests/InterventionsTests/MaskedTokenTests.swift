import Checkpoints
import Datasets
import Evaluation
import Interventions
import Modularity
import Networks
import Tensors
import TestSupport
import Testing

/// Losses at masked tokens, in batches whose samples have different numbers of them.
struct MaskedTokenTests {
    /// Sequences of one length with 2, 0, 1 and 4 masked tokens.
    private func batches(batchSize: Int) throws -> (LoadedModel, SampleBatches) {
        let model = try LoadedModel(try Checkpoint.open(Fixtures.path("transformers/bert-masked")))
        var sequences: [[Int32]] = []
        for sample: Int32 in 0..<4 { sequences.append((0..<9).map { (position: Int32) in (3 * sample + 5 * position) % 11 + 5 }) }
        let places: [[Int]] = [[4, 1], [], [8], [0, 2, 3, 7]]
        let answers = places.map { $0.map { Dataset.MaskedAnswer(position: $0, token: Int32($0 * 7 % 13)) } }
        let dataset = Dataset(name: "masked", inputs: .tokens(TokenSequences(sequences)), targets: .masked(answers))
        return (model, try SampleBatches(dataset, for: model.network, batchSize: batchSize))
    }

    /// Sample, position, answer and prediction of each answer with its loss.
    private func answers(_ batches: SampleBatches, keepsLogits: Bool) throws -> [(key: [Int], loss: Double)] {
        var found: [(key: [Int], loss: Double)] = []
        func add(_ answers: Answers) {
            for place in 0..<answers.count {
                found.append(
                    (
                        [
                            answers.samples[place], answers.positions[place], Int(answers.targets[place]),
                            Int(answers.predictions[place]),
                        ], answers.losses[place]
                    ))
            }
        }
        let keep: ((Tensor) throws -> Void)? = keepsLogits ? { _ in } : nil
        _ = try Evaluator(batches, threads: 2).evaluate(logits: keep, answers: { add($0) })
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    @Test(arguments: [1, 2, 4]) func lossesAreThoseOfRunsThatComputeEveryPosition(batchSize: Int) throws {
        let (_, batches) = try batches(batchSize: batchSize)
        // Scores that are kept are computed at all positions.
        let (part, whole) = (try answers(batches, keepsLogits: false), try answers(batches, keepsLogits: true))
        #expect(part.map { Array($0.key.prefix(2)) } == [[0, 1], [0, 4], [2, 8], [3, 0], [3, 2], [3, 3], [3, 7]])
        #expect(part.map(\.key) == whole.map(\.key))
        for (a, b) in zip(part, whole) { #expect(abs(a.loss - b.loss) < 1e-5 * max(1, b.loss)) }
        #expect(Set(part.map(\.loss)).count == part.count)
    }

    @Test(arguments: ["activations", "weights"]) func ablationsAreThoseOfSingleSamples(reading: String) throws {
        var outcomes: [[Double]] = []
        // One sample at a time, and batches whose samples ask about as many positions.
        for batchSize in [1, 4] {
            let (model, batches) = try batches(batchSize: batchSize)
            let layers = try model.catalog.layers.filter { $0.name.contains("layer.") && $0.name.contains("dense") }.map { layer in
                let clustering = LayerClustering(
                    layer: layer.name, clusterCount: 2, outLabels: Labels((0..<layer.outNeurons).map { $0 % 2 }),
                    inLabels: Labels((0..<layer.inNeurons).map { $0 % 2 }))
                return try AblatedLayer(layer, in: model.network, clustering: clustering)
            }
            #expect(layers.count >= 4)
            let ablation = ClusterAblation(reading: try #require(.init(rawValue: reading)), fill: .zero)
            let result = try ablation.run(layers, on: batches, threads: 2)
            outcomes.append(
                [try #require(result.intact.loss)]
                    + (try result.layers.flatMap { try $0.rows.map { try #require($0.outcome.loss) } }))
        }
        #expect(outcomes[0].count == outcomes[1].count && Set(outcomes[0]).count > outcomes[0].count / 2)
        for (a, b) in zip(outcomes[0], outcomes[1]) { #expect(abs(a - b) < 1e-5 * max(1, b)) }
    }
}
