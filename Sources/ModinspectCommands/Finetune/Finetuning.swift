import Checkpoints
import Datasets
import Evaluation
import Networks
import Text
import Training

/// One run of `finetune`: its trainer, what is evaluated and written beside it, and how it ends.
final class Finetuning {
    private let command: FinetuneCommand
    private let model: LoadedModel
    private let file: RunStateFile?
    private let data: SampleBatches
    private let trainer: Trainer
    private let term: ClusteredTerm
    private let steps: Int
    private let parent: CheckpointSource
    private let isRunningText: Bool
    /// The mean length of a sample of tokens; nil for numbers.
    private let tokensPerSample: Double?
    private let evaluated: Evaluator?
    private let guarded: Evaluator?
    private let plan: TrainingRun.Plan
    private lazy var identity = Result {
        try command.identity(
            model, trainer: trainer, term: term, plan: plan, data: data.dataset, evaluated: evaluated?.batches.dataset)
    }
    private var log: TrainingLog?
    /// In the last evaluation; nil before the first.
    private var accuracy: Double?
    /// When the last line of the log was written, and the samples since then.
    private var counted = (time: Progress.now(), samples: 0)

    private var diagnostics: Diagnostics { command.output.diagnostics }

    init(_ command: FinetuneCommand, _ model: LoadedModel, _ file: RunStateFile?) throws {
        self.command = command
        self.model = model
        self.file = file
        let (seed, threads) = (command.computation.seed, command.computation.threadCount)
        try model.checkMemory()
        func batches(_ options: DataSourceOptions) throws -> SampleBatches {
            let dataset = try model.dataset(options, seed: seed)
            guard dataset.count > 0 else { throw Problem(dataset.name, "has no samples") }
            guard dataset.targets.areKnown else {
                throw Problem(dataset.name, "has no answers to learn from", hint: .words("--labels FILE gives them"))
            }
            return try SampleBatches(dataset, for: model.network)
        }
        data = try batches(command.data)
        let samples = data.dataset.count
        isRunningText = if case .nextToken = data.dataset.targets { true } else { false }
        tokensPerSample =
            if case .tokens(let tokens) = data.dataset.inputs {
                Double((0..<samples).reduce(0) { $0 + tokens.length(of: $1) }) / Double(samples)
            } else { nil }
        term = try ClusteredTerm(
            command.clusterability, command.layers, model, lambda: command.clusterability.lambda ?? (isRunningText ? 40 : 20), seed: seed)
        let trained = try TrainedParameters(of: model.network, only: command.optimization.only, frozen: command.optimization.frozen)
        let order = try command.optimization.order(
            count: samples, isRunningText: isRunningText, smallest: BatchOrder.smallestBatch(for: data), seed: seed)
        steps = try command.optimization.stepCount(order)
        trainer = try Trainer(data, trained: trained, order: order, settings: command.optimization.settings(steps: steps), threads: threads)
        let parameters = trainer.parameters
        func evaluator(_ path: String?, labels: String?) throws -> Evaluator? {
            guard let path else { return nil }
            var options = command.data
            (options.data, options.samples.labels, options.samples.limit) = (path, labels, command.watching.limit)
            return Evaluator(try batches(options), threads: threads, parameters: parameters)
        }
        evaluated = try evaluator(command.watching.evaluated, labels: command.watching.evaluatedLabels)
        guarded = try evaluator(command.watching.guarding, labels: command.watching.guardingLabels)
        var plan = TrainingRun.Plan(steps: steps)
        plan.warmup = command.clusterability.warmup
        plan.evaluationInterval = evaluated == nil ? nil : command.watching.interval ?? max(order.stepsPerEpoch, (steps - 1) / 100 + 1)
        plan.savingInterval = command.state.interval
        plan.wantedClusterability = command.watching.goal(.clusterability)
        plan.wantedAccuracy = command.watching.goal(.accuracy)
        self.plan = plan
        parent = command.output.parent(model.checkpoint, command.source)
        if order.leftOut > 0 {
            diagnostics.warning(
                "\(command.checkpoint): batch norm cannot be trained on a batch of 1 sample: each epoch leaves out its last batch")
        }
        let names = Set(trained.parameters.map { model.network.parameters[$0.index].name })
        let untrained = term.layers.filter { !names.contains($0.name) }.map {
            (name: $0.name, text: "is not trained, its clusterability stays as it is")
        }
        if let line = Diagnostics.gathered(command.checkpoint, "tensor", untrained) { diagnostics.warning(line) }
    }

    /// Goes on from what was saved where that is asked for, and opens the log.
    func prepare() throws {
        var kept: Int?
        if command.state.resume, let file {
            if let state = try file.state() {
                try file.checkOptions(of: state, against: identity.get())
                do {
                    try trainer.restore(state) { model.catalog[$0] }
                } catch let error as Problem {
                    throw error.at(path: file.path)
                }
                kept = trainer.step
                diagnostics.note("\(file.path): going on after step \(trainer.step) of \(steps)")
            } else {
                diagnostics.note("\(file.path): no run was saved, beginning with the first step")
            }
        }
        guard let path = command.watching.log else { return }
        let log = try TrainingLog(path, after: kept)
        self.log = log
        guard log.isEmpty else { return }
        let network = model.network
        try log.append(
            Provenanced(
                FinetuneRun.schema, seed: command.computation.seed, checkpoint: parent,
                FinetuneRun(
                    data: command.data.data, samples: trainer.order.count, batch: trainer.order.batchSize, leftOut: trainer.order.leftOut,
                    steps: steps,
                    parameters: trainer.trained.parameters.reduce(0) { $0 + network.parameters[$1.index].shape.reduce(1, *) },
                    lambda: term.lambda, layers: term.layers.map(\.name))))
    }

    /// Makes the steps that are left and writes the checkpoint.
    func run(_ target: CheckpointTarget) throws -> TrainingRun.Ending {
        StopSignals.watch()
        let progress = command.output.progressBar("finetune", total: steps, unit: "steps", after: trainer.step)
        defer { progress.finish() }
        let ending = try makeSteps(progress)
        progress.finish()
        try log?.flush()
        if ending == .stopped {
            let words = "stopped after step \(trainer.step) of \(steps)"
            diagnostics.failure(
                "\(command.checkpoint): " + words + (file.map { "; --resume goes on from \($0.path)" } ?? ", nothing is saved"))
            return ending
        }
        try write(target)
        return ending
    }

    private func makeSteps(_ progress: Progress) throws -> TrainingRun.Ending {
        var run = TrainingRun(plan)
        let threads = command.computation.threadCount
        run.makeTerm = { [term, trainer, data] in try term.term(trainer, data, threads: threads) }
        run.evaluate = { [evaluated, guarded] in
            guard let evaluated else { return nil }
            return TrainingRun.Evaluation(outcome: try evaluated.evaluate(), guarded: try guarded?.evaluate())
        }
        run.observe = { [unowned self] report, evaluation in
            progress.advance { "loss \(Self.short(report.loss)), ce \(Self.short(report.crossEntropy))" }
            try self.note(report, evaluation)
        }
        run.save = { [unowned self] in try self.save() }
        run.shouldStop = { StopSignals.haveCome }
        counted = (Progress.now(), 0)
        do {
            return try run.run(trainer)
        } catch var error as Problem {
            try log?.flush()
            guard let file, file.exists, let kept = try? file.state() else { throw error }
            error.hint = "the state after step \(kept.step) is kept in \(file.path)"
            throw error
        }
    }

    /// Writes a step's line to the log.
    private func note(_ report: Trainer.Report, _ evaluation: TrainingRun.Evaluation?) throws {
        counted.samples += report.samples
        if let evaluation { accuracy = evaluation.outcome.accuracy }
        guard let log, report.step % command.watching.logInterval == 0 || evaluation != nil || report.step == steps else { return }
        let now = Progress.now()
        let rate = Double(counted.samples) / max(now - counted.time, 1e-9)
        counted = (now, 0)
        try log.append(
            FinetuneStep(
                report, epoch: trainer.order.epoch(ofStep: report.step - 1) + 1, samplesPerSecond: rate,
                tokensPerSecond: tokensPerSample.map { $0 * rate },
                evaluation: evaluation.map { FinetuneStep.Found($0.outcome, isRunningText: isRunningText) },
                guarded: evaluation?.guarded.map { FinetuneStep.Found($0, isRunningText: isRunningText) }))
    }

    /// Saves the run as it is. The log goes first: it must not lag behind.
    private func save() throws {
        try log?.flush()
        guard let file else { return }
        try file.write(trainer.state(options: identity.get()))
    }

    /// Writes the checkpoint. Where that fails the run's state is saved, so that nothing is lost.
    private func write(_ target: CheckpointTarget) throws {
        let best = command.watching.keep == .best ? trainer.bestStep?.step : nil
        if best != nil { trainer.exchangeBest() }
        let draft = CheckpointDraft(model, trained: trainer, step: best ?? trainer.step, dtype: command.dtype)
        let record = ArchiveRecord(
            architecture: model.architecture, clusters: trainer.term.map { $0.clusterings.map(ArchiveRecord.Clusters.init) },
            seed: command.computation.seed, parent: parent)
        do {
            try target.write(draft, record: record)
        } catch {
            if best != nil { trainer.exchangeBest() }
            if let file, (try? save()) != nil {
                diagnostics.failure("\(command.checkpoint): all steps are made and saved; --resume goes on from \(file.path)")
            }
            throw error
        }
        file?.remove()
        var words = ["\(trainer.step) steps"]
        if let best, best != trainer.step { words.append("weights of step \(best)") }
        if let found = trainer.meanClusterability() { words.append("clusterability \(ByteText.rounded(found))") }
        if best == nil || best == trainer.step, let accuracy { words.append("accuracy \(ByteText.rounded(accuracy))") }
        diagnostics.note("\(command.output.output): " + words.joined(separator: ", "))
    }

    /// A few digits for a bar.
    private static func short(_ value: Double) -> String { ByteText.fixed(value, digits: abs(value) < 1 ? 3 : 2) }
}
