/// A value of a model's settings. Objects are read one level deep and lists where they are words: that is all that settings need, and
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

extension ConfigurationValue: Decodable {
    init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let value = try? single.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? single.decode(Double.self) {
            self = .number(value)
        } else if let value = try? single.decode(String.self) {
            self = .text(value)
        } else if let values = try? single.decode([String].self) {
            self = .texts(values)
        } else if (try? decoder.unkeyedContainer()) != nil {
            self = .list
        } else if let container = try? decoder.container(keyedBy: Key.self), decoder.codingPath.count < 2 {
            var values: [String: ConfigurationValue] = [:]
            let keys = container.allKeys
            let limit = decoder.codingPath.isEmpty ? Self.largestCounts.file : Self.largestCounts.section
            // An object of many entries, labels for example, is none that holds settings.
            for key in keys where keys.count <= limit {
                values[key.stringValue] = try container.decode(ConfigurationValue.self, forKey: key)
            }
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
