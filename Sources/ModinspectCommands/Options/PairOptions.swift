import ArgumentParser
import Datasets
import Evaluation
import Text

/// Where clean and corrupted samples come from.
struct PairOptions: ParsableArguments {
    enum Source: String, Choice {
        /// The data are prompt pairs.
        case file
        /// The data are samples with a class each, from which pairs are drawn.
        case byClass = "by-class"

        /// The documentation of the value for help and manual, one sentence.
        var documentation: String {
            switch self {
            case .file: "The data are pairs."
            case .byClass: "Each sample is a clean one; its corrupted counterpart is a random sample of another class."
            }
        }
    }

    @Option(
        name: .customLong("pairs"),
        help: ArgumentHelp(
            "Where the pairs come from.",
            discussion: Source.list))
    var source = Source.file

    /// The pairs of a path as a library takes them.
    ///
    /// - Throws: ``Problem`` for options of samples, if pairs come from a file.
    func values(_ path: String, _ samples: SampleOptions, seed: UInt64) throws -> PairSource {
        switch source {
        case .byClass: return .byClass(samples.source(path, seed: seed), seed: seed)
        case .file:
            let given = [
                ("--labels", samples.labels != nil), ("--normalize", samples.normalize != nil), ("--task", samples.task != nil),
                ("--context", samples.context != nil),
            ]
            if let option = given.first(where: \.1) {
                throw Problem(path: path, problem: "\(option.0) does not apply to prompt pairs")
            }
            return .file(path, limit: samples.limit)
        }
    }
}
