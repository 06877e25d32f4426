import Text

/// A value of a model's settings. Objects and lists are read to a small depth and up to a size: that is all that settings need, and what it
/// costs to read a file that holds other things is bounded.
enum ConfigurationValue: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([ConfigurationValue])
    /// A list of more entries than settings have.
    case longList
    case section([String: ConfigurationValue])
    /// A number out of range, or something deep inside other things.
    case unreadable

    /// The most settings of the file, of an object inside it (a whole model's settings may be one), of an object inside that, and the
    /// most entries of a list.
    private static let largestCounts = (file: 1000, section: 256, innerSection: 64, list: 4096)
    /// Objects and lists inside as many others are not read: a list may be in the section of a kind of block, of the positions, of the text
    /// model, of the file.
    private static let largestDepth = 5

    /// How the value is shown in messages.
    var words: String {
        switch self {
        case .null: "null"
        case .flag(let value): value ? "true" : "false"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .text(let value): "'\(value)'"
        case .list, .longList: "a list"
        case .section: "an object"
        case .unreadable: "something else"
        }
    }
}

extension ConfigurationValue {
    /// Reads the next value.
    ///
    /// - Parameter depth: the number of objects and lists around it.
    init(_ cursor: inout JSONCursor, depth: Int = 0) throws {
        switch cursor.peek() {
        case UInt8(ascii: "{") where depth < Self.largestDepth:
            let counts = Self.largestCounts
            let limit = depth == 0 ? counts.file : depth == 1 ? counts.section : counts.innerSection
            var values: [String: ConfigurationValue] = [:]
            var count = 0
            try cursor.readObject { cursor, name in
                count += 1
                // An object of many entries, labels for example, is none that holds settings.
                if count > limit { try cursor.skip() } else { values[name] = try ConfigurationValue(&cursor, depth: depth + 1) }
            }
            self = .section(count > limit ? [:] : values)
        case UInt8(ascii: "[") where depth < Self.largestDepth:
            var values: [ConfigurationValue] = []
            var count = 0
            try cursor.readList { cursor in
                count += 1
                if count > Self.largestCounts.list {
                    try cursor.skip()
                } else {
                    values.append(try ConfigurationValue(&cursor, depth: depth + 1))
                }
            }
            self = count > Self.largestCounts.list ? .longList : .list(values)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            try cursor.skip()
            self = .unreadable
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
