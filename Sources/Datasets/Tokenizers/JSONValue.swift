/// A small value of a tokenizer's file: all but vocabulary and merges.
enum JSONValue {
    struct Member {
        let name: String
        let value: JSONValue
    }

    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case list([JSONValue])
    case object([Member])

    /// What the value is, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let text): text.quotedInMessage
        case .list: "a list"
        case .object: "an object"
        }
    }
}

/// A value with its place in the file, which messages name: `pre_tokenizer.pretokenizers.1`.
struct JSONSection {
    let value: JSONValue
    let place: String

    /// The member `name`; null where there is none.
    subscript(_ name: String) -> JSONSection {
        var found = JSONValue.null
        if case .object(let members) = value, let member = members.last(where: { $0.name == name }) { found = member.value }
        return JSONSection(value: found, place: place + "." + name)
    }

    var isNull: Bool {
        if case .null = value { true } else { false }
    }

    /// What kind of part this is, `type` in the file.
    func type() throws -> String { try self["type"].string() }

    func string() throws -> String {
        guard case .string(let text) = value else { throw mismatch("a string") }
        return text
    }

    /// The truth value, `absent` where the file has none; without `absent` it must be there.
    func bool(absent: Bool? = nil) throws -> Bool {
        if isNull, let absent { return absent }
        guard case .bool(let flag) = value else { throw mismatch("true or false") }
        return flag
    }

    /// A number of 0 or more that fits a token id.
    func count() throws -> Int32 {
        guard case .integer(let number) = value, let count = Int32(exactly: number), count >= 0 else {
            throw mismatch("a whole number from 0 to \(Int32.max)")
        }
        return count
    }

    func list() throws -> [JSONSection] {
        guard case .list(let elements) = value else { throw mismatch("a list") }
        return elements.enumerated().map { JSONSection(value: $1, place: "\(place).\($0)") }
    }

    func members() throws -> [(name: String, section: JSONSection)] {
        guard case .object(let members) = value else { throw mismatch("an object") }
        return members.map { ($0.name, JSONSection(value: $0.value, place: place + "." + $0.name)) }
    }

    /// Refuses a type that is not read.
    func unknownType(_ type: String, known: String) -> TokenizerProblem {
        TokenizerProblem("\(place) of type \(type.quotedInMessage) is not read", expected: known)
    }

    /// Refuses a chain of more steps than any tokenizer has.
    func checkLength(_ count: Int, maximum: Int = 50) throws {
        guard count <= maximum else {
            throw TokenizerProblem("\(place) has too many steps", expected: "at most \(maximum)", found: "\(count)")
        }
    }

    func mismatch(_ expected: String) -> TokenizerProblem {
        TokenizerProblem("\(place) has a wrong value", expected: expected, found: isNull ? "none" : value.kind)
    }
}
