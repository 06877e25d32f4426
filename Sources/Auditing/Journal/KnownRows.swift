import Checkpoints
import Text

/// The rows of an earlier run, as far as they are still right.
package struct KnownRows {
    let lines: JournalLines
    private var entries: [ExactText: JournalLines.Entry] = [:]

    /// What an earlier run knows of a checkpoint.
    enum Known {
        /// Its row, which is still right.
        case row([UInt8])
        /// A row that is right if the file still has the hash in it.
        case rowIfHashed([UInt8])
    }

    /// - Parameter origin: what the run that wants them computes rows with.
    /// - Throws: ``Problem`` if the file cannot be read, or holds anything but the results of a run with the same origin.
    package init(path: String, origin: ResultOrigin) throws(Problem) {
        lines = try JournalLines(path: path)
        do throws(Problem) {
            for other in lines.origins {
                if let difference = other.difference(from: origin) { throw difference.at(path: path) }
            }
        } catch {
            var problem = error
            problem.hint = .restart
            throw problem
        }
        for entry in lines.entries { entries[ExactText(entry.name)] = entry }
    }

    /// What is known of a checkpoint; nil if it must be worked on. What did not come to its end is tried again.
    func known(_ checkpoint: FoundCheckpoint) -> Known? {
        guard let entry = entries[ExactText(checkpoint.name)], [.ok, .failed].contains(entry.status), !checkpoint.files.isEmpty else {
            return nil
        }
        if entry.fingerprint == checkpoint.fingerprint { return .row(lines.bytes(of: entry)) }
        guard checkpoint.files.count == 1, checkpoint.size == entry.size, entry.sha256 != nil else { return nil }
        return .rowIfHashed(lines.bytes(of: entry))
    }

    /// How many rows are about none of these checkpoints.
    func strangers(to names: [String]) -> Int { entries.count - Set(names.map { ExactText($0) }).count { entries[$0] != nil } }

    /// Whether a checkpoint has a row that is still right, as far as its files' sizes and times tell.
    package func isKnown(_ checkpoint: FoundCheckpoint) -> Bool { if case .row = known(checkpoint) { true } else { false } }
}
