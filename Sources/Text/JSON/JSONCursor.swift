/// Reads JSON text from front to back, so that a list of many megabytes never becomes a tree of values.
///
/// Strings keep their exact bytes: a general decoder's dictionaries take keys that Unicode treats as equivalent as one, and
/// vocabularies list such tokens side by side. The text must be valid UTF-8.
package struct JSONCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let kind: String
    package private(set) var position = 0
    private var depth = 0
    private var remainingValues = Self.maximumValueCount

    static let isNotJSON = "is not JSON"
    /// The bytes before the cursor.
    var passed: Slice<UnsafeBufferPointer<UInt8>> { bytes[..<position] }

    /// The deepest nesting that is read.
    package static let maximumDepth = 64
    /// The most values that ``value()`` reads from one text.
    package static let maximumValueCount = 1_000_000

    /// - Parameters:
    ///   - bytes: the text, which the caller keeps for as long as it is read.
    ///   - kind: what the text should be, for the message that it is something else.
    package init(_ bytes: UnsafeBufferPointer<UInt8>, kind: String = "JSON") {
        self.bytes = bytes
        self.kind = kind
    }

    /// The value of the member `name` of the object that is the whole text; nil if there is none, or if the text is not an object.
    package static func member(_ name: String, of bytes: UnsafeRawBufferPointer) -> JSONValue? {
        var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
        var found: JSONValue?
        do {
            try cursor.readMembers { cursor, key in
                if key.elementsEqual(name.utf8) { found = try cursor.value() } else { try cursor.skip() }
            }
            try cursor.readEnd()
        } catch {
            return nil
        }
        return found
    }

    // MARK: - Structure

    /// Reads an object; `member` is called after each key and reads its value.
    package mutating func readObject(_ member: (inout JSONCursor, String) throws -> Void) throws {
        try readMembers { cursor, key in try member(&cursor, String(decoding: key, as: UTF8.self)) }
    }

    /// Reads an object whose keys are data; `member` is called after each key's bytes and reads its value.
    package mutating func readMembers(_ member: (inout JSONCursor, [UInt8]) throws -> Void) throws {
        try enter(UInt8(ascii: "{"), "an object")
        defer { depth -= 1 }
        if take(UInt8(ascii: "}")) { return }
        var key: [UInt8] = []
        repeat {
            try readString(into: &key)
            guard take(UInt8(ascii: ":")) else { throw unexpected("':'") }
            try member(&self, key)
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw unexpected("',' or '}'") }
    }

    /// Reads a list; `element` is called before each value and reads it.
    package mutating func readList(_ element: (inout JSONCursor) throws -> Void) throws {
        try enter(UInt8(ascii: "["), "a list")
        defer { depth -= 1 }
        if take(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw unexpected("',' or ']'") }
    }

    /// Requires that nothing but space follows.
    package mutating func readEnd() throws {
        skipSpace()
        guard position == bytes.count else { throw unexpected("the end") }
    }

    /// The first byte of the next value, or nil at the end.
    package mutating func peek() -> UInt8? {
        skipSpace()
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func enter(_ bracket: UInt8, _ name: String) throws {
        guard take(bracket) else { throw unexpected(name) }
        depth += 1
        guard depth <= Self.maximumDepth else {
            throw Problem("the values are nested too deeply", expected: "at most \(Self.maximumDepth) levels")
        }
    }

    // MARK: - Values

    /// Reads any value as a tree.
    package mutating func value() throws -> JSONValue {
        remainingValues -= 1
        guard remainingValues >= 0 else {
            throw Problem("too many values", expected: "at most \(Self.maximumValueCount)")
        }
        switch peek() {
        case UInt8(ascii: "{"):
            var members: [JSONValue.Member] = []
            try readObject { cursor, name in members.append(.init(name: name, value: try cursor.value())) }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try readList { cursor in elements.append(try cursor.value()) }
            return .list(elements)
        case UInt8(ascii: "\""):
            var text: [UInt8] = []
            try readString(into: &text)
            return .string(String(decoding: text, as: UTF8.self))
        case UInt8(ascii: "t") where takeWord("true"): return .bool(true)
        case UInt8(ascii: "f") where takeWord("false"): return .bool(false)
        case UInt8(ascii: "n") where takeWord("null"): return .null
        default: return try readNumber()
        }
    }

    /// Reads any value and forgets it.
    package mutating func skip() throws {
        switch peek() {
        case UInt8(ascii: "{"): try readMembers { cursor, _ in try cursor.skip() }
        case UInt8(ascii: "["): try readList { cursor in try cursor.skip() }
        case UInt8(ascii: "\""):
            var text: [UInt8] = []
            try readString(into: &text)
        case UInt8(ascii: "t") where takeWord("true"): break
        case UInt8(ascii: "f") where takeWord("false"): break
        case UInt8(ascii: "n") where takeWord("null"): break
        default: _ = try readNumber()
        }
    }

    /// Replaces `text` with the bytes of the string that comes next.
    package mutating func readString(into text: inout [UInt8]) throws {
        text.removeAll(keepingCapacity: true)
        guard take(UInt8(ascii: "\"")) else { throw unexpected("a string") }
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"):
                position += 1
                try readEscape(into: &text)
            case 0..<0x20: throw unexpected("a string without control characters")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw unexpected("'\"'")
    }

    private mutating func readEscape(into text: inout [UInt8]) throws {
        guard position < bytes.count else { throw unexpected("an escape") }
        switch bytes[position] {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[position])
        case UInt8(ascii: "u"):
            position += 1
            var code = try readCodeUnit()
            if code >> 10 == 0x36 {
                guard takeByte(UInt8(ascii: "\\")), takeByte(UInt8(ascii: "u")) else {
                    throw unexpected("the second half of a surrogate pair")
                }
                let low = try readCodeUnit()
                guard low >> 10 == 0x37 else { throw unexpected("the second half of a surrogate pair") }
                code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
            }
            guard let scalar = Unicode.Scalar(code) else { throw unexpected("the first half of a surrogate pair") }
            text.append(contentsOf: UTF8.encode(scalar) ?? .init())
            return
        default: throw unexpected("an escape")
        }
        position += 1
    }

    private mutating func readCodeUnit() throws -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw unexpected("four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }

    /// Reads a whole number of 0 or more, with at most 18 digits.
    package mutating func readCount() throws -> Int {
        skipSpace()
        let start = position
        var number = 0
        while position < bytes.count, isDigit(bytes[position]), position - start < 18, number > 0 || position == start {
            number = number * 10 + Int(bytes[position] - 0x30)
            position += 1
        }
        guard position > start, position == bytes.count || !isDigit(bytes[position]) else {
            position = start
            throw unexpected("a whole number from 0")
        }
        return number
    }

    /// Reads a whole number of at most 18 digits without a fraction or an exponent; nil, and nothing is consumed, for everything else.
    package mutating func readPlainInteger() -> Int? {
        skipSpace()
        let start = position
        let isNegative = takeByte(UInt8(ascii: "-"))
        let first = position
        var number = 0
        while position < bytes.count, isDigit(bytes[position]), position - first < 18 {
            number = number * 10 + Int(bytes[position] - 0x30)
            position += 1
        }
        let hasLeadingZero = position - first > 1 && bytes[first] == UInt8(ascii: "0")
        let goesOn = position < bytes.count && (isDigit(bytes[position]) || [0x2E, 0x65, 0x45].contains(bytes[position]))
        guard position > first, !hasLeadingZero, !goesOn else {
            position = start
            return nil
        }
        return isNegative ? -number : number
    }

    /// Reads a list of whole numbers of 0 or more.
    package mutating func readCounts() throws -> [Int] {
        var counts: [Int] = []
        try readList { cursor in counts.append(try cursor.readCount()) }
        return counts
    }

    mutating func readNumber() throws -> JSONValue {
        skipSpace()
        let start = position
        _ = takeByte(UInt8(ascii: "-"))
        // A leading zero stands alone.
        var isNumber = takeByte(UInt8(ascii: "0")) || takeDigits()
        if isNumber, takeByte(UInt8(ascii: ".")) { isNumber = takeDigits() }
        if isNumber, takeByte(UInt8(ascii: "e")) || takeByte(UInt8(ascii: "E")) {
            if !takeByte(UInt8(ascii: "+")) { _ = takeByte(UInt8(ascii: "-")) }
            isNumber = takeDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isNumber, let integer = Int(text) { return .integer(integer) }
        guard isNumber, let number = Double(text) else {
            position = start
            throw unexpected("a value")
        }
        return .number(number)
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func takeDigits() -> Bool {
        let start = position
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
        return position > start
    }

    // MARK: - Bytes

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        return takeByte(byte)
    }

    private mutating func takeByte(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func takeWord(_ word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    func unexpected(_ expected: String) -> Problem {
        let found = position < bytes.count ? "byte \(position)" : "the end of the file"
        return Problem(
            "is not \(kind)", expected: expected, found: found + (position < bytes.count ? " (\(shown))" : ""))
    }

    /// The character at the cursor.
    private var shown: String {
        String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self).prefix(1).description.quotedInMessage
    }
}
