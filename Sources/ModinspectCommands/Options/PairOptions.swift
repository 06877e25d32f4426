import ArgumentParser

/// Where clean and corrupted samples come from.
struct PairOptions: ParsableArguments {
    enum Source: String, ExpressibleByArgument, CaseIterable {
        /// The data are prompt pairs.
        case file
        /// The data are samples with a class each, from which pairs are drawn.
        case byClass = "by-class"
    }

    @Option(
        name: .customLong("pairs"),
        help: ArgumentHelp(
            "Where the pairs come from.",
            discussion: """
                file: the data are pairs, JSON with prompts or CSV with clean and corrupted; by-class: each sample of the data is a \
                clean one, and its corrupted counterpart a sample of another class, drawn under the seed.
                """))
    var source = Source.file
}
