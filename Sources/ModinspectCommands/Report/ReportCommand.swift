import ArgumentParser
import Archives
import Checkpoints
import Circuits
import Modularity
import Text

/// How the circuit of a report is found.
enum ReportedCircuitMethod: String, Choice {
    case acdc, eap
    case eapIG = "eap-ig"
    case exact

    /// The same method of `circuit`.
    var method: CircuitMethod {
        switch self {
        case .acdc: .acdc
        case .eap: .eap
        case .eapIG: .eapIG
        case .exact: .exact
        }
    }

    var documentation: String { method.documentation }
}

struct ReportCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Writes one page that tells a model's story: figures, tables, and the commands that repeat them.",
        usage: "modinspect report [<options>] <checkpoint>",
        discussion: """
            The page is one HTML file that needs no network and no script. It says what the model is, how modular its layers are compared \
            with their own weights in random places, and shows the weights of the most and the least modular layer by cluster. --data \
            adds the accuracy and what it loses without each cluster, --pairs the circuit of a behaviour, --compare the differences from \
            another checkpoint. Every figure has the command that repeats it and the table of its numbers.

            A section that cannot be made is replaced by the reason; the exit status is then 1.
            """)

    @Argument(help: "The checkpoint, or - for an archive on standard input.", completion: .file())
    var checkpoint: String

    @Option(
        help: ArgumentHelp(
            "Evaluate the model on data, and switch off its clusters: npz with x and y, IDX, CIFAR-10 binary, token ids (npy, bin), text (txt), modadd:P[:train|:test].",
            valueName: "data"),
        completion: .file())
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Find the circuit of a behaviour: prompt pairs (JSON, CSV), or by-class, which draws pairs of different classes from --data.",
            valueName: "file"), completion: .file())
    var pairs: String?

    /// Whether pairs are drawn from the samples.
    var arePairsByClass: Bool { pairs == PairOptions.Source.byClass.rawValue }

    @Option(
        name: .customLong("clusters"),
        help: ArgumentHelp(
            """
            Use the clusters in FILE, the tsv, json or jsonl of modinspect cluster, \
            or a checkpoint that finetune wrote; - is standard input.
            """, valueName: "file"),
        completion: .file())
    var clusterFile: String?

    @Option(
        name: .customLong("compare"),
        help: ArgumentHelp("Compare with another checkpoint, taken as the later of the two.", valueName: "checkpoint"),
        completion: .file())
    var other: String?

    @Option(
        name: .customLong("null"),
        help: ArgumentHelp(
            "The number of permutations of each layer's weights to compare with; without this option 20, or 5 for more than 4 million weights.",
            valueName: "n"))
    var nullSamples: Int?

    @Option(
        name: .customLong("control"),
        help: ArgumentHelp("The number of random clusterings of the same sizes to compare ablations with.", valueName: "n"))
    var controls = 5

    @Option(
        name: .customLong("circuit-method"),
        help: ArgumentHelp("How the circuit is found.", discussion: ReportedCircuitMethod.list))
    var circuitMethod = ReportedCircuitMethod.eapIG

    @OptionGroup var samples: SampleOptions

    @Option(
        name: .customLong("batch"),
        help: ArgumentHelp("The number of samples to run at once; chosen by memory without this option.", valueName: "n"))
    var batchSize: Int?

    @OptionGroup var clustering: ClusteringOptionGroup
    @OptionGroup var layers: LayerOptions<FileOrModelLayers>
    @OptionGroup var architecture: ArchitectureOptions
    @OptionGroup var source: CheckpointOptions
    @OptionGroup var computation: ComputationOptions
    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(
            reading: [
                ("the checkpoint", checkpoint), ("--data", data), ("--labels", samples.labels), ("--pairs", arePairsByClass ? nil : pairs),
                ("--clusters", clusterFile), ("--compare", other),
            ] + source.inputs,
            writing: [("--output", output.path)])
    }

    func validate() throws {
        if let nullSamples, !(2...1_000_000).contains(nullSamples) {
            throw ValidationError("--null must be between 2 and 1000000: a score without its null model says little")
        }
        if !(2...100_000).contains(controls) { throw ValidationError("--control must be between 2 and 100000") }
        if arePairsByClass, data == nil { throw ValidationError("--pairs by-class requires --data; a file of that name is ./by-class") }
        if let batchSize, batchSize < 1 { throw ValidationError("--batch must be at least 1") }
        if clusterFile != nil, clustering.isGiven {
            throw ValidationError("--clusters cannot be combined with -k, --method, --no-align or --chain")
        }
        if let method = clustering.method, method.readsData {
            throw ValidationError(
                "--method \(method.rawValue) is for cluster and score; report takes the files of clusters that cluster writes")
        }
    }

    func run() throws {
        let given = try clusterFile.map { try ClusterFile(path: $0) }
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        let run = CheckpointRun(diagnostics: output.diagnostics)
        var problems: [Problem] = []
        try run.forEach([checkpoint]) { path in
            let builder = try ReportBuilder(self, source.open(path, output.diagnostics), given: given)
            let page = try builder.page()
            problems = builder.problems
            try stream.write(page.bytes)
            try stream.finish()
        }
        try run.end()
        // Data that cannot be read is missing in every section that needs it, and said once.
        var lines: [String] = []
        for line in problems.map({ OptionNames.line(of: $0) }) where !lines.contains(line) { lines.append(line) }
        for line in lines { output.diagnostics.failure(line) }
        if !problems.isEmpty { throw ExitCode(1) }
    }
}
