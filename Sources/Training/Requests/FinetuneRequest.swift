import Datasets
import Evaluation
import Modularity
import Networks
import Text

/// The final weights of a run.
package enum KeptWeights: String, Sendable, CaseIterable {
    case last
    /// Those with the lowest loss in an evaluation.
    case best

    /// What the value means, in a sentence, for help and manual.
    package var documentation: String {
        switch self {
        case .last: "Those after the last step."
        case .best: "Those with the lowest loss in an evaluation."
        }
    }
}

/// The request of `finetune`: the data, the clusters to train for, the optimisation, the evaluations, and the end of the run.
///
/// ``prepared()`` reads the data and makes the run, which can resume from a saved state.
package struct FinetuneRequest {
    package let model: LoadedModel
    package var data: DatasetSource
    /// Data to evaluate the model on during the run.
    package var evaluated: DatasetSource?
    /// Data of another kind, also evaluated.
    package var guarded: DatasetSource?
    package var clusters = ClusteredTerm.Clusters.found(.cocluster, .fixed(4))
    /// Patterns of the layers that the term is the mean of. Without any: those that have given clusters, otherwise the model's default
    /// layers.
    package var layers: [String] = []
    /// The weight of the mean clusterability in the loss; if nil, 20, or 40 for running text.
    package var lambda: Double?
    /// The steps before the term begins.
    package var warmup = 0
    package var training = TrainingPlan()
    /// Patterns of the only parameters to train; all if empty.
    package var only: [String] = []
    /// Patterns of parameters that do not change.
    package var frozen: [String] = []
    /// The steps between evaluations; if nil, an epoch, or a hundredth of the run if that is longer.
    package var evaluationInterval: Int?
    /// The steps after which the state is saved; if nil, only when the run is stopped.
    package var savingInterval: Int?
    /// The mean clusterability at which the run ends; if a goal for accuracy is given too, both must be reached.
    package var wantedClusterability: Double?
    /// The accuracy in an evaluation at which the run ends.
    package var wantedAccuracy: Double?
    package var keptWeights = KeptWeights.last
    package var seed: UInt64 = 0
    /// Bounds the cores used; changes nothing else.
    package var threads = 1
    /// The names, in a saved state, of the parts that the run depends on.
    package var naming: (RunPart) -> String = { "\($0)" }

    package init(_ model: LoadedModel, data: DatasetSource) {
        self.model = model
        self.data = data
    }

    /// Reads the data and makes the run.
    ///
    /// - Throws: ``Problem`` if model, data, clusters and settings do not fit each other, or the memory does not suffice.
    package func prepared() throws -> Finetuning { try Finetuning(self) }

    /// Data in batches, with answers to learn from.
    func batches(_ source: DatasetSource) throws -> SampleBatches {
        let dataset = try model.dataset(source)
        guard dataset.count > 0 else { throw Problem(dataset.name, "has no samples") }
        guard dataset.targets.areKnown else {
            throw Problem(dataset.name, "has no answers to learn from", hint: .giveAnswers)
        }
        return try SampleBatches(dataset, for: model.network)
    }

    /// When a run does what.
    func plan(steps: Int, _ order: BatchOrder) -> TrainingRun.Plan {
        var plan = TrainingRun.Plan(steps: steps)
        plan.warmup = warmup
        plan.evaluationInterval = evaluated == nil ? nil : evaluationInterval ?? max(order.stepsPerEpoch, (steps - 1) / 100 + 1)
        plan.savingInterval = savingInterval
        plan.wantedClusterability = wantedClusterability
        plan.wantedAccuracy = wantedAccuracy
        return plan
    }
}
