import Archives
import ArgumentParser
import Checkpoints
import Networks
import Text

struct InfoCommand: FileCommand, ListCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Shows what a checkpoint holds and which layers score would use.",
        usage: "modinspect info [<options>] <checkpoints> ...",
        discussion: """
            For each checkpoint, shows its container, the model's family, the number of parameters, and for each tensor its type, shape, \
            bytes, the [out, in] matrix that it is read as, and whether score uses it. NaN and infinite weights are counted in \
            checkpoints of up to 256 MiB. Tensors that cannot be read are listed with the reason, and a warning names code that loading a \
            pickle in Python would import or call; nothing in a pickle is ever executed here.
            """)

    @OptionGroup var inputs: CheckpointListOptions

    @Option(help: "The format of the result.")
    var format = ReportFormat.text

    @Flag(
        name: .customLong("check-values"),
        help: "Count NaN and infinite weights in checkpoints of more than 256 MiB too, which reads them whole.")
    var checksValues = false

    @Flag(
        name: .customLong("print-arch"),
        help: "Print the network in words alone, as --arch takes it; --arch without a list means the same.")
    var printsArchitecture = false

    @OptionGroup var layers: LayerOptions<ModelLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: OutputOptions

    var listed: [String] { inputs.checkpoints }

    var fileUse: FileUse { FileUse(reading: inputs.files + source.inputs, writing: [("--output", output.path)]) }

    func validate() throws {
        if printsArchitecture, format != .text { throw ValidationError("--print-arch cannot be combined with --format \(format.rawValue)") }
    }

    func run() throws {
        if printsArchitecture { return try printArchitectures() }
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        let report = CheckpointReport<[CheckpointInfo]>(
            format: format.withPictures, header: InfoText.header, rows: InfoText.writeRows,
            failedRow: InfoText.row, text: InfoText.write,
            lines: { $0.each().map { Provenanced(InfoReport.schema, seed: nil, Keyed("checkpoint", $0)) } },
            document: { Provenanced(InfoReport.schema, seed: nil, InfoReport(checkpoints: $0.flatMap { $0.each() })) })
        try CheckpointRun(diagnostics: output.diagnostics).report(inputs, report, to: .stream(stream)) { try inspect($0) }
    }

    /// A line of words for each checkpoint, after its path if there are several.
    private func printArchitectures() throws {
        let stream = try output.resultStream()
        let run = CheckpointRun(diagnostics: output.diagnostics)
        let paths = try inputs.paths()
        try run.forEach(paths) { path in
            let model = try source.load(path, output.diagnostics, architecture: architecture.architecture)
            try stream.write((inputs.mayBeSeveral ? path.pathLine + "\t" : "") + "\(try model.words())\n")
        }
        try stream.finish()
        try run.end(of: paths.count)
    }

    /// Describes each model of a file, one as a rule.
    private func inspect(_ path: String) throws -> [CheckpointInfo] {
        let checkpoints = try source.openEach(path, output.diagnostics)
        // The models are of one file: it is hashed and searched once.
        let hash = format.hasProvenance ? checkpoints.first.flatMap { source.sha256(of: $0, output) } : nil
        let scan = checkpoints.first.map(PickleScan.init(of:)) ?? PickleScan([])
        let found = try checkpoints.map { checkpoint in
            let name = checkpoints.count > 1 ? "\(path), key \(checkpoint.key ?? "''")" : path
            return try describe(checkpoint, called: name, sha256: hash, scan: scan)
        }
        if let first = found.first { warn(ofPickles: first) }
        return found
    }

    /// - Parameter name: of the model, for messages.
    private func describe(_ checkpoint: Checkpoint, called name: String, sha256: String?, scan: PickleScan) throws -> CheckpointInfo {
        let catalog = LayerCatalog(checkpoint)
        // A file without weight matrices can be inspected anyway; a pattern that matches nothing is a mistake.
        let scored =
            layers.patterns.isEmpty && (catalog.layers.isEmpty || !catalog.unreadable.isEmpty)
            ? catalog.defaultLayers : try layers.select(from: catalog, path: checkpoint.path, output.diagnostics, notesLeftOut: false)
        let base = source.base(of: checkpoint, output, isHashed: format.hasProvenance)
        let bytes = checkpoint.tensors.reduce(0) { $0.addingReportingOverflow($1.storedByteCount).partialValue }
        let progress = output.progressBar("info", total: bytes, unit: "bytes")
        defer { progress.finish() }
        let info = try CheckpointInfo(
            checkpoint, catalog: catalog, scored: scored, isDefault: layers.patterns.isEmpty, architecture: architecture.architecture,
            sha256: sha256, base: base, scan: scan, countsValues: ValueCheck.isDone(isRequested: checksValues, bytes: bytes),
            progress: progress)
        if checkpoint.pooling == nil, info.sites.contains(where: { $0.site == "sentence_embed" }) {
            output.diagnostics.note(
                "\(name): no 1_Pooling/config.json says how states become a sentence's: sentence_embed is their normalised mean")
        }
        let spoilt = info.tensors.filter { $0.special ?? 0 > 0 }.map {
            (name: $0.name, text: "\($0.nan ?? 0) NaN and \($0.infinite ?? 0) infinite among its weights")
        }
        if let line = Diagnostics.gathered(name, "tensor", spoilt) { output.diagnostics.warning(line) }
        let misfits = catalog.misfits.map { (name: $0.name, text: $0.reason) }
        if let line = Diagnostics.gathered(name, "tensor", misfits) { output.diagnostics.warning(line) }
        return info
    }

    private func warn(ofPickles info: CheckpointInfo) {
        if let first = info.unscanned.first {
            let others = info.unscanned.count - 1
            output.diagnostics.warning(
                "\(info.path): not searched for pickles to the end: "
                    + (first.member.isEmpty ? first.reason : "member '\(first.member)': \(first.reason)")
                    + (others == 0 ? "" : "; likewise \(ByteText.counted(others, "other"))"))
        }
        if !info.foreignGlobals.isEmpty {
            output.diagnostics.warning(
                "\(info.path): loading its pickles in Python would import or call " + info.foreignGlobals.listed())
        }
    }
}
