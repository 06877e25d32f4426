import Evaluation
import Networks

/// A run from the step where its trainer is to its end: evaluations, saved states, and when to stop.
public struct TrainingRun {
    /// Which steps do what. Steps are counted from 1.
    public struct Plan: Sendable, Equatable {
        /// The last step.
        public var steps: Int
        /// The steps before the clusterability term begins.
        public var warmup = 0
        /// Every how many steps the model is evaluated, and after the last; never where nil.
        public var evaluationInterval: Int?
        /// Every how many steps the state is saved; only when the run is stopped where nil.
        public var savingInterval: Int?
        /// The mean clusterability at which the run ends.
        public var wantedClusterability: Double?
        /// The accuracy in an evaluation at which the run ends; where a clusterability is wanted too, both must be there.
        public var wantedAccuracy: Double?

        public init(steps: Int) { self.steps = steps }
    }

    /// How a run ended.
    public enum Ending: Sendable, Equatable {
        case complete
        /// What was wanted is there.
        case reached
        /// Somebody asked for an end; the state is saved.
        case stopped
    }

    /// What an evaluation found.
    public struct Evaluation: Sendable {
        public let outcome: Outcome
        /// Of the data that guards against what the training data does not show.
        public let guarded: Outcome?

        public init(outcome: Outcome, guarded: Outcome? = nil) {
            self.outcome = outcome
            self.guarded = guarded
        }
    }

    public let plan: Plan
    /// Makes the clusterability term after the warm-up, from the weights as they are then; nil where there is none or it is there already.
    public var makeTerm: (() throws -> ClusterabilityTerm)?
    /// Evaluates the weights as they are.
    public var evaluate: (() throws -> Evaluation?)?
    /// Told of every step and of its evaluation.
    public var observe: (Trainer.Report, Evaluation?) throws -> Void = { _, _ in }
    public var save: () throws -> Void = {}
    /// Asked before every step.
    public var shouldStop: () -> Bool = { false }

    public init(_ plan: Plan) { self.plan = plan }

    /// Makes the steps that are left.
    ///
    /// - Throws: ``TrainingError`` where a step fails, whatever the closures throw.
    public func run(_ trainer: Trainer) throws -> Ending {
        while trainer.step < plan.steps {
            if shouldStop() {
                try save()
                return .stopped
            }
            if trainer.term == nil, trainer.step >= plan.warmup, let makeTerm { trainer.term = try makeTerm() }
            let report = try trainer.makeStep()
            let isClustered = plan.wantedClusterability.map { (trainer.meanClusterability() ?? -.infinity) >= $0 }
            var isOver = plan.wantedAccuracy == nil && isClustered == true
            var evaluation: Evaluation?
            if let interval = plan.evaluationInterval, report.step % interval == 0 || report.step == plan.steps || isOver {
                evaluation = try evaluate?()
                if let loss = evaluation?.outcome.loss { trainer.keepIfBest(loss: loss) }
                if let wanted = plan.wantedAccuracy, isClustered ?? true { isOver = (evaluation?.outcome.accuracy ?? -1) >= wanted }
            }
            try observe(report, evaluation)
            if let interval = plan.savingInterval, report.step % interval == 0 { try save() }
            if isOver { return .reached }
        }
        return .complete
    }
}
