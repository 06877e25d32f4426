import Datasets
import Evaluation
import Networks
import Tensors

/// The inputs of each layer with weights in the intact model, for all samples that circuits are found with.
///
/// Memory: 8 bytes for each sample and each in-neuron of the layers that are pruned.
struct ChainInputs: Sendable {
    /// By step, [in-features, samples].
    let tables: [Int: FeatureTable]
    /// The intact model's scores, [classes, samples].
    let scores: FeatureTable
    /// The right classes.
    let labels: [Int32]

    private static let block = 128

    init(tables: [Int: FeatureTable], scores: FeatureTable, labels: [Int32]) {
        self.tables = tables
        self.scores = scores
        self.labels = labels
    }

    /// Runs the chain over all samples, a block at a time; blocks run side by side.
    init(_ chain: DoubleChain, network: Network, batches: SampleBatches, labels: [Int32], steps: [Int], threads: Int) throws {
        let count = batches.dataset.count
        let weights = chain.weights(of: network)
        var tables: [Int: FeatureTable] = [:]
        for step in steps { tables[step] = FeatureTable(features: chain.steps[step].inFeatures, samples: count) }
        let scores = FeatureTable(features: network.outputWidth, samples: count)
        let (made, first) = (tables, steps.min() ?? 0)
        try Parallel.forEach(count: (count + Self.block - 1) / Self.block, threads: threads) { piece in
            let samples = Array(piece * Self.block..<min(count, (piece + 1) * Self.block))
            guard case .values(let given) = batches.batch(of: samples) else { return }
            var values = FeatureTable(features: chain.inFeatures, samples: samples.count)
            values.setSamples(from: 0, to: given)
            for place in chain.steps.indices {
                if place >= first { made[place]?.setSamples(from: samples[0], to: values) }
                values = chain.output(of: place, values, weights)
            }
            scores.setSamples(from: samples[0], to: values)
        }
        self.init(tables: tables, scores: scores, labels: labels)
    }

    /// Those of some samples.
    func selecting(_ samples: [Int]) -> ChainInputs {
        ChainInputs(
            tables: tables.mapValues { $0.selecting(samples) }, scores: scores.selecting(samples), labels: samples.map { labels[$0] })
    }
}
