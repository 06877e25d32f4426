/// The members of a JSON text's outer object and their positions, so that one can be changed without touching the rest of the text.
package struct JSONMembers {
    /// A member's name, and the positions of its key and its value.
    private struct Member {
        let name: String
        let start: Int
        let value: Range<Int>
    }

    package let text: [UInt8]
    private let members: [Member]

    /// - Returns: nil for text that is not a JSON object.
    package init?(_ text: [UInt8]) {
        let isObject = text.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            do {
                try cursor.readMembers { cursor, _ in try cursor.skip() }
                try cursor.readEnd()
                return true
            } catch {
                return false
            }
        }
        guard isObject else { return nil }
        self.text = text
        members = Self.members(of: text)
    }

    /// The text with `value`, which is JSON, under `name`: wherever the object has the name, otherwise as its first member.
    package func setting(_ name: String, to value: String) -> [UInt8] {
        var bytes = text
        let places = members.filter { $0.name == name }
        guard !places.isEmpty else {
            guard let brace = bytes.firstIndex(of: UInt8(ascii: "{")) else { return bytes }
            bytes.insert(contentsOf: "\n  \(JSONText.string(name)): \(value)\(members.isEmpty ? "" : ",")".utf8, at: brace + 1)
            return bytes
        }
        for place in places.reversed() { bytes.replaceSubrange(place.value, with: value.utf8) }
        return bytes
    }

    /// The text of the last member of the name; nil if there is none.
    package func value(of name: String) -> String? {
        members.last { $0.name == name }.map { String(decoding: text[$0.value], as: UTF8.self) }
    }

    /// The names of the members in their order.
    package var names: [String] { members.map(\.name) }

    /// Whether the object has a member of the name.
    package func contains(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// The text without the members of the name.
    package func removing(_ name: String) -> [UInt8] {
        var bytes = text
        let lastKept = members.lastIndex { $0.name != name }
        if let last = members.indices.last, last > lastKept ?? -1 {
            // Those at the end are removed with the comma before them.
            let start = lastKept.map { members[$0].value.upperBound } ?? members[0].start
            bytes.removeSubrange(start..<members[last].value.upperBound)
        }
        // The others are removed with the comma after them.
        for place in (0..<(lastKept ?? 0)).reversed() where members[place].name == name {
            bytes.removeSubrange(members[place].start..<members[place + 1].start)
        }
        return bytes
    }

    /// The members of the outer object of valid JSON; objects inside it are skipped.
    private static func members(of text: [UInt8]) -> [Member] {
        var found: [Member] = []
        var depth = 0
        var key: Range<Int>?
        var valueStart: Int?
        var position = 0
        func end(at place: Int) {
            guard let start = valueStart, let key else { return }
            let last = text[start..<place].lastIndex { !isSpace($0) } ?? start
            found.append(Member(name: string(text[key]), start: key.lowerBound, value: start..<last + 1))
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
            case UInt8(ascii: ":") where depth == 1 && valueStart == nil:
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
    private static func string(_ text: ArraySlice<UInt8>) -> String {
        text.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes)
            var decoded: [UInt8] = []
            try? cursor.readString(into: &decoded)
            return String(decoding: decoded, as: UTF8.self)
        }
    }
}
