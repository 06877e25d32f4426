import ArgumentParser
import Auditing
import Modularity
import Text

/// What the rows of an audit are judged by.
struct AuditJudgementOptions: ParsableArguments {
    @Option(help: "The measure that summaries and pictures are about.")
    var measure = AuditSettings.standardMeasure

    @Option(
        help: ArgumentHelp("Compare with the rows of an earlier audit: what is new, gone, changed and unchanged.", valueName: "file"),
        completion: .file())
    var baseline: String?

    @Option(
        name: .customLong("fail-on"),
        help: ArgumentHelp(
            "Exit with status 3 if a condition holds for a checkpoint; several are separated by commas.",
            discussion: """
                A condition is a word (\(FailConditions.words.joined(separator: ", "))), or a comparison (<, <=, >, >=) of a mean over the \
                layers (\(FailConditions.values.joined(separator: ", "))) with a number, as in adjusted<0.1; -change after the name \
                means the difference to --baseline, as in adjusted-change<-0.05. For an undefined value every condition holds.
                """, valueName: "conditions"))
    var conditionText: String?

    mutating func validate() throws {
        if baseline == "" { throw ValidationError("--baseline needs the name of a file") }
        if let conditionText {
            do {
                _ = try FailConditions(conditionText)
            } catch {
                throw ValidationError("--fail-on: \(error)")
            }
        }
    }

    /// Checks that the conditions have what they need.
    ///
    /// - Parameter nullSamples: the permutations to compare with; nil if results decide.
    func check(nullSamples: Int?) throws {
        guard let conditions else { return }
        if conditions.needsBaseline, baseline == nil { throw ValidationError("--fail-on with a change requires --baseline") }
        if conditions.needsNullModel, nullSamples == 0 { throw ValidationError("--fail-on with z, p or q requires --null") }
    }

    var conditions: FailConditions? { conditionText.flatMap { try? FailConditions($0) } }

    var inputs: [(argument: String, path: String?)] { [("--baseline", baseline)] }

    /// The rows of the earlier audit; nil if none is named.
    ///
    /// - Throws: ``Problem`` if it cannot be read, or is a part of an audit only.
    func earlier() throws(Problem) -> AuditFile? {
        guard let baseline else { return nil }
        let file = try AuditFile(path: baseline)
        if let shard = file.origin.shard {
            throw Problem("holds a part of the results", path: baseline, expected: "those of all checkpoints", found: "shard \(shard)")
        }
        guard file.isFinished else { throw Problem("is of an audit that has not come to its end", path: baseline) }
        return file
    }
}
