import Checkpoints
import Datasets
import Evaluation
import Networks
import Scoring
import Text

/// A request for the weights that a model needs, judged on held-out data.
package struct WeightCircuitRequest {
    /// What a circuit must preserve.
    package enum Objective: String, Sendable, CaseIterable {
        /// The output distribution on all samples; for a label, of its two outcomes.
        case kl
        /// The mean loss on the samples of a label.
        case labelLoss = "label-loss"

        /// The documentation of the value for help and manual, one sentence.
        package var documentation: String {
            switch self {
            case .kl: "The mean divergence from the intact model's output distribution over all samples stays within the tolerance."
            case .labelLoss: "The mean loss on the label's samples does not rise above the intact model's."
            }
        }

        /// The mean divergence, or rise of the mean loss, that is allowed by default, in nats.
        package var standardTolerance: Double {
            switch self {
            case .kl: 0.01
            case .labelLoss: 0
            }
        }
    }

    /// The circuits to find.
    package enum Subjects: Sendable {
        case wholeModel
        case labels([Int])
        /// Every label of the data.
        case everyLabel
    }

    /// What circuits are judged by.
    package enum HeldOut: Sendable {
        /// A share of the data, drawn under the seed.
        case share(Double)
        /// All samples of other data.
        case data(DatasetSource)
    }

    package let model: LoadedModel
    package let data: DatasetSource
    package var heldOut = HeldOut.share(0.5)
    /// Patterns of the matrices to prune. Without any: every matrix of a chain, or the MLP input matrix of every block of a transformer.
    package var layers: [String] = []
    package var objective = Objective.kl
    package var subjects = Subjects.wholeModel
    /// ``Objective/standardTolerance`` if nil.
    package var tolerance: Double?
    /// The random masks that each circuit is compared with.
    package var controls = 3
    /// How often the search for each circuit is repeated on resampled data.
    package var resamples = 0
    /// The samples that run at once; if nil, the number depends on the memory needed.
    package var batchSize: Int?
    package var seed: UInt64 = 0
    /// Bounds the cores used; changes nothing else.
    package var threads = 1

    package init(_ model: LoadedModel, data: DatasetSource) {
        self.model = model
        self.data = data
    }

    /// Reads the data and finds the layers.
    ///
    /// - Throws: ``Problem`` if data and model do not fit each other, or the data has no labels.
    package func prepared() throws -> Prepared {
        let layers = try prunedLayers()
        try model.checkParameters(holdingAll: true)
        let parts = try parts()
        let batches = try SampleBatches(parts.found, for: model.network, batchSize: batchSize)
        let judged = try SampleBatches(parts.judged, for: model.network, batchSize: batchSize)
        let pruning = WeightPruning(
            objectives: objectives(labels: try WeightPruning.labels(of: batches)), tolerance: tolerance ?? objective.standardTolerance,
            controls: controls, resamples: resamples, seed: seed)
        return Prepared(layers: layers, batches: batches, judged: judged, pruning: pruning, threads: threads)
    }

    /// The layers that are named, in the model's order.
    private func prunedLayers() throws -> [Layer] {
        if layers.isEmpty, model.architecture != nil { return model.catalog.weightMatrices }
        return model.read(try model.catalog.layers(matching: layers, path: model.checkpoint.path), layers)
    }

    /// The data that circuits are found with, and those that they are judged on.
    private func parts() throws -> (found: Dataset, judged: Dataset) {
        let all = try model.dataset(data)
        switch heldOut {
        case .data(let source): return (all, try model.dataset(source))
        case .share(let share):
            // Checked before the split, so that errors give a sample's position in the data.
            _ = try DataFit(model.network, all)
            let split = HeldOutSplit(count: all.count, share: share, seed: seed)
            guard !split.found.isEmpty, !split.judged.isEmpty else {
                throw Problem(
                    data.path, "has too few samples to judge circuits by some of them", expected: "at least 2", found: "\(all.count)",
                    hint: .giveHeldOutData)
            }
            return (all.selecting(split.found), all.selecting(split.judged))
        }
    }

    /// The circuits to find in data with the given labels: one circuit for each.
    private func objectives(labels present: [Int32]) -> [WeightObjective] {
        let chosen: [Int] =
            switch subjects {
            case .wholeModel: []
            case .labels(let labels): labels
            case .everyLabel: Set(present.map(Int.init)).sorted()
            }
        switch objective {
        case .labelLoss: return chosen.map { .labelLoss(label: $0) }
        case .kl: return chosen.isEmpty ? [.divergence] : chosen.map { .labelDivergence(label: $0) }
        }
    }

    /// A request whose inputs have all been read.
    package struct Prepared {
        package let layers: [Layer]
        /// The samples that circuits are found with.
        package let batches: SampleBatches
        /// Those that they are judged on.
        package let judged: SampleBatches
        package let pruning: WeightPruning
        let threads: Int

        /// The weights that are tried, those of several circuits together.
        package var weightCount: Int { layers.reduce(0) { $0 + $1.outNeurons * $1.inNeurons } * max(pruning.objectives.count, 1) }

        /// - Parameter progress: called with the fraction that is done, from any thread.
        package func run(progress: @escaping @Sendable (Double) -> Void = { _ in }) throws -> WeightPruning.Result {
            let done = SharedFraction()
            return try pruning.run(layers, on: batches, heldOut: judged, threads: threads) { progress(done.add($0)) }
        }
    }
}
