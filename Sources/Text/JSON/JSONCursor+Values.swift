/// Thrown when the value has been found, so that the rest is not read.
private struct Found: Error {}

/// Values of a known kind, read without a tree.
extension JSONCursor {
    /// Reads a string.
    ///
    /// - Throws: ``Problem`` for anything else, and for bytes that are not UTF-8.
    package mutating func readText() throws -> String {
        var bytes: [UInt8] = []
        try readString(into: &bytes)
        return try Self.text(bytes)
    }

    /// The text of a key or string.
    package static func text(_ bytes: [UInt8]) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Problem("a string is not UTF-8") }
        return text
    }

    /// Reads `null` where it comes next.
    package mutating func takeNull() -> Bool { peek() == UInt8(ascii: "n") && takeWord("null") }

    /// Reads a whole number, which may be written as `2.0`.
    package mutating func readInteger(in range: ClosedRange<Int> = Int.min...Int.max) throws -> Int {
        _ = peek()
        let ahead = self
        if let number = readPlainInteger() {
            if range.contains(number) { return number }
            self = ahead
        }
        switch try readNumber() {
        case .integer(let number) where range.contains(number): return number
        case .number(let number):
            if let whole = Int(exactly: number), range.contains(whole) { return whole }
        default: break
        }
        self = ahead
        throw unexpected(
            range == Int.min...Int.max ? "a whole number" : "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }

    /// Reads a list of whole numbers, in memory for these alone.
    package mutating func readIntegers(in range: ClosedRange<Int> = Int.min...Int.max) throws -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(try elementCount())
        try readList { cursor in numbers.append(try cursor.readInteger(in: range)) }
        return numbers
    }

    /// Reads a list of whole numbers of 0 or more in digits alone: neither `2.0` nor `-0`.
    package mutating func readUnsignedIntegers() throws -> [Int] {
        var numbers: [Int] = []
        numbers.reserveCapacity(try elementCount())
        try readList { cursor in
            let isSigned = cursor.peek() == UInt8(ascii: "-")
            let ahead = cursor
            if !isSigned, let number = cursor.readPlainInteger() { return numbers.append(number) }
            guard !isSigned, case .integer(let number)? = try? cursor.readNumber() else { throw ahead.unexpected("a whole number from 0") }
            numbers.append(number)
        }
        return numbers
    }

    /// Reads a number.
    package mutating func readDouble() throws -> Double {
        let ahead = self
        switch try readNumber() {
        case .integer(let number): return Double(number)
        case .number(let number): return number
        default:
            self = ahead
            throw unexpected("a number")
        }
    }

    /// Reads a list of strings.
    package mutating func readTexts() throws -> [String] {
        var texts: [String] = []
        try readList { cursor in texts.append(try cursor.readText()) }
        return texts
    }

    /// Reads an object of strings; if a name appears twice, the last one counts.
    package mutating func readTextMembers() throws -> [String: String] {
        var texts: [String: String] = [:]
        try readMembers { cursor, name in texts[try Self.text(name)] = try cursor.readText() }
        return texts
    }

    // MARK: - What comes next

    /// The number of elements of the list that comes next, which is not consumed.
    private func elementCount() throws -> Int {
        var ahead = self
        var count = 0
        try ahead.readList { cursor in
            try cursor.skip()
            count += 1
        }
        return count
    }

    /// The first string under `name` in the object that comes next, which is not consumed; nil if it has none.
    package func string(under name: String) throws -> String? {
        try lookingAhead(for: name) { cursor in cursor.peek() == UInt8(ascii: "\"") ? try cursor.readText() : nil } ?? nil
    }

    /// Whether the object that comes next, which is not consumed, has a member `name`.
    package func hasMember(_ name: String) throws -> Bool { try lookingAhead(for: name) { _ in true } ?? false }

    /// The result of `read` for the first member `name` of the next object; what follows is not read.
    private func lookingAhead<Value>(for name: String, _ read: (inout JSONCursor) throws -> Value) throws -> Value? {
        var ahead = self
        var value: Value?
        do {
            try ahead.readMembers { cursor, key in
                guard key.elementsEqual(name.utf8) else { return try cursor.skip() }
                value = try read(&cursor)
                throw Found()
            }
        } catch is Found {}
        return value
    }

    /// The number of the line that the cursor is in, from 1.
    package var line: Int { 1 + passed.count { $0 == 0x0A } }

    // MARK: - Whole texts

    /// The result of `read` for the whole text in `bytes`; nothing may follow it.
    package static func reading<Value>(
        _ bytes: UnsafeRawBufferPointer, _ read: (inout JSONCursor) throws -> Value
    ) throws(Problem) -> Value {
        do {
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            let value = try read(&cursor)
            try cursor.readEnd()
            return value
        } catch {
            throw Problem(error)
        }
    }
}

extension Problem {
    /// A problem of a JSON text as one of what the text is: `the index is not valid, expected a string, found byte 12 ('1')`.
    package func invalidating(_ name: String) -> Problem {
        var problem = self
        problem.what = "\(name) is not valid" + (what == JSONCursor.isNotJSON ? "" : ": \(what)")
        return problem
    }
}
