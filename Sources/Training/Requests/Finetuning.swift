import Checkpoints
import Evaluation
import Modularity
import Networks
import Text

/// The run of a ``FinetuneRequest``, from its data and settings to its final weights.
package final class Finetuning {
    /// The report of a step.
    package struct Step {
        package let report: Trainer.Report
        /// The epoch that the step belongs to, counted from 1.
        package let epoch: Int
        /// nil if no evaluation was made.
        package let evaluation: TrainingRun.Evaluation?
    }

    package let request: FinetuneRequest
    package let data: SampleBatches
    package let trainer: Trainer
    package let term: ClusteredTerm
    package let plan: TrainingRun.Plan
    /// Whether samples are windows of text, of which every next token is an answer.
    package let isRunningText: Bool
    /// The mean length of a sample of tokens; nil for numbers.
    package let tokensPerSample: Double?
    let evaluated: Evaluator?
    private let guarded: Evaluator?
    /// The parts that the run depends on, by their names in saved states.
    private lazy var options: Result<[String: String], any Error> = Result {
        Dictionary(try identity().map { (request.naming($0), $1) }, uniquingKeysWith: { first, _ in first })
    }
    /// In the last evaluation; nil before the first.
    private var accuracy: Double?

    init(_ request: FinetuneRequest) throws {
        self.request = request
        let model = request.model
        try model.checkParameters(holdingAll: true)
        data = try request.batches(request.data)
        let samples = data.dataset.count
        isRunningText = if case .nextToken = data.dataset.targets { true } else { false }
        tokensPerSample =
            if case .tokens(let tokens) = data.dataset.inputs {
                Double((0..<samples).reduce(0) { $0 + tokens.length(of: $1) }) / Double(samples)
            } else { nil }
        term = try ClusteredTerm(
            request.clusters, patterns: request.layers, of: model, lambda: request.lambda ?? (isRunningText ? 40 : 20),
            isGoal: request.wantedClusterability != nil, seed: request.seed)
        let trained = try TrainedParameters(
            of: model.network, only: request.only, frozen: request.frozen, kept: model.keptTensors)
        let order = try request.training.order(
            count: samples, isRunningText: isRunningText, smallest: BatchOrder.smallestBatch(for: data), seed: request.seed)
        let steps = try request.training.stepCount(order)
        trainer = try Trainer(
            data, trained: trained, order: order, settings: request.training.settings(steps: steps), threads: request.threads)
        let parameters = trainer.parameters
        evaluated = try request.evaluated.map {
            Evaluator(try request.batches($0), threads: request.threads, parameters: parameters)
        }
        guarded = try request.guarded.map { Evaluator(try request.batches($0), threads: request.threads, parameters: parameters) }
        plan = request.plan(steps: steps, order)
    }

    /// The steps of the whole run.
    package var stepCount: Int { plan.steps }

    /// The steps that were made.
    package var step: Int { trainer.step }

    /// The numbers that are trained.
    package var parameterCount: Int {
        trainer.trained.parameters.reduce(0) { $0 + trainer.network.parameters[$1.index].shape.reduce(1, *) }
    }

    /// The layers of the term that are not trained, and whose clusterability does not change.
    package var untrainedLayers: [Layer] {
        let names = Set(trainer.trained.parameters.map { trainer.network.parameters[$0.index].name })
        return term.layers.filter { !names.contains($0.name) }
    }

    /// The current state of the run. Its tensors are the run's own and change with the next step.
    ///
    /// - Throws: what reading the files threw that the run depends on.
    package func state() throws -> TrainingState { trainer.state(options: try options.get()) }

    /// Goes on from a state.
    ///
    /// - Throws: ``Problem`` that names everything that the state's run had otherwise; ``Problem`` for a state of another model.
    package func restore(_ state: TrainingState) throws {
        let differences = state.differences(from: try options.get())
        guard differences.isEmpty else {
            let words = differences.map { name, kept, given in "\(name) was \(kept ?? "not given") and is \(given ?? "not given")" }
            throw Problem("the run was started with other options: " + words.joined(separator: ", "))
        }
        try trainer.restore(state) { request.model.catalog[$0] }
    }

    /// Makes the steps that are left.
    ///
    /// - Parameters:
    ///   - observe: called after every step.
    ///   - save: keeps the ``state()``; called at intervals, and when the run is stopped.
    ///   - shouldStop: asked before every step.
    /// - Throws: ``Problem`` if a step fails, whatever the closures throw.
    package func run(
        observe: @escaping (Step) throws -> Void = { _ in }, save: @escaping () throws -> Void = {},
        shouldStop: @escaping () -> Bool = { false }
    ) throws -> TrainingRun.Ending {
        var run = TrainingRun(plan)
        run.makeTerm = { [term, trainer, data, request] in try term.term(trainer, data, threads: request.threads) }
        run.evaluate = { [evaluated, guarded] in
            guard let evaluated else { return nil }
            return TrainingRun.Evaluation(outcome: try evaluated.evaluate(), guarded: try guarded?.evaluate())
        }
        run.observe = { [unowned self] report, evaluation in
            if let evaluation { accuracy = evaluation.outcome.accuracy }
            try observe(Step(report: report, epoch: trainer.order.epoch(ofStep: report.step - 1) + 1, evaluation: evaluation))
        }
        run.save = save
        run.shouldStop = shouldStop
        return try run.run(trainer)
    }

    /// The outcome of a run.
    package struct Outcome: Sendable {
        /// The step that the weights belong to.
        package let step: Int
        package let clusterings: [LayerClustering]?
        /// The mean over the layers; nil without a term, and if every matrix is zero.
        package let clusterability: Double?
        /// In the evaluation of these weights; nil if there was none.
        package let accuracy: Double?
    }

    /// Hands the checkpoint that the run ends with to `body`: the last weights, or the best. Whatever `body` throws, the run can be saved
    /// then.
    ///
    /// - Parameter dtype: of all floating-point tensors; nil for the types that they have.
    package func withResult(dtype: DType? = nil, _ body: (CheckpointDraft, Outcome) throws -> Void) throws {
        let best = request.keptWeights == .best ? trainer.bestStep?.step : nil
        if best != nil { trainer.exchangeBest() }
        defer { if best != nil { trainer.exchangeBest() } }
        let step = best ?? trainer.step
        let outcome = Outcome(
            step: step, clusterings: trainer.term?.clusterings, clusterability: trainer.meanClusterability(),
            accuracy: step == trainer.step ? accuracy : nil)
        try body(CheckpointDraft(request.model, trained: trainer, step: step, dtype: dtype), outcome)
    }
}
