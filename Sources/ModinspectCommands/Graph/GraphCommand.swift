import ArgumentParser
import Checkpoints
import Glibc

struct GraphCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Writes the weight graph as a list of edges.",
        usage: "modinspect graph [<options>] <checkpoint>",
        discussion: """
            Every weight that is not zero is an edge from an in-neuron to an out-neuron of its layer. The weights are written as they \
            are stored, except that those of a convolution are the norms of its kernels. The graph is not kept in memory, so layers may \
            be larger than memory.

            \(GraphFormat.list)
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(
        help: ArgumentHelp("Write only this share of each layer's edges, the largest by magnitude.", valueName: "fraction"),
        transform: { try NumberRange.share.number($0) })
    var top: Double?

    @Option(
        help: ArgumentHelp("Write only edges with at least this magnitude.", valueName: "x"),
        transform: { try NumberRange.nonNegative.number($0) })
    var threshold: Double?

    @Flag(help: "Write magnitudes instead of signed weights.")
    var absolute = false

    @Option(help: "The format of the result.")
    var format = GraphFormat.tsv

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            With --format svg: order and colour the neurons by the clusters in FILE, the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Flag(
        name: .customLong("chain"),
        help: "With --format svg: draw all layers as one network, in which each layer's out-neurons are the next one's in-neurons.")
    var isChained = false

    @OptionGroup var layers: LayerOptions<ModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusterFile)] + source.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if top != nil, threshold != nil { throw ValidationError("--top cannot be combined with --threshold") }
        if format != .svg, clusterFile != nil || isChained {
            throw ValidationError("--\(isChained ? "chain" : "clusters") requires --format svg")
        }
        if format.isBinary, output.output == nil, isatty(STDOUT_FILENO) == 1 {
            throw ValidationError("\(format.rawValue) cannot be written to a terminal; redirect it or use -o FILE")
        }
    }

    private var rule: EdgeRule {
        if let top { .top(top) } else if let threshold { .threshold(threshold) } else { .all }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        try run.forEach([checkpoint]) { path in
            let opened = try source.open(path, output.diagnostics)
            if format == .svg { try draw(opened) } else { try write(opened) }
        }
        try run.end()
    }

    private func write(_ opened: Checkpoint) throws {
        let chosen = try layers.select(from: LayerCatalog(opened), path: opened.path, output.diagnostics)
        let progress = output.progressBar("graph", total: chosen.count, unit: "layers")
        defer { progress.finish() }
        let stream = try output.resultStream()
        let undefined = try format == .npz ? writeArrays(chosen, stream, progress) : writeLines(opened, chosen, stream, progress)
        try stream.finish()
        progress.finish()
        let remarks = undefined.filter { $0.1 > 0 }.map { (name: $0.0, text: "\($0.1) NaN among its weights, which make no edges") }
        if let line = Diagnostics.gathered(opened.path, "tensor", remarks) { output.diagnostics.warning(line) }
    }

    private func writeLines(
        _ opened: Checkpoint, _ chosen: [Layer], _ stream: ResultStream, _ progress: Progress
    ) throws -> [(String, Int)] {
        let writer = GraphLinesWriter(format: format, stream: stream, rule: rule, isAbsolute: absolute)
        let hash = format == .jsonl ? source.sha256(of: opened, output) : nil
        let provenance = Provenanced(
            GraphHead.schema, seed: nil,
            checkpoint: CheckpointSource(
                path: opened.path, sha256: hash, base: source.base(of: opened, output, isHashed: format == .jsonl)), GraphHead())
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
