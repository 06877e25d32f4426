import Archives
import Text

/// The lines of an audit's results, of which only what tells whether a row is still right is read.
struct JournalLines {
    /// One row.
    struct Entry {
        /// The line's number, counted from 1.
        let number: Int
        let range: Range<Int>
        let origin: ResultOrigin
        let isFinished: Bool
        let name: String
        let status: AuditStatus
        let fingerprint: String
        let size: Int
        let sha256: String?
    }

    /// The last row of each checkpoint, in the order of the file.
    private(set) var entries: [Entry] = []
    /// The origins of all rows, each once.
    private(set) var origins: [ResultOrigin] = []
    /// Whether all of them are of a run that came to its end.
    private(set) var isFinished = true
    /// The bytes up to the end of the last complete line.
    private(set) var length = 0
    /// The lines that are damaged, whose checkpoints have no row.
    private(set) var damaged = 0
    private let region: ByteRegion?

    private static let lineEnd = UInt8(ascii: "\n")

    /// Reads a file, which may be empty; what follows its last line end is left out.
    ///
    /// - Throws: ``Problem`` if it cannot be read or is something else.
    init(path: String) throws(Problem) {
        do {
            region = try ByteRegion.mapping(path: path)
        } catch {
            guard error.what == "the file is empty" else { throw error.at(path: path) }
            region = nil
            isFinished = false
            return
        }
        guard region?.withUnsafeBytes({ scan($0) }) ?? true else {
            throw Problem("is not a file of results", path: path, expected: AuditFile.expectation)
        }
    }

    /// Checks that a file is empty, or begins as results of any version do: nothing else is thrown away.
    ///
    /// - Throws: ``Problem`` if it is something else.
    static func checkIsReplaceable(_ path: String) throws(Problem) {
        guard let region = try? ByteRegion.mapping(path: path), !((try? JournalLines(path: path)) != nil) else { return }
        let beginning = Array("{\"schema\":\"modinspect.audit/".utf8)
        if region.withUnsafeBytes({ $0.prefix(beginning.count).elementsEqual(beginning.prefix($0.count)) }) { return }
        throw Problem("is not a file of results", expected: AuditFile.expectation)
    }

    func bytes(of entry: Entry) -> [UInt8] { region?.bytes(entry.range) ?? [] }

    /// Whether the file has exactly these bytes.
    func isEqual(to bytes: [UInt8]) -> Bool { region?.withUnsafeBytes { $0.elementsEqual(bytes) } ?? bytes.isEmpty }

    /// - Returns: whether the bytes are results.
    private mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var places: [ExactText: Int] = [:]
        var replaced = Set<Int>()
        var number = 0
        while length < bytes.count, let found = Self.end(of: bytes, from: length) {
            number += 1
            let line = UnsafeRawBufferPointer(rebasing: bytes[length..<found])
            switch LineContent(line, sharing: origins.last) {
            case .row(let origin, let isFinished, let name, let status, let fingerprint, let size, let sha256):
                if origins.last != origin, !origins.contains(origin) { origins.append(origin) }
                if !isFinished { self.isFinished = false }
                if let earlier = places.updateValue(entries.count, forKey: ExactText(name)) { replaced.insert(earlier) }
                entries.append(
                    Entry(
                        number: number, range: length..<found, origin: origin, isFinished: isFinished, name: name, status: status,
                        fingerprint: fingerprint, size: size, sha256: sha256))
            case .empty(let origin): origins.append(origin)
            case .other:
                damaged += 1
                isFinished = false
            }
            length = found + 1
        }
        if length < bytes.count { isFinished = false }
        // A process that was killed as it wrote its first line has left a part of it.
        let beginning = Array("{\"schema\":\(JSONText.string(AuditRow.schema)),".utf8)
        if number == 0, !bytes.prefix(beginning.count).elementsEqual(beginning.prefix(bytes.count)) { return false }
        // What has no row at all is some other file.
        if number > 0, origins.isEmpty { return false }
        if !replaced.isEmpty { entries = entries.enumerated().filter { !replaced.contains($0.offset) }.map(\.element) }
        return true
    }

    private static func end(of bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        bytes[start...].firstIndex(of: lineEnd)
    }
}

/// What one line says.
private enum LineContent {
    case row(ResultOrigin, isFinished: Bool, name: String, AuditStatus, fingerprint: String, size: Int, sha256: String?)
    case empty(ResultOrigin)
    case other

    /// - Parameter known: an origin that most lines have, so that they share it.
    init(_ line: UnsafeRawBufferPointer, sharing known: ResultOrigin?) {
        var (schema, name, fingerprint, status, shard): (String?, String?, String?, String?, String?)
        var settings: Range<Int>?
        var sha256: String?
        var (size, rows): (Int?, Int?)
        var isFinished = true
        self = .other
        do {
            var cursor = JSONCursor(line.bindMemory(to: UInt8.self))
            try cursor.readMembers { cursor, key in
                switch String(decoding: key, as: UTF8.self) {
                case "schema": schema = try cursor.readText()
                case "settings":
                    _ = cursor.peek()
                    let start = cursor.position
                    try cursor.skip()
                    settings = start..<cursor.position
                case "shard": shard = try cursor.readText()
                case "finished":
                    isFinished = false
                    try cursor.skip()
                case "path": name = try cursor.readText()
                case "status": status = try cursor.readText()
                case "fingerprint": fingerprint = try cursor.readText()
                case "size": size = try cursor.readInteger()
                case "rows": rows = try cursor.readInteger()
                case "sha256": if !cursor.takeNull() { sha256 = try cursor.readText() }
                default: try cursor.skip()
                }
            }
            try cursor.readEnd()
        } catch {
            return
        }
        guard schema == AuditRow.schema, let settings else { return }
        let identity = line[settings]
        let origin: ResultOrigin
        if let known, known.identity.utf8.elementsEqual(identity), known.shard?.description == shard {
            origin = known
        } else {
            origin = ResultOrigin(identity: String(decoding: identity, as: UTF8.self), shard: shard.flatMap { Shard($0) })
        }
        if rows == 0 {
            self = .empty(origin)
        } else if let name, let fingerprint, let size, let status = status.flatMap({ AuditStatus(rawValue: $0) }) {
            self = .row(origin, isFinished: isFinished, name: name, status, fingerprint: fingerprint, size: size, sha256: sha256)
        }
    }
}
