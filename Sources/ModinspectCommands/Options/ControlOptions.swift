import ArgumentParser

/// The random circuits that a circuit is compared with.
struct ControlOptions: ParsableArguments {
    @Option(
        name: .customLong("control"),
        help: ArgumentHelp(
            "Compare each circuit with N random ones of its size.",
            discussion: """
                prune: masks that keep the same number of weights in each layer; 3 without this option. edges: as many of the edges \
                that lie on a path from input to output, beside every step of the ladder too; none without this option.
                """, valueName: "n"))
    var circuits: Int?

    mutating func validate() throws {
        if let circuits, !(0...1000).contains(circuits) { throw ValidationError("--control must be between 0 and 1000") }
    }
}
