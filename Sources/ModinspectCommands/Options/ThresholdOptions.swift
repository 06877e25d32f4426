import ArgumentParser
import Modularity
import Text

/// The limits for a score.
struct ThresholdOptions: ParsableArguments {
    @Option(
        name: .customLong("fail-under"), parsing: .unconditional,
        help: ArgumentHelp("Exit with status 3 if the mean of --measure is below X or undefined.", valueName: "x"),
        transform: { try NumberRange.any.number($0) })
    var least: Double?

    @Option(
        name: .customLong("fail-over"), parsing: .unconditional,
        help: ArgumentHelp("Exit with status 3 if the mean of --measure is above X or undefined.", valueName: "x"),
        transform: { try NumberRange.any.number($0) })
    var most: Double?

    @Flag(name: .customLong("per-layer"), help: "Apply --fail-under and --fail-over to every layer instead of the mean.")
    var isPerLayer = false

    @Option(
        help: ArgumentHelp(
            "The measure that --fail-under and --fail-over apply to.",
            discussion: """
                Higher is better for \(Measure.names(.higherIsBetter)); lower is better for \(Measure.names(.lowerIsBetter)).
                """))
    var measure = Measure.clusterability

    mutating func validate() throws {
        if least == nil, most == nil {
            if isPerLayer { throw ValidationError("--per-layer requires --fail-under or --fail-over") }
            if measure != .clusterability { throw ValidationError("--measure requires --fail-under or --fail-over") }
        }
        if let least, let most, least > most { throw ValidationError("--fail-under must be at most --fail-over") }
    }

    /// Writes a note if a limit rejects better values of the measure.
    func note(to diagnostics: Diagnostics) {
        switch measure.direction {
        case .higherIsBetter where most != nil && least == nil:
            diagnostics.note("higher is better for \(measure.rawValue); --fail-over rejects better values")
        case .lowerIsBetter where least != nil && most == nil:
            diagnostics.note("lower is better for \(measure.rawValue); --fail-under rejects better values")
        default: break
        }
    }

    /// Whether a checkpoint is within the limits; each value that is not is reported.
    func check(_ scored: ScoredCheckpoint, _ diagnostics: Diagnostics) -> Bool {
        guard least != nil || most != nil else { return true }
        var isMet = true
        for sweep in scored.results {
            for row in isPerLayer ? sweep.layers : [sweep.mean] {
                let value = row[measure]
                guard let expected = missed(value) else { continue }
                isMet = false
                let subject = isPerLayer ? "tensor '\(row.layer)': \(measure.rawValue)" : "mean \(measure.rawValue)"
                let k = row.k.map { " for \($0) clusters" } ?? ""
                diagnostics.failure("\(scored.path): \(subject)\(k), expected \(expected), found \(TSV.number(value))")
            }
        }
        return isMet
    }

    /// What was expected of a value that misses it; nil for one that does not.
    private func missed(_ value: Double?) -> String? {
        if let value, value >= least ?? -.infinity, value <= most ?? .infinity { return nil }
        let isUnder = least.map { (value ?? -.infinity) < $0 } ?? false
        if isUnder, let least { return "at least \(ByteText.shortest(least))" }
        return most.map { "at most \(ByteText.shortest($0))" }
    }
}
