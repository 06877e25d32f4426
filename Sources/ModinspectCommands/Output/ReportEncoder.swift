import Text

/// Turns a report into JSON with its members in the order of their declaration. Nil and numbers that are not finite become `null`;
/// arrays of integers are written without a value apiece.
struct ReportEncoder {
    /// The report as one line, for `jsonl`, or as a document with indented lines. Both end with a line end.
    static func bytes(of report: some Encodable, isIndented: Bool) throws -> [UInt8] {
        var text = ByteText()
        try value(report, path: []).write(to: &text, isIndented: isIndented)
        text.append("\n")
        return text.bytes
    }

    /// Writes the same to `stream`, one piece at a time.
    static func write(_ report: some Encodable, isIndented: Bool, to stream: ResultStream) throws {
        var text = ByteText()
        func drain(_ text: inout ByteText) throws {
            guard text.bytes.count >= pieceLength else { return }
            try stream.write(text.bytes)
            text.removeAll()
        }
        try value(report, path: []).write(to: &text, isIndented: isIndented, drain: drain)
        text.append("\n")
        try stream.write(text.bytes)
    }

    private static let pieceLength = 1 << 15

    fileprivate static func value(_ value: some Encodable, path: [any CodingKey]) throws -> JSONTree {
        switch value {
        case let text as String: return .literal(JSONText.string(text))
        case let number as Double: return .literal(JSONText.number(number))
        case let number as Float: return .literal(number.isFinite ? number.description : "null")
        case let number as any BinaryInteger: return .literal("\(number)")
        case let flag as Bool: return .literal(flag ? "true" : "false")
        case let numbers as [Int32]: return .numbers(integers(numbers))
        case let numbers as [Int]: return .numbers(integers(numbers))
        case let rows as any RowList: return .rows(rows.count) { try rows.tree(at: $0, path: path) }
        default:
            let target = Target()
            try value.encode(to: ValueEncoder(target: target, codingPath: path))
            return target.value
        }
    }

    private static func integers(_ numbers: [some BinaryInteger]) -> [UInt8] {
        var text = ByteText()
        text.append("[")
        for (place, number) in numbers.enumerated() {
            if place > 0 { text.append(",") }
            text.append(Int(number))
        }
        text.append("]")
        return text.bytes
    }
}

/// The rows of a table: each is encoded when it is written.
private protocol RowList {
    var count: Int { get }
    func tree(at place: Int, path: [any CodingKey]) throws -> JSONTree
}

extension Array: RowList where Element: ColumnRow {
    fileprivate func tree(at place: Int, path: [any CodingKey]) throws -> JSONTree { try ReportEncoder.value(self[place], path: path) }
}

/// The results of several checkpoints as a list in a document: each is encoded when it is written.
struct ResultList<Found: Encodable>: Encodable, RowList {
    private let results: [CheckpointResult<Found>]

    init(_ results: [CheckpointResult<Found>]) { self.results = results }

    fileprivate var count: Int { results.count }

    fileprivate func tree(at place: Int, path: [any CodingKey]) throws -> JSONTree {
        if case .worked(let worked) = results[place] { return .literal(String(decoding: worked.bytes, as: UTF8.self)) }
        return try ReportEncoder.value(results[place], path: path)
    }

    func encode(to encoder: any Encoder) throws { try results.encode(to: encoder) }
}

/// Where a value's encoding is gathered: the standard library's containers are values that are never closed.
private final class Target {
    private enum Content {
        case value(JSONTree)
        case members([(String, Target)])
        case elements([Target])
    }

    private var content = Content.value(.literal("null"))

    func set(_ value: JSONTree) { content = .value(value) }

    func openObject() {
        if case .members = content { return }
        content = .members([])
    }

    func openArray() {
        if case .elements = content { return }
        content = .elements([])
    }

    func member(_ key: String) -> Target {
        let target = Target()
        guard case .members(var members) = content else { return target }
        content = .elements([])
        members.append((key, target))
        content = .members(members)
        return target
    }

    func element() -> Target {
        let target = Target()
        guard case .elements(var elements) = content else { return target }
        content = .members([])
        elements.append(target)
        content = .elements(elements)
        return target
    }

    var elementCount: Int { if case .elements(let elements) = content { elements.count } else { 0 } }

    var value: JSONTree {
        switch content {
        case .value(let value): value
        case .members(let members): .object(members.map { ($0.0, $0.1.value) })
        case .elements(let elements): .array(elements.map(\.value))
        }
    }
}

private struct ValueEncoder: Encoder {
    let target: Target
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        target.openObject()
        return KeyedEncodingContainer(ObjectContainer(target: target, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        target.openArray()
        return ArrayContainer(target: target, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleContainer(target: target, codingPath: codingPath) }
}

private struct ObjectContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let target: Target
    let codingPath: [any CodingKey]

    mutating func encodeNil(forKey key: Key) throws { _ = target.member(key.stringValue) }

    mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        target.member(key.stringValue).set(try ReportEncoder.value(value, path: codingPath + [key]))
    }

    private func encodeOptional(_ value: (some Encodable)?, forKey key: Key) throws {
        let member = target.member(key.stringValue)
        if let value { member.set(try ReportEncoder.value(value, path: codingPath + [key])) }
    }

    // Synthesised conformances call these for optionals; the standard library's versions would leave the member out.
    mutating func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: String?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }
    mutating func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try encodeOptional(value, forKey: key) }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        ValueEncoder(target: target.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        ValueEncoder(target: target.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { ValueEncoder(target: target.member("super"), codingPath: codingPath) }

    mutating func superEncoder(forKey key: Key) -> any Encoder {
        ValueEncoder(target: target.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct ArrayContainer: UnkeyedEncodingContainer {
    let target: Target
    let codingPath: [any CodingKey]
    var count: Int { target.elementCount }

    mutating func encodeNil() throws { _ = target.element() }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        target.element().set(try ReportEncoder.value(value, path: codingPath))
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        ValueEncoder(target: target.element(), codingPath: codingPath).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        ValueEncoder(target: target.element(), codingPath: codingPath).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { ValueEncoder(target: target.element(), codingPath: codingPath) }
}

private struct SingleContainer: SingleValueEncodingContainer {
    let target: Target
    let codingPath: [any CodingKey]

    mutating func encodeNil() throws {}

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        target.set(try ReportEncoder.value(value, path: codingPath))
    }
}
