import ArgumentParser
import Text
import Checkpoints
import Training

/// The evaluations during training, and the goals that end it.
struct WatchingOptions: ParsableArguments {
    @Option(
        name: .customLong("eval"), help: ArgumentHelp("Data to evaluate the model on during the run.", valueName: "data"),
        completion: .file())
    var evaluated: String?

    @Option(name: .customLong("eval-labels"), help: ArgumentHelp("The labels of --eval's data.", valueName: "file"), completion: .file())
    var evaluatedLabels: String?

    @Option(
        name: .customLong("guard"),
        help: ArgumentHelp(
            "Data of another kind, evaluated along with --eval's, to show what the model loses elsewhere.", valueName: "data"),
        completion: .file())
    var guarding: String?

    @Option(name: .customLong("guard-labels"), help: ArgumentHelp("The labels of --guard's data.", valueName: "file"), completion: .file())
    var guardingLabels: String?

    @Option(
        name: .customLong("eval-every"),
        help: ArgumentHelp(
            "The number of steps between evaluations; without this option one epoch, or a hundredth of the run if that is longer.",
            valueName: "n"))
    var interval: Int?

    @Option(name: .customLong("eval-limit"), help: ArgumentHelp("Use only the first N samples of --eval and --guard.", valueName: "n"))
    var limit: Int?

    @Option(
        name: .customLong("until"),
        help: ArgumentHelp(
            "End the run early when clusterability=X or, on --eval's data, accuracy=X is reached; if both are given, when both are.",
            valueName: "goal"),
        transform: { try TrainingGoal($0) })
    var goals: [TrainingGoal] = []

    @Option(help: ArgumentHelp("Which weights to write.", discussion: KeptWeights.list))
    var keep = KeptWeights.last

    @Option(
        name: .customLong("log"),
        help: ArgumentHelp("Write a line of JSON for each step to FILE; - is standard output.", valueName: "file"), completion: .file())
    var log: String?

    @Option(name: .customLong("log-every"), help: ArgumentHelp("The number of steps between lines of the log.", valueName: "n"))
    var logInterval = 1

    /// The files that the options name.
    var inputs: [(argument: String, path: String?)] {
        [("--eval", evaluated), ("--eval-labels", evaluatedLabels), ("--guard", guarding), ("--guard-labels", guardingLabels)]
    }

    mutating func validate() throws {
        if let interval, interval < 1 { throw ValidationError("--eval-every must be at least 1") }
        if let limit, limit < 1 { throw ValidationError("--eval-limit must be at least 1") }
        if logInterval < 1 { throw ValidationError("--log-every must be at least 1") }
        if evaluated == nil {
            let needing: [(Bool, String)] = [
                (evaluatedLabels != nil, "--eval-labels"), (guarding != nil, "--guard"), (interval != nil, "--eval-every"),
                (limit != nil, "--eval-limit"),
                (keep == .best, "--keep best"), (goals.contains { $0.measure == .accuracy }, "--until accuracy"),
            ]
            if let first = needing.first(where: \.0) { throw ValidationError("\(first.1) needs --eval") }
        }
        if guardingLabels != nil, guarding == nil { throw ValidationError("--guard-labels needs --guard") }
        if Set(goals.map(\.measure)).count < goals.count { throw ValidationError("--until names a measure twice") }
    }

    func goal(_ measure: TrainingGoal.Measure) -> Double? { goals.first { $0.measure == measure }?.value }
}

/// A goal that ends a run, as given by `--until clusterability=0.95`.
struct TrainingGoal {
    enum Measure: String, CaseIterable {
        case clusterability, accuracy
    }

    let measure: Measure
    let value: Double

    init(_ text: String) throws {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let measure = Measure(rawValue: parts[0]), let value = Double(decimal: parts[1]), (0...1).contains(value)
        else {
            throw ValidationError("--until must be clusterability=X or accuracy=X with a number from 0 to 1, found '\(text)'")
        }
        (self.measure, self.value) = (measure, value)
    }
}

/// How an interrupted run is resumed.
struct RunStateOptions: ParsableArguments {
    @Option(
        name: .customLong("save-every"),
        help: ArgumentHelp("Save the complete state of the run after every N steps.", valueName: "n"))
    var interval: Int?

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "Where to keep the state of an unfinished run; OUT.state without this option.", valueName: "file"),
        completion: .file())
    var path: String?

    @Flag(help: "Resume from the saved state, with bit-identical results; start from the beginning if there is none.")
    var resume = false

    mutating func validate() throws {
        if let interval, interval < 1 { throw ValidationError("--save-every must be at least 1") }
        if path == "-" || path == "" { throw ValidationError("--state needs the name of a file") }
    }

    /// The file that the state of a run to `output` is kept in; nil if a run to standard output names none.
    func path(for output: String) -> String? {
        if let path { return path }
        if output == "-" { return nil }
        var name = output[...]
        while name.count > 1, name.hasSuffix("/") { name.removeLast() }
        return name + ".state"
    }
}
