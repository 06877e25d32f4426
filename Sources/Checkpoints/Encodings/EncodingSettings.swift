import Archives
import Text

/// What a model's `config.json` says of how its weights are stored.
struct EncodingSettings: Sendable {
    /// The member of `config.json` that says it; nil where none does.
    let member: String?
    private let values: JSONValue?

    init(_ configuration: ByteRegion?) {
        guard let configuration, configuration.count <= 1 << 24 else {
            (member, values) = (nil, nil)
            return
        }
        let found = Self.members.compactMap { name -> (name: String, value: JSONValue)? in
            let value = configuration.withUnsafeBytes { JSONCursor.member(name, of: $0) }
            guard case .object(let members)? = value, !members.isEmpty else { return nil }
            return (name, value ?? .null)
        }
        // MLX writes the same settings under two names, neither of which names a method.
        let chosen = found.first { $0.value[member: "quant_method"] != nil } ?? found.first { $0.name == "quantization" } ?? found.first
        member = chosen?.name
        values = chosen?.value
    }

    /// The members of `config.json` that say how weights are stored; `quantization` is MLX's.
    static let members = ["quantization_config", "quantization", "compression_config"]

    /// The method's name as the configuration words it.
    var method: String? {
        guard let member else { return nil }
        return self["quant_method"]?.text?.lowercased() ?? (member == "quantization" ? "mlx" : nil)
    }

    subscript(name: String) -> JSONValue? { values?[member: name] }

    /// A `config.json` of the same model whose weights are written as numbers: without what says how they were stored.
    static func decoded(_ configuration: ByteRegion) -> ByteRegion {
        configuration.withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
            var text: [UInt8] = []
            var isChanged = false
            do {
                try cursor.readMembers { cursor, key in
                    let name = String(decoding: key, as: UTF8.self)
                    _ = cursor.peek()
                    let start = cursor.position
                    try cursor.skip()
                    guard !members.contains(name) else {
                        isChanged = true
                        return
                    }
                    text += (text.isEmpty ? "{\n  " : ",\n  ").utf8
                    text += "\(JSONText.string(name)): ".utf8
                    text += bytes[start..<cursor.position]
                }
                try cursor.readEnd()
            } catch {
                return configuration
            }
            return isChanged ? ByteRegion(copying: (text.isEmpty ? Array("{".utf8) : text) + Array("\n}\n".utf8)) : configuration
        }
    }

    /// A whole number under the first of the names that has one.
    func integer(_ names: String...) -> Int? { names.lazy.compactMap { self[$0]?.wholeNumber }.first }
}

extension JSONValue {
    /// The last member of an object with this name; nil where there is none, or for anything else.
    subscript(member name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    var wholeNumber: Int? { if case .integer(let number) = self { number } else { nil } }

    var elements: [JSONValue] { if case .list(let elements) = self { elements } else { [] } }

    var members: [Member] { if case .object(let members) = self { members } else { [] } }
}
