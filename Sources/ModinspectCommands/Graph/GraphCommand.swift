import ArgumentParser
import Checkpoints
import Glibc
import Scoring
import Text

struct GraphCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph",
        abstract: "Writes the weight graph: edges, and neurons with their clusters.",
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
            Give each neuron its cluster in FILE, the tsv, json or jsonl of modinspect cluster, or a checkpoint that finetune wrote; \
            - is standard input. With svg, order and colour the neurons by cluster.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Flag(
        name: .customLong("chain"),
        help: "Join the layers to one network, in which each layer's out-neurons are the next one's in-neurons.")
    var isChained = false

    @OptionGroup var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(
            reading: [("the checkpoint", checkpoint), ("--clusters", clusterFile)] + source.inputs,
            writing: [("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if top != nil, threshold != nil { throw ValidationError("--top cannot be combined with --threshold") }
        if format == .npz, isChained {
            throw ValidationError("--chain cannot be combined with --format npz, whose arrays are those of each layer by itself")
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

    /// The layers to write, and their clusters if these were given.
    func chosenLayers(_ opened: Checkpoint) throws -> (layers: [Layer], clusters: GivenClusters?) {
        let catalog = LayerCatalog(opened)
        guard let clusterFile else { return (try layers.select(from: catalog, path: opened.path, output.diagnostics), nil) }
        let given = try ClusterFile(path: clusterFile).clusters(for: catalog)
        let chosen = try given.layers(matching: layers.patterns, of: catalog, path: opened.path)
        output.diagnostics.describe(chosen, of: catalog, path: opened.path, isByDefault: false)
        return (chosen, given)
    }

    /// Warns of neurons that have two clusters in the file and one in the graph.
    func describeContradictions(of layers: [GraphLayer], _ given: GivenClusters?) {
        guard let given else { return }
        let remarks = GraphLayer.contradictions(layers, given).map { name, count in
            (
                name: name,
                text:
                    "the cluster of \(ByteText.counted(count, "in-neuron")) is not that of the same neuron in the previous layer, which is written"
            )
        }
        if let line = Diagnostics.gathered(given.name, "layer", remarks) { output.diagnostics.warning(line) }
    }

    private func write(_ opened: Checkpoint) throws {
        let (chosen, given) = try chosenLayers(opened)
        let graph: [GraphLayer]
        do {
            graph = try GraphLayer.layers(chosen, clusters: given, isChained: isChained)
        } catch {
            throw error.at(path: opened.path)
        }
        describeContradictions(of: graph, given)
        let progress = output.progressBar("graph", total: chosen.count, unit: "layers")
        defer { progress.finish() }
        let stream = try output.resultStream()
        let undefined = try format == .npz ? writeArrays(graph, stream, progress) : writeLines(opened, graph, stream, progress)
        try stream.finish()
        progress.finish()
        let remarks = undefined.filter { $0.1 > 0 }.map { (name: $0.0, text: "\($0.1) NaN among its weights, which make no edges") }
        if let line = Diagnostics.gathered(opened.path, "tensor", remarks) { output.diagnostics.warning(line) }
    }

    private func writeLines(
        _ opened: Checkpoint, _ graph: [GraphLayer], _ stream: ResultStream, _ progress: Progress
    ) throws -> [(String, Int)] {
        let hash = format.hasProvenance ? source.sha256(of: opened, output) : nil
        let head = Provenanced(
            GraphHead.schema, seed: nil,
            checkpoint: CheckpointSource(
                path: opened.path, sha256: hash, base: source.base(of: opened, output, isHashed: format.hasProvenance)), GraphHead())
        let writer = GraphLinesWriter(
            format: format, stream: stream, rule: rule, isAbsolute: absolute, layers: graph, isChained: isChained)
        return try writer.write(head: head) { progress.advance() }
    }

    private func writeArrays(_ graph: [GraphLayer], _ stream: ResultStream, _ progress: Progress) throws -> [(String, Int)] {
        let writer = try GraphNPZWriter(stream: stream, rule: rule, isAbsolute: absolute)
        var undefined: [(String, Int)] = []
        for layer in graph {
            undefined.append((layer.layer.name, try writer.write(layer)))
            progress.advance()
        }
        try writer.end()
        return undefined
    }
}
