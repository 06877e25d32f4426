import ArgumentParser
import Checkpoints
import Evaluation
import Interventions
import Networks
import Text

extension PatchSites.Granularity: Choice {}
extension PatchedPlaces: Choice {}

struct PatchCommand: FileCommand, DataCommand {
    /// Which run is patched.
    enum Direction: String, Choice {
        case denoise, noise, both

        var directions: [ActivationPatching.Direction] {
            switch self {
            case .denoise: [.denoise]
            case .noise: [.noise]
            case .both: [.denoise, .noise]
            }
        }

        /// The documentation of the value for help and manual, one sentence.
        var documentation: String {
            switch self {
            case .denoise: "The corrupted run, with clean activations: shows what restores the behaviour."
            case .noise: "The clean run, with corrupted activations: shows what breaks it."
            case .both: "One after the other."
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "patch",
        abstract: "Puts activations of one run into another and reports which carry a behaviour.",
        usage: "modinspect patch --data <data> [...] <checkpoint>",
        discussion: """
            The data are pairs of a clean and a corrupted sample that call for different answers. Each patch runs the model on one of \
            the two, with part of its activations taken from the run on the other, and reports a metric: its value, how far it moved, \
            and the value normalised between the corrupted run (0) and the clean run (1).

            If a patch changed no activation, its measures are undefined. If a metric is the same in both runs, it cannot be normalised, \
            and a warning is given.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(
        name: .customLong("sites"),
        help: ArgumentHelp(
            "The sites to patch: kinds, or names with *, ? and [...]; !GLOB excludes some.",
            discussion: """
                \(SiteNames.help) Without this option: heads and mlp_out in a transformer; the residual stream before each block, attn_out and mlp_out with --by \
                position; neurons in a chain.
                """, valueName: "sites"))
    var siteLists: [String] = []

    @Option(
        help: ArgumentHelp(
            "How sites are divided into parts.",
            discussion: PatchSites.Granularity.list))
    var granularity = PatchSites.Granularity.auto

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            Patch the clusters of a file: the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(name: .customLong("by"), help: ArgumentHelp("Which positions a patch replaces.", discussion: PatchedPlaces.list))
    var places = PatchedPlaces.all

    @Option(
        name: .customLong("metric"),
        help: ArgumentHelp(
            "What is measured; repeatable.",
            discussion: BehaviourMetric.list))
    var metrics = [BehaviourMetric.logitDifference]

    @Option(
        help: ArgumentHelp(
            "Which run is patched.",
            discussion: Direction.list))
    var direction = Direction.denoise

    @Flag(
        name: .customLong("approximate"),
        help: "Estimate all patches from two forward passes and one backward pass for each metric (attribution patching).")
    var isApproximate = false

    @Option(
        name: .customLong("top"),
        help: ArgumentHelp("Report only the N patches of each direction that move the first metric most, strongest first.", valueName: "n"))
    var count: Int?

    @Option(help: "The format of the result.")
    var format = PictureFormat.text

    @OptionGroup var pairs: PairOptions
    @OptionGroup var dataPath: DataPathOptions
    @OptionGroup var samples: SampleOptions
    @OptionGroup var batches: BatchOptions
    @OptionGroup var layers: LayerOptions<FileLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var weightMemory: WeightMemoryOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    private var sites: [String] { siteLists.flatMap(GlobList.split) }

    var fileUse: FileUse {
        FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusterFile)] + source.inputs + data.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if sites.contains(where: { $0.isEmpty || $0 == "!" }) { throw ValidationError("--sites has an empty pattern") }
        if clusterFile != nil, !sites.isEmpty { throw ValidationError("--sites cannot be combined with --clusters") }
        if clusterFile != nil, granularity != .auto { throw ValidationError("--clusters cannot be combined with --granularity") }
        if clusterFile == nil, !layers.patterns.isEmpty {
            throw ValidationError("--layers chooses among the layers of --clusters; --sites names sites")
        }
        if let count, count < 1 { throw ValidationError("--top must be at least 1") }
        if Set(metrics).count < metrics.count { throw ValidationError("--metric names a metric twice") }
        if isApproximate, direction != .denoise, metrics.contains(.divergence) {
            throw ValidationError(
                "--metric kl is flat at the clean run, where --approximate starts from with --direction \(direction.rawValue)")
        }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(format, output, fileUse)
        try run.forEach([checkpoint]) { path in try patch(path, to: target) }
        try run.end()
    }

    private func patch(_ path: String, to target: ReportTarget) throws {
        let given = try clusterFile.map(ClusterFile.init(path:))
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
        output.diagnostics.describe(model)
        output.diagnostics.describePairs(of: model)
        weightMemory.limit(model, output.diagnostics)
        var request = PatchRequest(model, pairs: try pairs.values(data.data, samples, seed: computation.seed))
        request.parts =
            try given.map { PatchRequest.Parts.clusters(try $0.clusters(for: model.catalog), layers: layers.patterns) }
            ?? .sites(sites, granularity)
        request.patching = ActivationPatching(
            directions: direction.directions, metrics: metrics, method: isApproximate ? .attribution : .exact, places: places)
        (request.batchSize, request.threads) = (data.batchSize, computation.threadCount)
        let prepared = try request.prepared()
        output.diagnostics.describe(prepared.batches.pairs.clean)
        let progress = output.progressBar("patch", total: prepared.patchCount, unit: "patches")
        defer { progress.finish() }
        let result = try prepared.run { progress.advance(by: $0) }
        progress.finish()
        describe(result, lengths: prepared.lengths, path: path)
        try write(result, model, to: target)
    }

    /// The most patches that a warning names.
    private static let mostNames = 3

    /// Reports interventions that had no effect, and why.
    private func describe(_ result: PatchingResult, lengths: Set<Int>, path: String) {
        if places == .position, let least = lengths.min(), let most = lengths.max(), least < most {
            output.diagnostics.note("\(path): the prompts have \(least) to \(most) tokens: positions are counted from the first token")
        }
        for (metric, scale) in zip(metrics, result.scales) where !scale.moves {
            guard scale.clean.isFinite, scale.corrupted.isFinite else {
                output.diagnostics.warning("\(path): \(metric.rawValue) is not a number: weights, data or activations are not finite")
                continue
            }
            output.diagnostics.warning(
                "\(path): \(metric.rawValue) does not distinguish the clean from the corrupted runs, \(ByteText.rounded(scale.clean)) and "
                    + "\(ByteText.rounded(scale.corrupted)): nothing is normalised")
        }
        let lost = result.rows.count { $0.measures?.contains { !$0.value.isFinite } ?? false }
        if lost > 0, result.scales.allSatisfy({ $0.clean.isFinite && $0.corrupted.isFinite }) {
            output.diagnostics.warning(
                "\(path): \(lost) of \(result.rows.count) patches have no numeric result: activations or gradients are not finite")
        }
        let idle = result.rows.filter(\.movedNothing)
        guard !idle.isEmpty else { return }
        var names: [String] = []
        for row in idle where names.count <= Self.mostNames {
            let name = row.part.name + (row.position.map { " at position \($0)" } ?? "")
            if !names.contains(name) { names.append(name) }
        }
        output.diagnostics.warning(
            "\(path): \(idle.count) of \(result.rows.count) patches had no effect; their measures are undefined: "
                + names.prefix(Self.mostNames).joined(separator: ", ") + (names.count > Self.mostNames ? ", ..." : ""))
    }

    private func write(_ result: PatchingResult, _ model: LoadedModel, to target: ReportTarget) throws {
        let hash = format.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil
        let base = source.base(of: model.checkpoint, output, isHashed: format.hasProvenance)
        let provenance = Provenanced(
            PatchSetting.schema, seed: computation.seed, checkpoint: CheckpointSource(model, sha256: hash, base: base),
            PatchSetting(
                data: data.data, pairing: pairs.source.rawValue, clusters: clusterFile, method: isApproximate ? "attribution" : "exact",
                by: places.rawValue))
        let rows = count.map(result.strongest) ?? result.rows
        let report = PatchReport(
            provenance: provenance, pairs: result.pairs, metrics: zip(metrics, result.scales).map(PatchedMetric.init),
            patches: rows.map { PatchRow($0, metrics: metrics) })
        switch target {
        case .pictures(let pictures): try pictures.write(report)
        case .stream(let stream):
            try write(report, provenance, to: stream)
            try stream.finish()
        }
    }

    private func write(_ report: PatchReport, _ provenance: Provenanced<PatchSetting>, to stream: ResultStream) throws {
        let table = PatchTable(report)
        let baselines = [PatchRow(.clean, report), PatchRow(.corrupted, report)]
        switch format {
        case .svg: break
        case .text: try stream.write(table.text)
        case .tsv:
            try stream.write(table.header)
            for row in baselines + report.patches { try stream.write(table.row(row)) }
        case .json: try ReportEncoder.write(report, isIndented: true, to: stream)
        case .jsonl:
            for row in baselines + report.patches {
                try stream.write(try ReportEncoder.bytes(of: Joined(provenance, row), isIndented: false))
            }
        }
    }
}
