import ArgumentParser
import Checkpoints
import Glibc

struct GraphCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Writes the weight graph as a list of edges.",
        usage: "modinspect graph [<options>] <checkpoint>",
        discussion: """
            Every weight that is not zero is an edge from an in-neuron to an out-neuron of its layer. The weights are written as they are \
            stored, those of a convolution as the norm over its kernel. Layers larger than memory are no problem: nothing is kept.

            \(GraphFormat.list)
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(help: ArgumentHelp("Of every layer only this share of its edges, the largest by magnitude.", valueName: "fraction"))
    var top: Double?

    @Option(help: ArgumentHelp("Only the edges whose magnitude is at least this.", valueName: "x"))
    var threshold: Double?

    @Flag(help: "Write magnitudes in place of signed weights.")
    var absolute = false

    @Option(help: "The format of the result.")
    var format = GraphFormat.tsv

    @OptionGroup var layers: LayerOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let top, !(top > 0 && top <= 1) { throw ValidationError("--top takes a number above 0 and at most 1") }
        if let threshold, !(threshold >= 0 && threshold.isFinite) { throw ValidationError("--threshold takes a number of 0 or more") }
        if top != nil, threshold != nil { throw ValidationError("--top and --threshold exclude each other") }
        if format.isBinary, output.output == nil, isatty(STDOUT_FILENO) == 1 {
            throw ValidationError("\(format.rawValue) is not for a terminal; redirect it or name a file with -o")
        }
    }

    private var rule: EdgeRule {
        if let top { .top(top) } else if let threshold { .threshold(threshold) } else { .all }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        try run.forEach([checkpoint]) { try write(try source.open($0)) }
        try run.end()
    }

    private func write(_ opened: Checkpoint) throws {
        let chosen = try layers.select(from: LayerCatalog(opened), path: opened.path)
        let progress = output.progressBar("graph", total: chosen.count, unit: "layers")
        defer { progress.finish() }
        let stream = try output.resultStream()
        let undefined = try format == .npz ? writeArrays(chosen, stream, progress) : writeLines(opened, chosen, stream, progress)
        try stream.finish()
        progress.finish()
        for (name, count) in undefined where count > 0 {
            output.diagnostics.warning("\(opened.path): tensor '\(name)': \(count) NaN among its weights, which make no edges")
        }
    }

    private func writeLines(
        _ opened: Checkpoint, _ chosen: [Layer], _ stream: ResultStream, _ progress: Progress
    ) throws -> [(String, Int)] {
        let writer = GraphLinesWriter(format: format, stream: stream, rule: rule, isAbsolute: absolute)
        let hash = format == .jsonl ? source.sha256(of: opened, output) : nil
        let provenance = Provenanced(
            GraphHead.schema, seed: nil, checkpoint: CheckpointSource(path: opened.path, sha256: hash), GraphHead())
        try writer.begin(provenance: format == .jsonl ? provenance : nil)
        var undefined: [(String, Int)] = []
        for (place, layer) in chosen.enumerated() {
            undefined.append((layer.name, try writer.write(layer, place: place)))
            progress.advance()
        }
        try writer.end()
        return undefined
    }

    private func writeArrays(_ chosen: [Layer], _ stream: ResultStream, _ progress: Progress) throws -> [(String, Int)] {
        let writer = try GraphNPZWriter(stream: stream, rule: rule, isAbsolute: absolute)
        var undefined: [(String, Int)] = []
        for layer in chosen {
            undefined.append((layer.name, try writer.write(layer)))
            progress.advance()
        }
        try writer.end()
        return undefined
    }
}
