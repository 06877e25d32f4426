import ArgumentParser
import Datasets

extension TokenWidth: ExpressibleByArgument {}
extension DataTask: Choice {}

/// A subcommand that runs a model on data.
///
/// The groups stand side by side in the command: while it is being developed, the argument parser checks a group within a group many
/// times over each time the command starts.
protocol DataCommand: ParsableCommand {
    var dataPath: DataPathOptions { get }
    var samples: SampleOptions { get }
    var batches: BatchOptions { get }
}

extension DataCommand {
    /// The data and how much of it at once.
    var data: DataOptions { DataOptions(data: dataPath.data, samples: samples, batchSize: batches.batchSize) }
}

/// The data that a model is run on, and how much of it at once.
@dynamicMemberLookup
struct DataOptions {
    /// The data as the user named it.
    let data: String
    let samples: SampleOptions
    /// The number of samples to run at once; nil if the library chooses.
    var batchSize: Int?

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] { [("--data", data), ("--labels", samples.labels)] }

    /// The data as a library takes it.
    func values(seed: UInt64) -> DatasetSource { samples.source(data, seed: seed) }

    subscript<Value>(dynamicMember member: KeyPath<SampleOptions, Value>) -> Value { samples[keyPath: member] }
}

/// The data that a model is run on.
struct DataPathOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data: npz with x and y, IDX, CIFAR-10 binary, token ids (npy, bin), text (txt), texts with labels (jsonl, csv, tsv), or modadd:P[:train|:test]; for patch, also prompt pairs (JSON, CSV).",
            valueName: "data"),
        completion: .file())
    var data: String
}

/// How many samples are run at once.
struct BatchOptions: ParsableArguments {
    @Option(
        name: .customLong("batch"),
        help: ArgumentHelp("The number of samples to run at once; without this option, as many as fit into 64 MB.", valueName: "n"))
    var batchSize: Int?

    mutating func validate() throws {
        if let batchSize, batchSize < 1 { throw ValidationError("--batch must be at least 1") }
    }
}

/// How the data becomes samples, and which of them are used.
struct SampleOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("A file with the labels of data that has none of its own: IDX, npy or npz.", valueName: "file"),
        completion: .file())
    var labels: String?

    @Option(
        help: ArgumentHelp(
            "Subtract MEAN and divide by STD, after bytes have been divided by 255; with several channels, all means, then all deviations.",
            valueName: "mean,std"),
        transform: { try OptionNames.parsing($0, Normalization.init) })
    var normalize: Normalization?

    @Option(help: ArgumentHelp("Cut text and flat token ids into windows of T tokens, and texts with labels to T tokens.", valueName: "t"))
    var context: Int?

    @Option(name: .customLong("token-type"), help: "How a .bin stores token ids.")
    var tokenWidth = TokenWidth.uint16

    @Option(
        name: .customLong("train-fraction"), help: ArgumentHelp("The share of modular addition's pairs in modadd:P:train.", valueName: "x"),
        transform: { try NumberRange.part.number($0) })
    var trainFraction = 0.3

    @Option(
        help: ArgumentHelp(
            "What the data asks for, where the data and the model do not say.",
            discussion: DataTask.list, valueName: "task"))
    var task: DataTask?

    @Option(help: ArgumentHelp("Use only the first N samples.", valueName: "n"))
    var limit: Int?

    mutating func validate() throws {
        if let context, context < 2 { throw ValidationError("--context must be at least 2") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    /// The data of a path as a library takes it.
    func source(_ path: String, seed: UInt64) -> DatasetSource {
        var source = DatasetSource(
            path: path, labels: labels, normalization: normalize, context: context, tokenWidth: tokenWidth, trainFraction: trainFraction,
            seed: seed, limit: limit)
        source.task = task
        return source
    }
}
