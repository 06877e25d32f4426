/// A value of a JSON document, as far as settings are nested: what lies deeper than two sections is not read.
enum ConfigurationValue: Sendable, Equatable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([ConfigurationValue])
    case section([String: ConfigurationValue])
    /// A number out of range, or something nested too deeply.
    case unreadable

    /// The levels of nesting that are read; deeper ones need not be bounded otherwise.
    static let deepestLevel = 3

    /// How the value is shown in messages.
    var words: String {
        switch self {
        case .null: "null"
        case .flag(let value): value ? "true" : "false"
        case .number(let value): Int(exactly: value).map(String.init) ?? "\(value)"
        case .text(let value): "'\(value)'"
        case .list: "a list"
        case .section: "an object"
        case .unreadable: "something else"
        }
    }
}

extension ConfigurationValue: Decodable {
    init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count <= Self.deepestLevel else {
            self = .unreadable
            return
        }
        if let container = try? decoder.singleValueContainer() {
            if container.decodeNil() {
                self = .null
                return
            }
            if let value = try? container.decode(Bool.self) {
                self = .flag(value)
                return
            }
            if let value = try? container.decode(Double.self) {
                self = .number(value)
                return
            }
            if let value = try? container.decode(String.self) {
                self = .text(value)
                return
            }
        }
        // A container knows its elements before they are decoded: nothing is tried that cannot be there.
        if var container = try? decoder.unkeyedContainer() {
            var values: [ConfigurationValue] = []
            while !container.isAtEnd { values.append(try container.decode(ConfigurationValue.self)) }
            self = .list(values)
        } else if let container = try? decoder.container(keyedBy: Key.self) {
            var values: [String: ConfigurationValue] = [:]
            for key in container.allKeys { values[key.stringValue] = try container.decode(ConfigurationValue.self, forKey: key) }
            self = .section(values)
        } else {
            self = .unreadable
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
