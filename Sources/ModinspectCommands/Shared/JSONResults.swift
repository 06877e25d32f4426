import Archives
import Text

/// Reads JSON that this program wrote, one document or one line per part, from front to back.
enum JSONResults {
    /// The longest text that is read. It needs a few times its length in memory.
    static let maximumLength = 1 << 28

    /// Calls `part` before each part: the elements of the list `document` of an object that has one, and every other object as a whole.
    ///
    /// - Parameters:
    ///   - problem: the error for a file with other parts.
    ///   - expected: what such a file should be.
    ///   - check: called with each object's schema before its parts are read.
    static func forEach(
        in content: ByteRegion, path: String, problem: String, expected: String, checking check: (String?) throws -> Void,
        document: String, _ part: (inout JSONCursor) throws -> Void
    ) throws {
        guard content.count <= maximumLength else {
            throw Problem(file: path, problem: "is too long", expected: "at most \(maximumLength) bytes", found: "\(content.count)")
        }
        try content.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            func reading<Value>(_ body: () throws -> Value) throws -> Value {
                do {
                    return try body()
                } catch {
                    let reason = Problem(error)
                    // A part that is JSON but contradicts itself has its own message.
                    guard reason.path == nil else { throw reason }
                    throw Problem(
                        file: path, problem: "line \(cursor.line) \(problem)", expected: reason.expected ?? expected,
                        found: reason.found ?? reason.what)
                }
            }
            while cursor.peek() != nil {
                let schema = try reading { try cursor.string(under: "schema") }
                try check(schema)
                try reading {
                    guard try cursor.hasMember(document) else { return try part(&cursor) }
                    try cursor.readMembers { cursor, key in
                        if key.elementsEqual(document.utf8) { try cursor.readList(part) } else { try cursor.skip() }
                    }
                }
            }
        }
    }

    /// A member that a part must have.
    static func member<Value>(_ value: Value?, _ name: String) throws -> Value {
        guard let value else { throw Problem("no \"\(name)\"") }
        return value
    }
}
