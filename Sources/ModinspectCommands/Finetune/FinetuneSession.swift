import Checkpoints
import Text
import Training

/// The outputs of a run of `finetune`: its log, its state, its progress bar, and finally the checkpoint.
final class FinetuneSession {
    private let command: FinetuneCommand
    private let run: Finetuning
    private let file: RunStateFile?
    private let parent: CheckpointSource
    private var log: TrainingLog?
    /// When the last line of the log was written, and the samples since then.
    private var counted = (time: Progress.now(), samples: 0)

    private var diagnostics: Diagnostics { command.output.diagnostics }
    private var steps: Int { run.stepCount }

    init(_ command: FinetuneCommand, _ run: Finetuning, _ file: RunStateFile?) {
        self.command = command
        self.run = run
        self.file = file
        parent = command.output.parent(run.request.model.checkpoint, command.source)
        if run.trainer.order.leftOut > 0 {
            diagnostics.warning(
                "\(command.checkpoint): batch norm cannot be trained on a batch of 1 sample: each epoch leaves out its last batch")
        }
        let untrained = run.untrainedLayers.map { (name: $0.name, text: "is not trained; its clusterability does not change") }
        if let line = Diagnostics.gathered(command.checkpoint, "tensor", untrained) { diagnostics.warning(line) }
    }

    /// Resumes from the saved state if that is requested, and opens the log.
    func prepare() throws {
        var kept: Int?
        if command.state.resume, let file {
            if let state = try file.state() {
                do {
                    try run.restore(state)
                } catch let error as Problem {
                    throw error.at(path: file.path)
                }
                kept = run.step
                diagnostics.note("\(file.path): resuming after step \(run.step) of \(steps)")
            } else {
                diagnostics.note("\(file.path): no saved run exists; starting from the beginning")
            }
        }
        guard let path = command.watching.log else { return }
        let log = try TrainingLog(path, after: kept)
        self.log = log
        guard log.isEmpty else { return }
        let order = run.trainer.order
        try log.append(
            Provenanced(
                FinetuneRun.schema, seed: command.computation.seed, checkpoint: parent,
                FinetuneRun(
                    data: command.data.data, samples: order.count, batch: order.batchSize, leftOut: order.leftOut, steps: steps,
                    parameters: run.parameterCount, lambda: run.term.lambda, layers: run.term.layers.map(\.name))))
    }

    /// Makes the steps that are left and writes the checkpoint.
    func finish(_ target: CheckpointTarget) throws -> TrainingRun.Ending {
        StopSignals.watch()
        let progress = command.output.progressBar("finetune", total: steps, unit: "steps", after: run.step)
        defer { progress.finish() }
        let ending = try makeSteps(progress)
        progress.finish()
        try log?.flush()
        if ending == .stopped {
            let words = "stopped after step \(run.step) of \(steps)"
            diagnostics.failure(
                "\(command.checkpoint): " + words + (file.map { "; --resume continues from \($0.path)" } ?? ", nothing is saved"))
            return ending
        }
        try write(target)
        return ending
    }

    private func makeSteps(_ progress: Progress) throws -> TrainingRun.Ending {
        counted = (Progress.now(), 0)
        do {
            return try run.run(
                observe: { [unowned self] step in
                    progress.advance { "loss \(Self.short(step.report.loss)), ce \(Self.short(step.report.crossEntropy))" }
                    try note(step)
                },
                save: { [unowned self] in try save() }, shouldStop: { StopSignals.haveCome })
        } catch var error as Problem where !error.isOfOutput {
            try log?.flush()
            guard let file, file.exists, let kept = try? file.state() else { throw error }
            error.hint = .words("the state after step \(kept.step) is kept in \(file.path)")
            throw error
        }
    }

    /// Writes a step's line to the log.
    private func note(_ step: Finetuning.Step) throws {
        let (report, evaluation) = (step.report, step.evaluation)
        counted.samples += report.samples
        guard let log, report.step % command.watching.logInterval == 0 || evaluation != nil || report.step == steps else { return }
        let now = Progress.now()
        let rate = Double(counted.samples) / max(now - counted.time, 1e-9)
        counted = (now, 0)
        try log.append(
            FinetuneStep(
                report, epoch: step.epoch, samplesPerSecond: rate, tokensPerSecond: run.tokensPerSample.map { $0 * rate },
                evaluation: evaluation.map { FinetuneStep.Found($0.outcome, isRunningText: run.isRunningText) },
                guarded: evaluation?.guarded.map { FinetuneStep.Found($0, isRunningText: run.isRunningText) }))
    }

    /// Saves the current state of the run. The log is written first, so that it does not lag behind the state.
    private func save() throws {
        try log?.flush()
        guard let file else { return }
        try file.write(run.state())
    }

    /// Writes the checkpoint. Where that fails the run's state is saved, so that nothing is lost.
    private func write(_ target: CheckpointTarget) throws {
        var words = [ByteText.counted(run.step, "step")]
        do {
            try run.withResult(dtype: command.dtype) { draft, outcome in
                let record = ArchiveRecord(
                    architecture: run.request.model.architecture,
                    clusters: outcome.clusterings.flatMap { $0.isEmpty ? nil : $0.map(ArchiveRecord.Clusters.init) },
                    seed: command.computation.seed,
                    parent: parent)
                try target.write(draft, record: record, command.output.diagnostics) { try run.request.model.words() }
                if outcome.step != run.step { words.append("weights of step \(outcome.step)") }
                if let found = outcome.clusterability { words.append("clusterability \(ByteText.rounded(found))") }
                if let accuracy = outcome.accuracy { words.append("accuracy \(ByteText.rounded(accuracy))") }
            }
        } catch {
            if let file, (try? save()) != nil {
                diagnostics.failure("\(command.checkpoint): all steps are done and saved; --resume continues from \(file.path)")
            }
            throw error
        }
        file?.remove()
        diagnostics.note("\(command.output.output): " + words.joined(separator: ", "))
    }

    /// A few digits for a bar.
    private static func short(_ value: Double) -> String { ByteText.fixed(value, digits: abs(value) < 1 ? 3 : 2) }
}
