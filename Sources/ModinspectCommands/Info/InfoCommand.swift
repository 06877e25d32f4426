import Archives
import ArgumentParser
import Checkpoints

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Says what a checkpoint holds and what score would take of it.",
        usage: "modinspect info [<options>] <checkpoints> ...",
        discussion: """
            For each checkpoint: its container, the model's family, the number of parameters, and for each tensor its type, shape, bytes, \
            the [out, in] matrix that it is read as, and whether score takes it. Weights that are NaN or infinite are counted, and so \
            are the names of code that loading a pickle in Python would import or call; here nothing of it is executed.
            """)

    @Argument(help: "The checkpoints; - is an archive on standard input.", completion: .file())
    var checkpoints: [String]

    @Option(help: "The format of the result.")
    var format = ReportFormat.text

    @OptionGroup var layers: LayerOptions
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if checkpoints.filter({ $0 == "-" }).count > 1 { throw ValidationError("standard input can be read once only") }
    }

    func run() throws {
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        var count = 0
        var report: [CheckpointInfo] = []
        let run = CheckpointRun(diagnostics: output.diagnostics)
        try run.forEach(checkpoints) { path in
            let info = try inspect(path)
            count += 1
            if format == .json {
                report.append(info)
                return
            }
            switch format {
            case .text: try stream.write((count == 1 ? "" : "\n") + InfoText.text(info))
            case .tsv: try stream.write((count == 1 ? InfoText.header : "") + InfoText.rows(info))
            case .jsonl, .json:
                try stream.write(
                    try ReportEncoder.bytes(of: Provenanced(InfoReport.schema, seed: nil, Keyed("checkpoint", info)), isIndented: false))
            }
            try stream.flush()
        }
        if format == .json, count > 0 {
            try stream.write(
                try ReportEncoder.bytes(of: Provenanced(InfoReport.schema, seed: nil, InfoReport(checkpoints: report)), isIndented: true))
        }
        if count > 0 { try stream.finish() }
        try run.end()
    }

    private func inspect(_ path: String) throws -> CheckpointInfo {
        let checkpoint = try source.open(path)
        let catalog = LayerCatalog(checkpoint)
        // A file without weight matrices can be looked at all the same; a pattern that matches nothing is a mistake.
        let scored = catalog.layers.isEmpty && layers.patterns.isEmpty ? [] : try layers.select(from: catalog, path: checkpoint.path)
        let hash = format.hasProvenance ? source.sha256(of: checkpoint, output) : nil
        let progress = output.progressBar(
            "info", total: checkpoint.tensors.reduce(0) { $0 &+ $1.bytes.count }, unit: "bytes")
        defer { progress.finish() }
        let info = try CheckpointInfo(
            checkpoint, catalog: catalog, scored: scored, architecture: architecture.architecture, sha256: hash, progress: progress)
        warn(info)
        return info
    }

    private func warn(_ info: CheckpointInfo) {
        for tensor in info.tensors where tensor.nan + tensor.infinite > 0 {
            output.diagnostics.warning(
                "\(info.path): tensor '\(tensor.name)': \(tensor.nan) NaN and \(tensor.infinite) infinite among its weights")
        }
        if !info.foreignGlobals.isEmpty {
            output.diagnostics.warning(
                "\(info.path): loading this pickle in Python would import or call " + info.foreignGlobals.joined(separator: ", "))
        }
    }
}
