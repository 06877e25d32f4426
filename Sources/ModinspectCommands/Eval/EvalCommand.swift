import ArgumentParser
import Checkpoints
import Evaluation
import Networks

struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Runs models on data: loss, accuracy, accuracy by class, perplexity.",
        usage: "modinspect eval --data <data> [<options>] <checkpoints> ...",
        discussion: """
            loss: the mean cross-entropy in nats over the answers; accuracy: the share of them where the right one has the highest \
            score. Of samples with labels the answers are the labels; of text and token ids each next token, and perplexity is \
            exp(loss); of modular addition the last position's.
            """)

    @Argument(help: "The checkpoints; - is an archive on standard input.", completion: .file())
    var checkpoints: [String]

    @Option(help: "The format of the result.")
    var format = ReportFormat.text

    @Option(
        name: .customLong("logits"),
        help: ArgumentHelp(
            "Write the scores of all samples to FILE as a numpy array: [samples, classes], or [samples, length, vocabulary].",
            valueName: "file.npy"),
        completion: .file())
    var logits: String?

    @OptionGroup var data: DataOptions
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let inputs = checkpoints + [data.data] + (data.labels.map { [$0] } ?? [])
        if inputs.filter({ $0 == "-" }).count > 1 { throw ValidationError("standard input can be read once only") }
        if logits != nil, checkpoints.count > 1 { throw ValidationError("--logits takes one checkpoint") }
        if let logits, logits != "-", logits == output.output { throw ValidationError("--logits and -o name the same file") }
        if logits == "-", output.output == nil || output.output == "-" {
            throw ValidationError("--logits - leaves no place for the result; -o FILE moves it")
        }
    }

    func run() throws {
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        let run = CheckpointRun(diagnostics: output.diagnostics)
        var report: [EvaluatedCheckpoint] = []
        var count = 0
        try run.forEach(checkpoints) { path in
            let found = try evaluate(path)
            count += 1
            switch format {
            case .text: try stream.write((count == 1 ? "" : "\n") + EvalTable.text(found))
            case .tsv: try stream.write((count == 1 ? EvalTable.header : "") + EvalTable.rows(found))
            case .jsonl:
                let line = Provenanced(EvalReport.schema, seed: computation.seed, EvalLine(data: data.data, checkpoint: found))
                try stream.write(try ReportEncoder.bytes(of: line, isIndented: false))
            case .json: report.append(found)
            }
            if format != .json { try stream.flush() }
        }
        if format == .json, count > 0 {
            let document = Provenanced(EvalReport.schema, seed: computation.seed, EvalReport(data: data.data, checkpoints: report))
            try stream.write(try ReportEncoder.bytes(of: document, isIndented: true))
        }
        if count > 0 { try stream.finish() }
        try run.end()
    }

    private func evaluate(_ path: String) throws -> EvaluatedCheckpoint {
        let model = try LoadedModel(source.open(path), architecture: architecture.architecture)
        model.describe(output.diagnostics)
        let batches = try model.batches(data, seed: computation.seed)
        let dataset = batches.dataset
        if !dataset.targets.areKnown, logits == nil {
            throw DataFitError(
                dataset.name, "has no answers to compare with", hint: "--labels FILE gives them, --logits FILE.npy saves the scores")
        }
        let writer = try logits.map { try LogitsWriter($0, batches: batches) }
        let progress = output.progressBar("eval", total: dataset.count, unit: "samples")
        defer { progress.finish() }
        let outcome = try Evaluator(batches, threads: computation.threadCount).evaluate(
            logits: writer.map { writer in { try writer.write($0) } }, progress: { progress.advance(by: $0) })
        try writer?.finish()
        progress.finish()
        output.diagnostics.describe(outcome, path: path)
        let isRunningText = if case .nextToken = dataset.targets { true } else { false }
        let hash = format.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil
        return EvaluatedCheckpoint(model, sha256: hash, samples: dataset.count, isRunningText: isRunningText, outcome)
    }
}
