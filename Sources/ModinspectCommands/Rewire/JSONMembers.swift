import Text

/// Where the members of a JSON text's outer object lie, so that one can be changed and all else stays as it was written.
enum JSONMembers {
    /// The places of the values that the outer object has under `name`, in their order; objects inside it are passed over.
    ///
    /// - Parameter text: valid JSON.
    static func values(of name: String, in text: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var depth = 0
        var key: Range<Int>?
        var valueStart: Int?
        var position = 0
        func end(at place: Int) {
            guard let start = valueStart, let key, Self.string(text[key]) == name else { return }
            let last = text[start..<place].lastIndex { !isSpace($0) } ?? start
            found.append(start..<last + 1)
        }
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\""):
                let start = position
                position = closingQuote(text, after: start)
                if depth == 1, valueStart == nil { key = start..<min(position + 1, text.count) }
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 1 { end(at: position) }
                depth -= 1
            case UInt8(ascii: ":") where depth == 1:
                valueStart = text[(position + 1)...].firstIndex { !isSpace($0) }
            case UInt8(ascii: ",") where depth == 1:
                end(at: position)
                key = nil
                valueStart = nil
            default: break
            }
            position += 1
        }
        return found
    }

    private static func closingQuote(_ text: [UInt8], after start: Int) -> Int {
        var position = start + 1
        while position < text.count, text[position] != UInt8(ascii: "\"") {
            position += text[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        return position
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    /// A string with its quotes, decoded.
    private static func string(_ text: ArraySlice<UInt8>) -> String? {
        text.withUnsafeBytes { try? JSONCursor.reading($0) { cursor in try cursor.readText() } }
    }
}
