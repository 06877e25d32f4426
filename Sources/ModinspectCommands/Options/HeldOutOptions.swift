import ArgumentParser

/// The data that results are judged on, separate from those used to find them.
struct HeldOutOptions: ParsableArguments {
    @Option(
        name: .customLong("eval"),
        help: ArgumentHelp("Judge circuits on this data, read like --data; without this option on part of --data.", valueName: "data"),
        completion: .file())
    var data: String?

    @Option(
        name: .customLong("eval-labels"),
        help: ArgumentHelp("A file with the labels of --eval if it has none of its own.", valueName: "file"),
        completion: .file())
    var labels: String?

    @Option(
        name: .customLong("held-out"),
        help: ArgumentHelp(
            "The share of --data that circuits are judged on, a random selection; 0.5 without this option.", valueName: "x"),
        transform: { try NumberRange.part.number($0) })
    var share: Double?

    mutating func validate() throws {
        if data != nil, share != nil { throw ValidationError("--eval cannot be combined with --held-out") }
        if labels != nil, data == nil { throw ValidationError("--eval-labels requires --eval") }
    }

    /// The options that were given, for methods to which they do not apply.
    var given: [String] { [("--eval", data != nil), ("--held-out", share != nil)].filter(\.1).map(\.0) }
}
