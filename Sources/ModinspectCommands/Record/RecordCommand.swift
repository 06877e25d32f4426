import Archives
import ArgumentParser
import Checkpoints
import Evaluation
import Glibc
import Interventions
import Networks
import Text

struct RecordCommand: FileCommand, DataCommand {
    /// What mean activations are given for.
    enum Grouping: String, Choice {
        case `class`, cluster

        var documentation: String {
            switch self {
            case .class: "For each site, or with --clusters each cluster, and each class of the data."
            case .cluster: "For each cluster of --clusters, over all of the data."
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Writes activations as npz or npy, or their means by class or cluster.",
        usage: """
            modinspect record --data <data> --sites <sites> -o <out> <checkpoint>
            modinspect record --data <data> --by <by> [<options>] <checkpoint>
            """,
        discussion: """
            Runs the model on the data and writes what the chosen sites hold as float32, with the sample, the token and the label of \
            each row beside. An array has the site's name and shape, samples first. Where positions are chosen, or sequences differ in \
            length, it has a row for each position. Of prompt pairs both sides are recorded.

            Recordings may be larger than memory. With --by, only means are computed, and are the result.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(
        name: .customLong("sites"),
        help: ArgumentHelp(
            "The sites to record: kinds, or names with *, ? and [...]; !GLOB excludes some.",
            discussion: "\(SiteNames.help) modinspect info lists them.", valueName: "sites"))
    var siteLists: [String] = []

    @Option(
        name: .customLong("position"),
        help: ArgumentHelp(
            "Record only these positions of each sequence: 0,4-7,last; negative ones count from the end.", valueName: "list"),
        transform: { try OptionNames.parsing($0, PositionChoice.init) })
    var positions: PositionChoice?

    @Option(
        name: .customLong("token"),
        help: ArgumentHelp("Record only positions that hold this token: its id, or its text.", valueName: "token"))
    var token: String?

    @Option(
        name: .customLong("by"),
        help: ArgumentHelp("Report mean activations instead of writing them all.", discussion: Grouping.list))
    var grouping: Grouping?

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            With --by: the clusters, the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(help: "With --by: the format of the result.")
    var format = ReportFormat.text

    @Flag(help: "Replace a directory that holds an earlier recording.")
    var force = false

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

    /// Whether the result is a directory: its name does not say that it is a file.
    private var isDirectory: Bool {
        grouping == nil && output.path != "-" && !AtomicFile.isPipe(output.path) && (output.isDirectory || !output.path.hasSuffix(".npz"))
    }

    var fileUse: FileUse {
        var use = FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusterFile)] + source.inputs + data.inputs, writing: [])
        use.write("--output", output.path, isDirectory ? .checkpoint : .replaced)
        return use
    }

    func validate() throws {
        if sites.contains(where: { $0.isEmpty || $0 == "!" }) { throw ValidationError("--sites has an empty pattern") }
        guard let grouping else {
            if sites.isEmpty { throw ValidationError("needs --sites") }
            if output.output == nil { throw ValidationError("needs --output, or --by") }
            if clusterFile != nil { throw ValidationError("--clusters requires --by") }
            if !layers.patterns.isEmpty { throw ValidationError("--layers chooses among the layers of --clusters") }
            if format != .text { throw ValidationError("--format requires --by") }
            if output.path == "-", isatty(STDOUT_FILENO) != 0 {
                throw ValidationError("a recording cannot be written to a terminal; use -o FILE.npz")
            }
            let name = output.path.split(separator: "/").last.map(String.init) ?? ""
            let others = [".npy", ".zip", ".safetensors", ".tar", ".json"]
            if isDirectory, !output.isDirectory, let ending = others.first(where: name.hasSuffix) {
                throw ValidationError("--output must be a name in .npz or a directory, found a name in \(ending)")
            }
            return
        }
        if force { throw ValidationError("--force applies to directories, which --by does not write") }
        if clusterFile != nil, !sites.isEmpty { throw ValidationError("--sites cannot be combined with --clusters") }
        if clusterFile == nil, grouping == .cluster { throw ValidationError("--by cluster needs --clusters") }
        if clusterFile == nil, sites.isEmpty { throw ValidationError("--by class needs --sites or --clusters") }
        if clusterFile == nil, !layers.patterns.isEmpty { throw ValidationError("--layers chooses among the layers of --clusters") }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        if let grouping {
            // Opened first: a result that can go nowhere is not worth computing.
            let stream = try output.resultStream()
            try run.forEach([checkpoint]) { try summarise($0, by: grouping, to: stream) }
        } else {
            try run.forEach([checkpoint]) { try record($0) }
        }
        try run.end()
    }

    /// The request that the options describe.
    private func request(_ model: LoadedModel, _ units: RecordRequest.Units) throws -> RecordRequest {
        var request = RecordRequest(model, data: data.values(seed: computation.seed), units: units)
        request.positions = positions
        request.token = try token.map { try Self.token($0, model) }
        (request.batchSize, request.threads) = (data.batchSize, computation.threadCount)
        return request
    }

    private static func token(_ text: String, _ model: LoadedModel) throws -> Int32 {
        if let id = Int32(text), id >= 0 { return id }
        guard let tokenizer = model.tokenizer else {
            throw Problem("--token is not an id, and the checkpoint has no tokenizer.json", found: "'\(text)'")
        }
        let ids = try tokenizer.encode(text)
        guard ids.count == 1 else { throw Problem("--token is not one token", expected: "1 token", found: "\(ids.count)") }
        return ids[0]
    }

    private func record(_ path: String) throws {
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
        output.diagnostics.describe(model)
        weightMemory.limit(model, output.diagnostics)
        let request = try request(model, .sites(sites))
        let recording = try request.prepared()
        describe(recording, path: path)
        let labels = RecordedLabels(recording)
        let arrays = labels.arrays + recording.activations
        let names = RecordedNames.files(arrays.map(\.name))
        let hash = source.sha256(of: model.checkpoint, output)
        let base = source.base(of: model.checkpoint, output)
        let report = Provenanced(
            RecordReport.schema, seed: computation.seed, checkpoint: CheckpointSource(model, sha256: hash, base: base),
            RecordReport(
                data: data.data, samples: recording.count, pairs: recording.arePairs, position: positions?.description,
                token: request.token.map(Int.init), arrays: zip(arrays, names).map(RecordedArrayRow.init)))
        let files = try zip(arrays, names).map { try file($0, isDirectory ? $1 : $0.name + ".npy") }
        try checkSpace(files, sites: recording.activations.count)
        let target: any RecordingTarget =
            isDirectory ? try RecordingDirectory(output.path, isReplacing: force) : try RecordingArchive(output.path)
        try target.add(note: try ReportEncoder.bytes(of: report, isIndented: true))
        let progress = output.progressBar("record", total: recording.runCount, unit: "samples")
        defer { progress.finish() }
        try write(recording, labels, files, to: target) { progress.advance(by: $0) }
        try target.finish()
    }

    private func summarise(_ path: String, by grouping: Grouping, to stream: ResultStream) throws {
        let given = try clusterFile.map(ClusterFile.init(path:))
        let model = try source.load(
            path, output.diagnostics, architecture: architecture.architecture, data: data.values(seed: computation.seed))
        output.diagnostics.describe(model)
        weightMemory.limit(model, output.diagnostics)
        let units = try given.map { RecordRequest.Units.clusters(try $0.clusters(for: model.catalog), layers: layers.patterns) }
        let request = try request(model, units ?? .sites(sites))
        let recording = try request.prepared()
        describe(recording, path: path)
        let progress = output.progressBar("record", total: recording.runCount, unit: "samples")
        defer { progress.finish() }
        let means = try ActivationMeans(recording, byClass: grouping == .class) { progress.advance(by: $0) }
        progress.finish()
        let hash = format.hasProvenance ? source.sha256(of: model.checkpoint, output) : nil
        let base = source.base(of: model.checkpoint, output, isHashed: format.hasProvenance)
        let report = MeansReport(
            provenance: Provenanced(
                MeansSetting.schema, seed: computation.seed, checkpoint: CheckpointSource(model, sha256: hash, base: base),
                MeansSetting(
                    data: data.data, samples: recording.count, by: grouping.rawValue, clusters: clusterFile,
                    position: positions?.description, token: request.token.map(Int.init))),
            means: means.rows.map { MeanRow($0, recording.classNames) })
        try report.write(format, to: stream)
        try stream.finish()
    }

    private func write(
        _ recording: Recording, _ labels: RecordedLabels, _ files: [RecordedFile], to target: any RecordingTarget,
        progress: (Int) -> Void
    ) throws {
        let count = labels.arrays.count
        for place in 0..<count {
            let file = files[place]
            try target.add(file.name, size: file.header.count + file.size) { sink in
                try file.header.withUnsafeBytes { try sink($0) }
                try labels.write(place, sink)
            }
        }
        try target.begin(Array(files[count...]))
        try recording.run(progress: progress) { place, values in try values.withUnsafeBytes { try target.write(place, $0) } }
    }

    private func file(_ array: RecordedArray, _ name: String) throws -> RecordedFile {
        guard let size = array.byteCount, size < 1 << 62 else {
            throw Problem("array '\(array.name)' is too large", found: array.shape.map(String.init).joined(separator: "x"))
        }
        return RecordedFile(name: name, size: size, header: NPY.header(type: array.element.rawValue, shape: array.shape))
    }

    /// Refuses a recording that the disk has no room for.
    private func checkSpace(_ files: [RecordedFile], sites: Int) throws {
        guard output.path != "-" else { return }
        var needed = 0
        for file in files { needed = needed.addingReportingOverflow(file.size + file.header.count).partialValue }
        // The arrays after the first are on disk twice until the npz is complete.
        if !isDirectory { for file in files.suffix(max(0, sites - 1)) { needed += file.size } }
        var trimmed = output.path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        var system = statvfs()
        guard statvfs(AtomicFile.directory(of: String(trimmed)), &system) == 0 else { return }
        let (free, overflow) = Int(clamping: system.f_bavail).multipliedReportingOverflow(by: Int(clamping: system.f_frsize))
        guard overflow || free >= needed else {
            throw Destination.failure(
                Problem(
                    "the recording does not fit on the disk", path: output.path, expected: "at most \(ByteText.size(free))",
                    found: ByteText.size(needed)))
        }
    }

    private func describe(_ recording: Recording, path: String) {
        for text in recording.dataNotes { output.diagnostics.note("\(data.data): \(text)") }
        if recording.hasRows, positions == nil, token == nil, grouping == nil {
            output.diagnostics.note("\(path): the sequences differ in length: sites with positions have a row for each position")
        }
        if recording.emptyCount > 0 {
            output.diagnostics.note("\(path): \(recording.emptyCount) of \(recording.runCount) samples have none of the positions")
        }
    }
}
