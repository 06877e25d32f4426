/// A value with its path in the file, which messages give: `pre_tokenizer.pretokenizers.1`.
package struct JSONSection: Sendable {
    package let value: JSONValue
    package let place: String

    package init(value: JSONValue, place: String) {
        self.value = value
        self.place = place
    }

    /// The member `name`; null if there is none.
    package subscript(_ name: String) -> JSONSection {
        var found = JSONValue.null
        if case .object(let members) = value, let member = members.last(where: { $0.name == name }) { found = member.value }
        return JSONSection(value: found, place: place + "." + name)
    }

    package var isNull: Bool {
        if case .null = value { true } else { false }
    }

    /// What kind of part this is, `type` in the file.
    package func type() throws -> String { try self["type"].string() }

    package func string() throws -> String {
        guard case .string(let text) = value else { throw mismatch("a string") }
        return text
    }

    /// The truth value, `absent` if the file has none; without `absent` it is required.
    package func bool(absent: Bool? = nil) throws -> Bool {
        if isNull, let absent { return absent }
        guard case .bool(let flag) = value else { throw mismatch("true or false") }
        return flag
    }

    /// A number of 0 or more that fits a token id.
    package func count() throws -> Int32 {
        guard case .integer(let number) = value, let count = Int32(exactly: number), count >= 0 else {
            throw mismatch("a whole number from 0 to \(Int32.max)")
        }
        return count
    }

    package func list() throws -> [JSONSection] {
        guard case .list(let elements) = value else { throw mismatch("a list") }
        return elements.enumerated().map { JSONSection(value: $1, place: "\(place).\($0)") }
    }

    package func members() throws -> [(name: String, section: JSONSection)] {
        guard case .object(let members) = value else { throw mismatch("an object") }
        return members.map { ($0.name, JSONSection(value: $0.value, place: place + "." + $0.name)) }
    }

    /// Refuses a type that is not read.
    package func unknownType(_ type: String, known: String) -> Problem {
        Problem("\(place) of type \(type.quotedInMessage) is not read", expected: known)
    }

    /// Refuses a chain of more steps than any tokenizer has.
    package func checkLength(_ count: Int, maximum: Int = 50) throws {
        guard count <= maximum else {
            throw Problem("\(place) has too many steps", expected: "at most \(maximum)", found: "\(count)")
        }
    }

    package func mismatch(_ expected: String) -> Problem {
        Problem("\(place) has a wrong value", expected: expected, found: isNull ? "none" : value.kind)
    }
}
