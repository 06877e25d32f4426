import ArgumentParser

/// How often the search for circuits is repeated.
struct BootstrapOptions: ParsableArguments {
    @Option(
        name: .customLong("bootstrap"),
        help: ArgumentHelp(
            "Repeat the search N times on resampled data, and count how often each part returns.",
            discussion: "Samples are drawn within their class, so that the sizes of the classes do not change.", valueName: "n"))
    var resamples = 0

    mutating func validate() throws {
        if !(0...100_000).contains(resamples) { throw ValidationError("--bootstrap must be between 0 and 100000") }
    }
}
