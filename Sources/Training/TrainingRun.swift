import Evaluation
import Networks
import Text

/// A run from the current step of its trainer to the end: evaluations, saved states, and when to stop.
package struct TrainingRun {
    /// Which steps do what. Steps are counted from 1.
    package struct Plan: Sendable, Equatable {
        /// The last step.
        package var steps: Int
        /// The steps before the clusterability term begins.
        package var warmup = 0
        /// The number of steps between evaluations, in addition to one after the last step; nil for no evaluations.
        package var evaluationInterval: Int?
        /// The number of steps after which the state is saved; if nil, only when the run is stopped.
        package var savingInterval: Int?
        /// The mean clusterability at which the run ends.
        package var wantedClusterability: Double?
        /// The accuracy in an evaluation at which the run ends; if a goal for clusterability is given too, both must be reached.
        package var wantedAccuracy: Double?

        package init(steps: Int) { self.steps = steps }
    }

    /// How a run ended.
    package enum Ending: Sendable, Equatable {
        case complete
        /// The goal is reached.
        case reached
        /// A stop was requested; the state is saved.
        case stopped
    }

    /// The result of an evaluation.
    package struct Evaluation: Sendable {
        package let outcome: Outcome
        /// The outcome on the data of the guard.
        package let guarded: Outcome?

        package init(outcome: Outcome, guarded: Outcome? = nil) {
            self.outcome = outcome
            self.guarded = guarded
        }
    }

    package let plan: Plan
    /// Makes the clusterability term after the warm-up, from the weights at that time; nil if there is none or it already exists.
    package var makeTerm: (() throws -> ClusterabilityTerm)?
    /// Evaluates the current weights.
    package var evaluate: (() throws -> Evaluation?)?
    /// Told of every step and of its evaluation.
    package var observe: (Trainer.Report, Evaluation?) throws -> Void = { _, _ in }
    package var save: () throws -> Void = {}
    /// Asked before every step.
    package var shouldStop: () -> Bool = { false }

    package init(_ plan: Plan) { self.plan = plan }

    /// Makes the steps that are left.
    ///
    /// - Throws: ``Problem`` if a step fails, whatever the closures throw.
    package func run(_ trainer: Trainer) throws -> Ending {
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
