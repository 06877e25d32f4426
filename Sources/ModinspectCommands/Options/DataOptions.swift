import ArgumentParser
import Datasets

extension TokenWidth: ExpressibleByArgument {}
extension DataTask: Choice {}

/// The data that a model is run on, and how much of it at once.
@dynamicMemberLookup
struct DataOptions: ParsableArguments {
    @OptionGroup var source: DataSourceOptions

    @Option(
        name: .customLong("batch"),
        help: ArgumentHelp("The number of samples to run at once; without this option, as many as fit into 64 MB.", valueName: "n"))
    var batchSize: Int?

    /// The data as the user named it.
    var data: String { source.data }

    /// The data as a library takes it.
    func values(seed: UInt64) -> DatasetSource { source.values(seed: seed) }

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] { source.inputs }

    subscript<Value>(dynamicMember member: KeyPath<SampleOptions, Value>) -> Value { source.samples[keyPath: member] }

    mutating func validate() throws {
        if let batchSize, batchSize < 1 { throw ValidationError("--batch must be at least 1") }
    }
}

/// The data that a model is run on.
@dynamicMemberLookup
struct DataSourceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The data: npz with x and y, IDX, CIFAR-10 binary, token ids (npy, bin), text (txt), texts with labels (jsonl, csv, tsv), or modadd:P[:train|:test]; for patch, also prompt pairs (JSON, CSV).",
            valueName: "data"),
        completion: .file())
    var data: String

    @OptionGroup var samples: SampleOptions

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] { [("--data", data), ("--labels", samples.labels)] }

    /// The data as a library takes it.
    func values(seed: UInt64) -> DatasetSource { samples.source(data, seed: seed) }

    subscript<Value>(dynamicMember member: KeyPath<SampleOptions, Value>) -> Value { samples[keyPath: member] }
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
        name: .customLong("train-fraction"), help: ArgumentHelp("The share of modular addition's pairs in modadd:P:train.", valueName: "x"))
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
        if !(trainFraction > 0 && trainFraction < 1) { throw ValidationError("--train-fraction must be above 0 and below 1") }
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
