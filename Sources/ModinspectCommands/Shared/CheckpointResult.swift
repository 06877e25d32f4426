import Text

/// A checkpoint's part of a result: what was found, or why there is nothing.
enum CheckpointResult<Found: Encodable>: Encodable {
    case ok(Found)
    case failed(FailedCheckpoint)

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .ok(let found): try found.encode(to: encoder)
        case .failed(let failure): try failure.encode(to: encoder)
        }
    }
}

/// The values of the column `status`.
enum CheckpointStatus: String {
    case ok, failed
}

/// A checkpoint that gave no result, as `{"path", "error"}`.
struct FailedCheckpoint: Encodable {
    /// The parts of a message.
    struct Reason: Encodable, Equatable {
        let what: String
        let expected: String?
        let found: String?
    }

    let path: String
    let error: Reason

    /// - Parameter line: the message, `PATH: what, expected X, found Y`.
    init(path: String, line: String) {
        self.path = path
        let opening = path.singleLine + ": "
        error = Reason(line: line.hasPrefix(opening) ? line.dropFirst(opening.count) : line[...])
    }

    /// The failure for eyes.
    var text: String {
        var text = error.what
        if let expected = error.expected { text += ", expected " + expected }
        if let found = error.found { text += ", found " + found }
        return path.singleLine + "\n  failed: " + text.singleLine + "\n"
    }
}

extension FailedCheckpoint.Reason {
    /// - Parameter line: `what, expected X, found Y`; the latter two may be missing.
    init(line: Substring) {
        var rest = line
        var found: String?
        if let range = rest.lastRange(of: ", found ") {
            found = String(rest[range.upperBound...])
            rest = rest[..<range.lowerBound]
        }
        var expected: String?
        if let range = rest.firstRange(of: ", expected ") {
            expected = String(rest[range.upperBound...])
            rest = rest[..<range.lowerBound]
        }
        self.init(what: String(rest), expected: expected, found: found)
    }
}

extension Substring {
    fileprivate func lastRange(of part: String) -> Range<Index>? {
        ranges(of: part).last
    }
}
