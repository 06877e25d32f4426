import ArgumentParser
import Circuits

extension WeightCircuitRequest.Objective: Choice {}

/// How circuits of weights are found.
struct PruneOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "prune: what a circuit must preserve; kl without this option.",
            discussion: WeightCircuitRequest.Objective.list))
    var objective: WeightCircuitRequest.Objective?

    @Option(
        help: ArgumentHelp(
            "prune: the allowed mean divergence, or rise of the mean loss, in nats; 0.01 without this option, 0 with label-loss.",
            valueName: "x"), transform: { try NumberRange.nonNegative.number($0) })
    var tolerance: Double?

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp("prune: find the circuit of this label; repeatable, and a list between commas.", valueName: "n"),
        transform: { try PruneOptions.labels(in: $0) })
    var labelLists: [[Int]] = []

    var labels: [Int] { labelLists.flatMap(\.self) }

    private static func labels(in list: String) throws -> [Int] {
        try list.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let label = Int(text) else { throw ValidationError("--label must be whole numbers between commas, found '\(list)'") }
            return label
        }
    }

    @Flag(name: .customLong("per-label"), help: "prune: find a circuit for each label of the data.")
    var isPerLabel = false

    @Option(
        name: .customLong("layers"),
        help: ArgumentHelp(
            "prune: the weight matrices to prune, by tensor name with *, ? and [...]; all for every matrix, !GLOB to exclude some.",
            discussion: """
                Repeatable; several globs can be separated by commas. Without this option: every weight matrix of a plain chain, or \
                the MLP input matrix of every block of a transformer.
                """,
            valueName: "glob"))
    var lists: [String] = []

    @Option(
        name: .customLong("masks"),
        help: ArgumentHelp("prune: write the masks to FILE as Boolean numpy arrays in the tensors' own shapes.", valueName: "file.npz"),
        completion: .file())
    var masks: String?

    mutating func validate() throws {
        if isPerLabel, !labels.isEmpty { throw ValidationError("--label cannot be combined with --per-label") }
        if labels.contains(where: { $0 < 0 }) { throw ValidationError("--label must be at least 0") }
        if Set(labels).count < labels.count { throw ValidationError("--label names a label twice") }
        guard lists.allSatisfy({ list in GlobList.split(list).allSatisfy { !$0.isEmpty && $0 != "!" } }) else {
            throw ValidationError("--layers has an empty pattern")
        }
    }

    var chosenObjective: WeightCircuitRequest.Objective { objective ?? .kl }
    var chosenTolerance: Double { tolerance ?? chosenObjective.standardTolerance }

    /// The circuits to find.
    var subjects: WeightCircuitRequest.Subjects { isPerLabel ? .everyLabel : labels.isEmpty ? .wholeModel : .labels(labels) }

    /// The options that were given, for methods to which they do not apply.
    var given: [String] {
        [
            ("--objective", objective != nil), ("--tolerance", tolerance != nil), ("--label", !labels.isEmpty), ("--per-label", isPerLabel),
            ("--layers", !lists.isEmpty), ("--masks", masks != nil),
        ].filter(\.1).map(\.0)
    }
}
