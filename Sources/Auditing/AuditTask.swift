import Archives
import Checkpoints
import Datasets
import Text

/// What a worker of an audit is told: how rows are computed, and then one checkpoint after the other.
package struct AuditTask {
    private let checkpoint: FoundCheckpoint
    /// A row that is right if the file still has the hash in it.
    private let earlier: AuditRow?

    private static let lineEnd = UInt8(ascii: "\n")

    /// The first words of a worker's greeting.
    package static let name = "audit"

    static func greeting(_ settings: AuditSettings, threads: Int) -> [UInt8] { Array("\(name)\n\(threads)\n\(settings.line)".utf8) }

    static func bytes(_ checkpoint: FoundCheckpoint, earlier: [UInt8]? = nil) -> [UInt8] {
        Array(checkpoint.line.utf8) + (earlier.map { [lineEnd] + $0 } ?? [])
    }

    private init(_ bytes: [UInt8]) throws(Problem) {
        let end = bytes.firstIndex(of: Self.lineEnd) ?? bytes.count
        checkpoint = try FoundCheckpoint(line: Array(bytes[..<end]))
        earlier = end < bytes.count ? try AuditRow(line: Array(bytes[(end + 1)...])) : nil
    }

    /// What answers the tasks of an audit: each with a row's line.
    ///
    /// - Throws: ``Problem`` for a greeting that is not an audit's.
    package static func worker(_ greeting: [UInt8]) throws(Problem) -> ([UInt8]) -> [UInt8] {
        let parts = greeting.split(separator: lineEnd, maxSplits: 2).map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 3, parts[0] == name, let threads = Int(parts[1]) else { throw Problem("is not the greeting of an audit") }
        let settings = try AuditSettings(line: parts[2])
        return { bytes in
            do throws(Problem) {
                return try AuditTask(bytes).row(settings, threads: threads).line
            } catch {
                preconditionFailure("a task that this program did not write: \(error)")
            }
        }
    }

    private func row(_ settings: AuditSettings, threads: Int) -> AuditRow {
        var row = checkpoint.opening { found in
            earlier.flatMap { Self.isUnchanged(found, $0) ? $0 : nil } ?? Examination.row(of: found, settings: settings, threads: threads)
        }
        // As it was found, not as a strange name made it necessary to open it.
        row.base = checkpoint.base
        row.modified = checkpoint.modified
        row.fingerprint = checkpoint.fingerprint
        return row
    }

    private static func isUnchanged(_ found: FoundCheckpoint, _ row: AuditRow) -> Bool {
        guard let hash = row.sha256, let region = try? ByteRegion.mapping(path: found.path) else { return false }
        return ByteRegion.sha256(of: [region]) == hash
    }
}
