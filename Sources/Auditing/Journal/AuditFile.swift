import Archives
import Checkpoints
import Text

/// The results of an audit in a file, a row on each line.
package struct AuditFile: Sendable {
    package let path: String
    package let origin: ResultOrigin
    /// The last row of each checkpoint, in the order of the file.
    package let rows: [AuditRow]
    /// Whether the run that wrote the file came to its end.
    package let isFinished: Bool

    package static let expectation = "the results of modinspect audit"

    /// Reads a file.
    ///
    /// - Throws: ``Problem`` if it holds anything else.
    package init(path: String) throws(Problem) {
        self.path = path
        let lines = try JournalLines(path: path)
        guard let origin = lines.origins.first else {
            throw Problem("has no rows", path: path, expected: "the results of an audit that has come to its end")
        }
        for other in lines.origins.dropFirst() {
            if let difference = other.difference(from: origin) {
                throw Problem(
                    "has rows of different runs", path: path, expected: difference.expected, found: difference.found)
            }
        }
        self.origin = origin
        isFinished = lines.isFinished
        var rows: [AuditRow] = []
        rows.reserveCapacity(lines.entries.count)
        for entry in lines.entries {
            do throws(Problem) {
                rows.append(try AuditRow(line: lines.bytes(of: entry)))
            } catch {
                throw error.about("line \(entry.number)").at(path: path)
            }
        }
        self.rows = rows
    }

    /// The rows of several files as one run would have written them.
    ///
    /// - Returns: what they were computed with, and the rows in their order, completed.
    /// - Throws: ``Problem`` if they are not of one kind, if a shard is missing, unfinished or given twice, or if rows contradict each other.
    package static func merged(_ files: [AuditFile]) throws(Problem) -> (origin: ResultOrigin, rows: [AuditRow]) {
        guard let first = files.first else { throw Problem("no results to merge") }
        let common = ResultOrigin(identity: first.origin.identity)
        for file in files {
            if let difference = ResultOrigin(identity: file.origin.identity).difference(from: common) {
                throw Problem(
                    "\(difference.what) than \(first.path)", path: file.path, expected: difference.expected, found: difference.found)
            }
            guard file.isFinished else {
                throw Problem(
                    "is of an audit that has not come to its end", path: file.path, hint: "the same command again takes it up")
            }
        }
        try checkShards(files)
        var places: [ExactText: (path: String, row: AuditRow)] = [:]
        for file in files {
            for row in file.rows {
                if let other = places[ExactText(row.name)], AuditRow.completed([other.row]) != AuditRow.completed([row]) {
                    throw Problem("has another row for \(row.name.quotedInMessage) than \(other.path)", path: file.path)
                }
                places[ExactText(row.name)] = (file.path, row)
            }
        }
        return (common, AuditRow.completed(places.values.map(\.row).sorted { $0.name.precedesNaturally($1.name) }))
    }

    private static func checkShards(_ files: [AuditFile]) throws(Problem) {
        guard let count = files.lazy.compactMap(\.origin.shard).first?.count else { return }
        if let other = files.first(where: { $0.origin.shard?.count != count }) {
            throw Problem(
                "is not one of the same shards", path: other.path, expected: "a shard of \(count)",
                found: other.origin.shard.map { "shard \($0)" } ?? "the results of all checkpoints")
        }
        var seen: [Int: String] = [:]
        for file in files {
            guard let number = file.origin.shard?.number else { continue }
            if let other = seen.updateValue(file.path, forKey: number) {
                throw Problem("is the same shard as \(other)", path: file.path, found: "shard \(number)/\(count)")
            }
        }
        let missing = (1...count).filter { seen[$0] == nil }
        guard missing.isEmpty else {
            throw Problem("shards are missing", expected: "all \(count)", found: "none for \(missing.map { "\($0)/\(count)" }.listed())")
        }
    }
}
