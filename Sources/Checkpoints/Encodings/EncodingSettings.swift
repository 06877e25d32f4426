import Archives
import Text

/// The settings in a model's `config.json` that describe how its weights are stored.
struct EncodingSettings: Sendable {
    /// The member of `config.json` that holds the settings, or the file next to it that does; nil if there are none.
    let member: String?
    /// The file that holds the settings.
    let fileName: String
    private let values: JSONValue?
    /// The method that the file belongs to, if the file does not name it.
    private let impliedMethod: String?

    /// The files in which libraries stored the settings before `config.json` had them, and the method of each.
    static let filesBeside = ["quantize_config.json": "gptq", "quant_config.json": "awq"]

    /// Whether `config.json` itself holds the settings, and thus declares that the weights are stored in this way.
    var isInConfiguration: Bool { impliedMethod == nil }

    /// - Parameter files: the files that belong to a model, by name. `config.json` takes precedence over those of ``filesBeside``.
    init(_ files: [String: ByteRegion]) {
        let own = EncodingSettings(files[Companions.configuration])
        guard own.member == nil else {
            self = own
            return
        }
        for (name, method) in Self.filesBeside.sorted(by: { $0.key > $1.key }) {
            guard let file = files[name], file.count <= 1 << 20 else { continue }
            let value = file.withUnsafeBytes { bytes in
                var cursor = JSONCursor(bytes.bindMemory(to: UInt8.self))
                return try? cursor.value()
            }
            guard let value, !value.members.isEmpty else { continue }
            self = EncodingSettings(member: name, fileName: name, values: value, impliedMethod: method)
            return
        }
        self = own
    }

    init(member: String?, fileName: String, values: JSONValue?, impliedMethod: String?) {
        self.member = member
        self.fileName = fileName
        self.values = values
        self.impliedMethod = impliedMethod
    }

    init(_ configuration: ByteRegion?) {
        fileName = Companions.configuration
        impliedMethod = nil
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
        return self["quant_method"]?.text?.lowercased() ?? impliedMethod ?? (member == "quantization" ? "mlx" : nil)
    }

    subscript(name: String) -> JSONValue? { values?[member: name] }

    /// The `config.json` of the same model with decoded weights: without the settings of how they were stored.
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

    /// What stands under the first of the names that has something, for a message that it is none of what was expected.
    func found(_ names: String...) -> String { names.lazy.compactMap { self[$0]?.kind }.first ?? "none" }

    /// A whole number under the first of the names that has one.
    func integer(_ names: String...) -> Int? { names.lazy.compactMap { self[$0]?.wholeNumber }.first }
}

extension JSONValue {
    /// The last member of an object with this name; nil if there is none, or for anything else.
    subscript(member name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    var wholeNumber: Int? { if case .integer(let number) = self { number } else { nil } }

    var isList: Bool { if case .list = self { true } else { false } }

    var elements: [JSONValue] { if case .list(let elements) = self { elements } else { [] } }

    var members: [Member] { if case .object(let members) = self { members } else { [] } }
}
