import Text

/// A value of a result as it was read; lists of whole numbers, which may be long, take eight bytes an element.
indirect enum ResultValue: Sendable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case integers([Int])
    case list([ResultValue])
    case object([(name: String, value: ResultValue)])

    subscript(_ name: String) -> ResultValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }
}

/// What may still be read of a text, so that no text fills the memory.
struct ReadingBudget {
    /// Values other than those of lists of whole numbers.
    var values = 2_000_000
    /// Elements of lists of whole numbers.
    var integers = 20_000_000

    mutating func take(values count: Int = 0, integers more: Int = 0) throws {
        values -= count
        integers -= more
        if values < 0 { throw Problem("holds too many values", expected: "at most 2,000,000") }
        if integers < 0 { throw Problem("holds too many whole numbers", expected: "at most 20,000,000") }
    }
}

extension JSONCursor {
    /// Members that may be long and that no picture shows: every edge of a graph, how often each weight returned, the changes of weights.
    private static let unread: Set = ["scores", "returned", "largestChanges", "singularValues"]

    /// Reads any value; the cursor bounds its depth, `budget` its size.
    mutating func resultValue(_ budget: inout ReadingBudget) throws -> ResultValue {
        try budget.take(values: 1)
        switch peek() {
        case UInt8(ascii: "{"):
            var members: [(name: String, value: ResultValue)] = []
            try readObject { cursor, name in
                if Self.unread.contains(name) {
                    try cursor.skip()
                } else {
                    members.append((name, try cursor.resultValue(&budget)))
                }
            }
            return .object(members)
        case UInt8(ascii: "["): return try list(&budget)
        default:
            switch try value() {
            case .bool(let flag): return .flag(flag)
            case .integer(let number): return .number(Double(number))
            case .number(let number): return .number(number)
            case .string(let text): return .text(text)
            case .null, .list, .object: return .null
            }
        }
    }

    private mutating func list(_ budget: inout ReadingBudget) throws -> ResultValue {
        var integers: [Int] = []
        var others: [ResultValue] = []
        try readList { cursor in
            if others.isEmpty, let number = cursor.readPlainInteger() {
                try budget.take(integers: 1)
                integers.append(number)
                return
            }
            if others.isEmpty {
                try budget.take(values: integers.count)
                others = integers.map { .number(Double($0)) }
                integers = []
            }
            others.append(try cursor.resultValue(&budget))
        }
        return others.isEmpty ? .integers(integers) : .list(others)
    }
}
