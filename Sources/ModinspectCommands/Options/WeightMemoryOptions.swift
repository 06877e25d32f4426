import ArgumentParser
import Networks
import Text

/// How much memory the decoded weights of a model may take; shared by the subcommands that only run it.
struct WeightMemoryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Keep at most SIZE of weights in memory that are not stored in single precision, such as 500M or 2G; what does not fit is decoded again for each use. Three quarters of the memory without this option.",
            valueName: "size"),
        transform: { try ByteCount($0) })
    var memory: ByteCount?

    /// Applies the limit to a model that was just loaded, and says so if it does not hold all weights.
    func limit(_ model: LoadedModel, _ diagnostics: Diagnostics) {
        let values = model.network.values
        if let memory { values.keepConverted(atMost: memory.bytes) }
        let (needed, limit) = (values.convertedByteCount, values.keptLimit)
        guard needed > limit else { return }
        diagnostics.note(
            "\(model.checkpoint.path): its weights need \(ByteText.size(needed)) of memory once decoded; at most \(ByteText.size(limit)) is kept, and the rest is decoded for each batch"
        )
    }
}
