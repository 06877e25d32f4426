import Text

/// What every line of an audit's results says besides the row: what it was computed with.
package struct ResultOrigin: Sendable, Hashable {
    /// The version of the program and every option that changes a row, as JSON on one line.
    package let identity: String
    /// The part of the checkpoints that the rows are about; nil for all of them.
    package let shard: Shard?

    package init(identity: String, shard: Shard? = nil) {
        self.identity = identity
        self.shard = shard
    }

    private static let opening = Array("{\"schema\":\(JSONText.string(AuditRow.schema)),".utf8)
    private static let unfinished = Array("\"finished\":false,".utf8)

    private var members: [UInt8] {
        Array(("\"settings\":\(identity)," + (shard.map { "\"shard\":\(JSONText.string($0.description))," } ?? "")).utf8)
    }

    /// A row's line with the origin, without a line end.
    ///
    /// - Parameter isFinished: whether the row is one of a result that has come to its end, in which it is complete.
    package func line(_ row: [UInt8], isFinished: Bool) -> [UInt8] {
        precondition(row.starts(with: Self.opening), "a row without its schema")
        return Self.opening + members + (isFinished ? [] : Self.unfinished) + row[Self.opening.count...]
    }

    /// The only line of a result that has come to its end without a row.
    package var emptyLine: [UInt8] { Self.opening + members + Array("\"rows\":0}".utf8) }

    /// The lines of a whole result that has come to its end.
    package func lines(_ rows: [AuditRow]) -> [UInt8] {
        var bytes: [UInt8] = []
        for row in rows {
            bytes += line(row.line, isFinished: true)
            bytes.append(UInt8(ascii: "\n"))
        }
        return rows.isEmpty ? emptyLine + [UInt8(ascii: "\n")] : bytes
    }

    /// Why rows of this origin are of no use to a run with another one; nil if they are.
    package func difference(from wanted: ResultOrigin) -> Problem? {
        guard identity != wanted.identity, let own = JSONMembers(Array(identity.utf8)), let other = JSONMembers(Array(wanted.identity.utf8))
        else {
            guard shard != wanted.shard else { return nil }
            let words = { (shard: Shard?) in shard.map { "shard \($0)" } ?? "all checkpoints" }
            return Problem("holds the results of another part", expected: words(wanted.shard), found: words(shard))
        }
        func text(_ members: JSONMembers, _ name: String) -> String { members.value(of: name) ?? "none" }
        let version = "version"
        if text(own, version) != text(other, version) {
            return Problem("was written by another version", expected: text(other, version), found: text(own, version))
        }
        let names = own.names + other.names.filter { !own.contains($0) }
        let different = names.filter { text(own, $0) != text(other, $0) }
        return Problem(
            "was written with other options", expected: different.map { "\($0) \(text(other, $0))" }.listed(),
            found: different.map { "\($0) \(text(own, $0))" }.listed())
    }
}
