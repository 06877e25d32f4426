import ArgumentParser
import Checkpoints
import Evaluation
import Networks
import Text

struct EvalCommand: FileCommand, ListCommand, DataCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Runs models on data: loss, accuracy, accuracy by class, perplexity.",
        usage: "modinspect eval --data <data> [<options>] <checkpoints> ...",
        discussion: """
            loss: the mean cross-entropy in nats over the answers; with --task regression and reconstruction, the mean squared error, \
            and there is no accuracy. accuracy: the share of answers for which the right class or token has the highest score. \
            perplexity: exp(loss), for text and token ids. The answers are the labels for samples that have labels, each next token \
            for text and token ids, the masked tokens for a model that predicts them, and the sum at the last position for modular \
            addition. For a mixture of experts, the positions at which its routers choose each expert are counted too.
            """)

    @OptionGroup var inputs: CheckpointListOptions

    @Option(help: "The format of the result.")
    var format = PictureFormat.text

    @Option(
        name: .customLong("logits"),
        help: ArgumentHelp(
            "Write the scores of all samples to FILE as a numpy array: [samples, classes], or [samples, length, vocabulary].",
            valueName: "file.npy"),
        completion: .file())
    var logits: String?

    @OptionGroup var dataPath: DataPathOptions
    @OptionGroup var samples: SampleOptions
    @OptionGroup var batches: BatchOptions
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var weightMemory: WeightMemoryOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var listed: [String] { inputs.checkpoints }

    var fileUse: FileUse {
        FileUse(
            reading: inputs.files + source.inputs + data.inputs,
            writing: [("--logits", logits), ("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if logits != nil, inputs.mayBeSeveral { throw ValidationError("--logits takes one checkpoint") }
    }

    func run() throws {
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(format, output, fileUse)
        let (seed, data) = (computation.seed, self.data.data)
        let report = CheckpointReport<EvaluatedCheckpoint>(
            format: format, header: EvalTable.header, rows: { try $1.write(EvalTable.rows($0)) }, failedRow: EvalTable.row,
            text: { try $1.write(EvalTable.text($0)) },
            lines: { [Provenanced(EvalReport.schema, seed: seed, EvalLine(data: data, checkpoint: $0))] },
            document: { Provenanced(EvalReport.schema, seed: seed, EvalReport(data: data, checkpoints: $0)) })
        try CheckpointRun(diagnostics: output.diagnostics).report(inputs, report, to: target) { try evaluate($0) }
    }

    private func evaluate(_ path: String) throws -> EvaluatedCheckpoint {
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
        output.diagnostics.describe(model)
        weightMemory.limit(model, output.diagnostics)
        let batches = try model.batches(data.values(seed: computation.seed), batchSize: data.batchSize)
        let dataset = batches.dataset
        output.diagnostics.describe(dataset)
        if !dataset.targets.areKnown, logits == nil {
            throw Problem(
                dataset.name, "has no answers to compare with", hint: "--labels FILE gives them, --logits FILE.npy saves the scores")
        }
        let writer = try logits.map { try LogitsWriter($0, batches: batches) }
        let progress = output.progressBar("eval", total: dataset.count, unit: "samples")
        defer { progress.finish() }
        var experts: ExpertUse?
        let outcome = try Evaluator(batches, threads: computation.threadCount).evaluate(
            logits: writer.map { writer in { try writer.write($0) } }, experts: { experts = $0 }, progress: { progress.advance(by: $0) })
        try writer?.finish()
        progress.finish()
        output.diagnostics.describe(outcome, path: path)
        let hash = format.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil
        let base = source.base(of: model.checkpoint, output, isHashed: format.hasProvenance)
        return EvaluatedCheckpoint(model, sha256: hash, base: base, dataset, outcome, experts: experts)
    }
}
