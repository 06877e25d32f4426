import ArgumentParser
import Checkpoints
import Evaluation
import Modularity
import Networks
import Training

/// A subcommand that can cluster neurons by what they do on data.
protocol SimilarityCommand: ParsableCommand {
    var similarityData: SimilarityDataOptions { get }
    var samples: SampleOptions { get }
    var similarityBatches: SimilarityBatchOptions { get }
    var architecture: ArchitectureOptions { get }
}

extension SimilarityCommand {
    /// The options of the methods that read data.
    var gradient: GradientOptions {
        GradientOptions(
            data: similarityData.data, samples: samples, batchSize: similarityBatches.batchSize, architecture: architecture)
    }
}

/// The data of `--method gradient` and `--method activations`.
struct SimilarityDataOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "With --method gradient or activations: the data, as for modinspect eval.",
            discussion: """
                It can be combined with --labels, --normalize, --context, --token-type, --train-fraction, --limit, --arch and --batch.
                """,
            valueName: "data"),
        completion: .file())
    var data: String?
}

/// How many samples `--method gradient` and `--method activations` take at once.
struct SimilarityBatchOptions: ParsableArguments {
    @Option(
        name: .customLong("batch"),
        help: ArgumentHelp(
            "The number of samples for each gradient, 64 without this option; with activations, of those that run at once.", valueName: "n")
    )
    var batchSize: Int?

    mutating func validate() throws {
        if let batchSize, batchSize < 1 { throw ValidationError("--batch must be at least 1") }
    }
}

/// The options of `--method gradient` and `--method activations` together.
struct GradientOptions {
    let data: String?
    let samples: SampleOptions
    let batchSize: Int?
    let architecture: ArchitectureOptions

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] { [("--data", data), ("--labels", samples.labels)] }

    /// The samples of a batch of gradients; nil if there are none.
    func reportedBatch(_ method: ClusteringMethod?) -> Int? {
        method == .gradient ? batchSize ?? GradientSimilarity.defaultBatchSize : nil
    }

    /// The first of the options that was given.
    private var given: String? {
        let options: [(String, Bool)] = [
            ("--data", data != nil), ("--labels", samples.labels != nil), ("--normalize", samples.normalize != nil),
            ("--task", samples.task != nil),
            ("--context", samples.context != nil), ("--token-type", samples.tokenWidth != .uint16),
            ("--train-fraction", samples.trainFraction != 0.3), ("--limit", samples.limit != nil), ("--batch", batchSize != nil),
            ("--arch", architecture.architecture != nil),
        ]
        return options.first { $0.1 }?.0
    }

    /// - Throws: `ValidationError` if the method needs what is missing, or does not use what was given.
    func check(_ method: ClusteringMethod?) throws {
        guard let method, method.readsData else {
            if let given { throw ValidationError("\(given) requires --method gradient or activations") }
            return
        }
        if data == nil { throw ValidationError("--method \(method.rawValue) needs --data") }
    }

    /// The similarities by which the method clusters the layers of a checkpoint, computed when the library requests them.
    func spectra(
        of checkpoint: Checkpoint, method: ClusteringMethod?, computation: ComputationOptions, output: OutputOptions
    ) -> ([Layer], Int) throws -> [String: SimilaritySpectrum] {
        { layers, count in
            guard let data else { preconditionFailure("no data") }
            let source = samples.source(data, seed: computation.seed)
            let model = try LoadedModel(checkpoint, architecture: architecture.architecture, samples: { source.sampleShape })
            output.diagnostics.describe(model)
            var request = SimilarityRequest(model, data: source)
            request.batchSize = batchSize ?? GradientSimilarity.defaultBatchSize
            (request.seed, request.threads) = (computation.seed, computation.threadCount)
            let progress = output.progressBar(method == .activations ? "activations" : "gradients", total: 1000, unit: "")
            defer { progress.finish() }
            guard method != .activations else {
                var constants: [(name: String, text: String)] = []
                let found = try request.correlations(
                    of: layers, count: count, samplesAtOnce: batchSize, progress: { progress.set(fraction: $0) },
                    constants: { layer in
                        constants.append(
                            (
                                layer.layer,
                                "\(layer.out) out-neurons and \(layer.input) in-neurons are constant on the data and join the cluster that "
                                    + "most of their weight connects them with"
                            ))
                    })
                progress.finish()
                if let line = Diagnostics.gathered(checkpoint.path, "tensor", constants) { output.diagnostics.note(line) }
                return found
            }
            return try request.spectra(of: layers, count: count) { progress.set(fraction: $0) }
        }
    }
}
