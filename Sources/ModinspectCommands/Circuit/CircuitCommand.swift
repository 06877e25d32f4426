import ArgumentParser
import Checkpoints
import Circuits

/// How circuits are found.
enum CircuitMethod: String, Choice {
    case prune, acdc, eap
    case eapIG = "eap-ig"
    case exact

    var documentation: String {
        switch self {
        case .prune:
            "Weights: from the last matrix to the first, row by row, each is set to zero, and restored if the objective is violated."
        case .acdc: "Edges: one after another, edges are removed for good if that hurts little."
        case .eap: "Edges: the change of each edge times the gradient, from two forward passes and one backward pass."
        case .eapIG: "Edges: like eap, with the gradient averaged along the path from the corrupted input to the clean one."
        case .exact: "Edges: each edge is patched on its own."
        }
    }
}

/// The formats of a circuit: those of every report that has pictures, and graphviz.
enum CircuitFormat: String, Choice {
    case text, tsv, json, jsonl, svg, dot

    /// The format as a report's; nil for graphviz.
    var report: PictureFormat? {
        switch self {
        case .text: .text
        case .tsv: .tsv
        case .json: .json
        case .jsonl: .jsonl
        case .svg: .svg
        case .dot: nil
        }
    }

    var documentation: String { report?.documentation ?? GraphFormat.dot.documentation }

    /// Whether the format carries the checkpoints' hashes.
    var hasProvenance: Bool { report?.hasProvenance ?? false }
}

struct CircuitCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "circuit",
        abstract: "Finds the parts of a model that carry its answers, or compares circuits.",
        usage: """
            modinspect circuit --method <method> --data <data> [...] <checkpoint>
            modinspect circuit --compare [...] <circuits> ...
            """,
        discussion: """
            \(CircuitMethod.list)

            prune finds circuits of weights: those that remain. The effective size of a circuit is its share of the weights that were \
            not zero before. Biases are kept. The circuit is run alone on held-out data and compared with random masks that keep the \
            same number of weights in each layer; a warning is given if it is degenerate, that is, if it gives nearly all samples the \
            same answer.

            The other methods find circuits of edges between heads (with separate inputs for query, key and value), MLPs, embeddings and \
            output, or between neurons or clusters, using pairs of a clean and a corrupted sample. Circuits of several sizes are run \
            alone, with every other edge ablated; edges that lead nowhere are dropped. With --control, random circuits of the same sizes \
            are run too.

            --compare reads circuits that were written earlier (json, or the npz of --masks) and reports their sizes and the overlap \
            (intersection over union) of every pair.
            """)

    @Argument(
        help: "The checkpoint, or - for an archive on standard input; with --compare, files of circuits.", completion: .file())
    var files: [String]

    @Option(help: "How circuits are found.")
    var method: CircuitMethod?

    @Flag(name: .customLong("compare"), help: "Compare the circuits in the files.")
    var isComparison = false

    @Option(
        help: ArgumentHelp(
            "The data: npz with x and y, IDX, CIFAR-10 binary, token ids (npy, bin), text (txt), modadd:P[:train|:test]; pairs (JSON, CSV).",
            valueName: "data"),
        completion: .file())
    var data: String?

    @Option(help: "The format of the result; text without this option, tsv with --kept; dot draws a circuit of edges.")
    var format: CircuitFormat?

    @Flag(name: .customLong("kept"), help: "Write one row for each part that a circuit keeps (tsv).")
    var isKept = false

    @OptionGroup var bootstrap: BootstrapOptions
    @OptionGroup var edges: EdgeOptions
    @OptionGroup var pairs: PairOptions
    @OptionGroup var prune: PruneOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var heldOut: HeldOutOptions
    @OptionGroup var samples: SampleOptions

    @Option(
        name: .customLong("batch"),
        help: ArgumentHelp("The number of samples to run at once; without this option, as many as fit into 64 MB.", valueName: "n"))
    var batchSize: Int?

    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var chosenFormat: CircuitFormat { format ?? (isKept ? .tsv : .text) }

    var fileUse: FileUse {
        FileUse(
            reading: files.map { (isComparison ? "the circuit" : "the checkpoint", $0) }
                + source.inputs
                + [
                    ("--data", data), ("--labels", samples.labels), ("--clusters", edges.clusterFile), ("--eval", heldOut.data),
                    ("--eval-labels", heldOut.labels),
                ],
            writing: [("--masks", prune.masks), ("--output", output.path(ofPictures: format == .svg))])
    }

    func validate() throws {
        if isKept, let format, format != .tsv { throw ValidationError("--kept writes tsv; json has the places without it") }
        if isComparison {
            if format == .dot { throw ValidationError("--format dot draws circuits of edges, one at a time") }
            if method != nil || data != nil || isKept || bootstrap.resamples > 0 || control.circuits != nil {
                throw ValidationError("--compare cannot be combined with --method, --data, --kept, --bootstrap or --control")
            }
            return
        }
        if let batchSize, batchSize < 1 { throw ValidationError("--batch must be at least 1") }
        guard let method else { throw ValidationError("needs --method, or --compare") }
        guard data != nil else { throw ValidationError("--method \(method.rawValue) needs --data") }
        if files.count > 1 { throw ValidationError("takes one checkpoint; --compare takes several files of circuits") }
        switch method {
        case .acdc, .eap, .eapIG, .exact:
            if let option = (prune.given + heldOut.given).first { throw ValidationError("\(option) requires --method prune") }
            try edges.validate(for: method)
        case .prune:
            if pairs.source != .file { throw ValidationError("--pairs cannot be combined with --method prune") }
            if let option = edges.given.first { throw ValidationError("\(option) cannot be combined with --method prune") }
            if format == .dot { throw ValidationError("--format dot draws circuits of edges") }
            if prune.chosenObjective == .labelLoss, prune.labels.isEmpty, !prune.isPerLabel {
                throw ValidationError("--objective label-loss needs --label or --per-label")
            }
        }
    }

    func run() throws {
        // Opened first: a result that can go nowhere is not worth computing.
        let target = try ReportTarget(chosenFormat.report ?? .text, output, fileUse)
        if isComparison {
            try compare(to: target)
        } else {
            let run = CheckpointRun(diagnostics: output.diagnostics)
            try run.forEach(files) { path in
                switch method {
                case .prune: try findWeights(path, data: data ?? "", to: target)
                case .acdc?, .eap?, .eapIG?, .exact?: try findEdges(path, by: method ?? .exact, data: data ?? "", to: target)
                case nil: break
                }
            }
            try run.end()
        }
    }
}
