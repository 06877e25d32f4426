import Text

/// A value of a model's settings. Objects are read one level deep, and lists if they hold words: that is all that settings need, and
/// what it costs to read a file that holds other things is bounded.
enum ConfigurationValue: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case texts([String])
    /// A list of other things.
    case list
    case section([String: ConfigurationValue])
    /// A number out of range, or an object inside an object.
    case unreadable

    /// The most settings of the file, and of an object inside it.
    static let largestCounts = (file: 1000, section: 64)

    /// How the value is shown in messages.
    var words: String {
        switch self {
        case .null: "null"
        case .flag(let value): value ? "true" : "false"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .text(let value): "'\(value)'"
        case .texts, .list: "a list"
        case .section: "an object"
        case .unreadable: "something else"
        }
    }
}

extension ConfigurationValue {
    /// Reads the next value.
    ///
    /// - Parameter depth: the number of objects around it.
    init(_ cursor: inout JSONCursor, depth: Int = 0) throws {
        switch cursor.peek() {
        case UInt8(ascii: "{") where depth < 2:
            let limit = depth == 0 ? Self.largestCounts.file : Self.largestCounts.section
            var values: [String: ConfigurationValue] = [:]
            var count = 0
            try cursor.readObject { cursor, name in
                count += 1
                // An object of many entries, labels for example, is none that holds settings.
                if count > limit { try cursor.skip() } else { values[name] = try ConfigurationValue(&cursor, depth: depth + 1) }
            }
            self = .section(count > limit ? [:] : values)
        case UInt8(ascii: "{"):
            try cursor.skip()
            self = .unreadable
        case UInt8(ascii: "["):
            var texts: [String]? = []
            try cursor.readList { cursor in
                if texts != nil, cursor.peek() == UInt8(ascii: "\""), case .string(let text) = try cursor.value() {
                    texts?.append(text)
                } else {
                    texts = nil
                    try cursor.skip()
                }
            }
            self = texts.map(ConfigurationValue.texts) ?? .list
        default:
            switch try cursor.value() {
            case .null: self = .null
            case .bool(let value): self = .flag(value)
            case .integer(let value): self = .number(Double(value))
            case .number(let value): self = value.isFinite ? .number(value) : .unreadable
            case .string(let text): self = .text(text)
            case .list, .object: self = .unreadable
            }
        }
    }

    /// The whole of a JSON text; nil if it is none.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
        var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
        guard let value = try? ConfigurationValue(&cursor), (try? cursor.readEnd()) != nil else { return nil }
        self = value
    }
}
