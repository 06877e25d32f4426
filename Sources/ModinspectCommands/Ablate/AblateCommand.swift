import ArgumentParser
import Checkpoints
import Datasets
import Evaluation
import Interventions
import Modularity
import Networks
import Text

struct AblateCommand: FileCommand, DataCommand {
    static let configuration = CommandConfiguration(
        commandName: "ablate",
        abstract: "Switches clusters off and on and reports which classes or samples suffer.",
        usage: "modinspect ablate --clusters <file> --data <data> [...] <checkpoint>",
        discussion: """
            Each cluster of each layer in the file is switched off while the rest stays on (off), and stays on while the rest is \
            switched off (on). The first row is the unchanged model. For each intervention the report gives the number of switched \
            neurons and how far the layer's output moved; if it had no effect, its measures are undefined.

            The report also counts how many of the intact model's right answers become wrong under exactly 0, 1, ..., k of a layer's \
            interventions.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @OptionGroup var clusters: ClusterFileOptions

    @Option(help: "The format of the result; text without this option, tsv with --per-sample and --dependence.")
    var format: PictureFormat?

    @Option(
        help: ArgumentHelp(
            "What is switched.",
            discussion: ClusterAblation.Reading.list))
    var reading = ClusterAblation.Reading.activations

    @Option(
        help: ArgumentHelp(
            "What replaces an output that is switched off.",
            discussion: ClusterAblation.Fill.list))
    var fill = ClusterAblation.Fill.zero

    @Option(
        name: .customLong("control"),
        help: ArgumentHelp(
            "Compare with N random clusterings of the same sizes: mean, standard deviation and p of accuracy and loss.", valueName: "n"))
    var controls = 0

    @Flag(name: .customLong("per-sample"), help: "Write one row for each answer under each intervention (tsv, jsonl).")
    var isPerSample = false

    @Flag(name: .customLong("dependence"), help: "Write a table of how many answers are spoiled by how many interventions (tsv).")
    var isDependence = false

    @OptionGroup var dataPath: DataPathOptions
    @OptionGroup var samples: SampleOptions
    @OptionGroup var batches: BatchOptions
    @OptionGroup var layers: LayerOptions<FileLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var weightMemory: WeightMemoryOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusters.path)] + source.inputs + data.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if reading == .weights, fill != .zero {
            throw ValidationError("--reading weights sets weights to 0 and cannot be combined with --fill \(fill.rawValue)")
        }
        if !(0...100_000).contains(controls) { throw ValidationError("--control must be between 0 and 100000") }
        if isPerSample, isDependence { throw ValidationError("--per-sample cannot be combined with --dependence") }
        if controls > 0, isPerSample || isDependence {
            throw ValidationError("--control cannot be combined with \(isPerSample ? "--per-sample" : "--dependence")")
        }
        if isPerSample, let format, format != .tsv, format != .jsonl { throw ValidationError("--per-sample writes tsv or jsonl") }
        if isDependence, let format, format != .tsv { throw ValidationError("--dependence writes tsv; json has the counts without it") }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(chosenFormat, output, fileUse)
        try run.forEach([checkpoint]) { path in try ablate(path, to: target) }
        try run.end()
    }

    private var chosenFormat: PictureFormat { format ?? (isPerSample || isDependence ? .tsv : .text) }

    private func ablate(_ path: String, to target: ReportTarget) throws {
        let given = try ClusterFile(path: clusters.path)
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
        output.diagnostics.describe(model)
        weightMemory.limit(model, output.diagnostics)
        var request = AblationRequest(
            model, clusters: try given.clusters(for: model.catalog), data: data.values(seed: computation.seed))
        request.layers = layers.patterns
        request.ablation = ClusterAblation(reading: reading, fill: fill, controls: controls, seed: computation.seed)
        (request.batchSize, request.threads) = (data.batchSize, computation.threadCount)
        let prepared = try request.prepared()
        output.diagnostics.describe(prepared.batches.dataset)
        let (runs, samples) = (prepared.interventionCount, prepared.batches.dataset.count)
        let weights = model.network.parameters.reduce(0) { $0 + $1.shape.reduce(1, *) }
        output.diagnostics.announce(
            "\(path): \(ByteText.counted(runs, "intervention")) on \(ByteText.counted(samples, "sample")) of a model of "
                + ByteText.counted(weights, "weight"),
            share: Double(runs) * Double(samples) * Double(weights) / 4e10)
        let progress = output.progressBar("ablate", total: 1000, unit: "")
        defer { progress.finish() }
        let answers: AnswerWriter? =
            if isPerSample, case .stream(let stream) = target { try AnswerWriter(stream, format: chosenFormat.report ?? .tsv) } else { nil }
        let result = try prepared.run(
            answers: answers.map { writer in { try writer.write($0, layers: prepared.layers) } },
            progress: { progress.set(fraction: $0) })
        progress.finish()
        describe(result, path: path)
        if !isPerSample { try write(result, model, prepared.batches.dataset, to: target) }
        if case .stream(let stream) = target { try stream.finish() }
    }

    private func describe(_ result: AblationResult, path: String) {
        output.diagnostics.describe(result.intact, path: path)
        let idle = result.layers.compactMap { layer -> (name: String, text: String)? in
            let rows = layer.rows.filter(\.movedNothing).map { "\($0.kind.rawValue) \($0.cluster)" }
            guard !rows.isEmpty else { return nil }
            return (
                layer.name,
                "\(rows.count) of \(layer.rows.count) interventions had no effect; their measures are undefined: \(rows.listed(atMost: 3))"
            )
        }
        if let line = Diagnostics.gathered(path, "layer", idle) { output.diagnostics.warning(line) }
    }

    private func write(_ result: AblationResult, _ model: LoadedModel, _ dataset: Dataset, to target: ReportTarget) throws {
        let names = dataset.classNames
        let format = chosenFormat
        let hash = format.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil
        let base = source.base(of: model.checkpoint, output, isHashed: format.hasProvenance)
        let provenance = Provenanced(
            AblationSetting.schema, seed: computation.seed, checkpoint: CheckpointSource(model, sha256: hash, base: base),
            AblationSetting(data: data.data, clusters: clusters.path, reading: reading.rawValue, fill: fill.rawValue))
        let report = AblateReport(
            provenance: provenance, samples: dataset.count, answers: result.intact.total.count,
            intact: AblatedOutcome(result.intact, names), layers: result.layers.map { AblatedLayerReport($0, names) })
        let rows = [AblatedRow(intact: result.intact, names)] + report.layers.flatMap(\.interventions)
        let table = AblateTable(report, hasControl: controls > 0)
        switch target {
        case .pictures(let pictures): try pictures.write(report)
        case .stream(let stream): try write(report, rows, table, provenance, to: stream)
        }
    }

    private func write(
        _ report: AblateReport, _ rows: [AblatedRow], _ table: AblateTable, _ provenance: Provenanced<AblationSetting>,
        to stream: ResultStream
    ) throws {
        switch chosenFormat {
        case .svg: break
        case .text: try stream.write(table.text(report))
        case .tsv:
            if isDependence {
                try stream.write(AblateTable.dependence(report.layers))
            } else {
                try stream.write(table.header)
                for row in rows { try stream.write(table.row(row)) }
            }
        case .json: try ReportEncoder.write(report, isIndented: true, to: stream)
        case .jsonl:
            for row in rows {
                try stream.write(try ReportEncoder.bytes(of: Joined(provenance, row), isIndented: false))
            }
        }
    }
}
