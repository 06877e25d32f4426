import Text

/// The parts of the name of an adapter's tensor, `base_model.model.layers.0.mlp.up_proj.lora_A.default.weight`.
struct AdapterTensorName {
    /// The role of the tensor in the module of the base model.
    enum Role: Hashable {
        case a, b, embeddingA, embeddingB, magnitude
        /// The bias that comes with `b`.
        case bias
        /// A parameter of the base model, whole.
        case whole
    }

    /// The module of the base model; for a whole parameter the parameter itself.
    let module: String
    /// The number of wrappers around this one that belong to other parameters, if several parameters of the module are changed.
    let nesting: Int
    let role: Role
    /// The name of the adapter, in files that store it.
    let adapter: String?

    private static let prefix = "base_model.model."

    private static let roles: [Substring: Role] = [
        "lora_A": .a, "lora_B": .b, "lora_embedding_A": .embeddingA, "lora_embedding_B": .embeddingB, "lora_magnitude_vector": .magnitude,
    ]

    private static let mark = Array("lora_".utf8)

    /// Whether a tensor of this name is part of an adapter by PEFT's names, or by those that other programs give.
    static func isAdapters(_ name: String) -> Bool {
        // Most names are none, and there may be a million of them.
        var text = name
        let isCandidate = text.withUTF8 { text in
            text.count > mark.count
                && (0...text.count - mark.count).contains { start in
                    text[start] == mark[0] && text[start..<start + mark.count].elementsEqual(mark)
                }
        }
        guard isCandidate else { return false }
        return name.split(separator: ".").contains { roles[$0] != nil || $0 == "lora_down" || $0 == "lora_up" }
    }

    init(_ name: String) {
        var rest = name[...]
        if rest.hasPrefix(Self.prefix) { rest = rest.dropFirst(Self.prefix.count) }
        let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
        if let place = parts.lastIndex(where: { Self.roles[$0] != nil }), var role = Self.roles[parts[place]] {
            var behind = parts[(place + 1)...]
            // Matrices are modules with a weight; embeddings and magnitudes are parameters themselves.
            if behind.last == "weight" {
                behind = behind.dropLast()
            } else if behind.last == "bias", role == .b {
                behind = behind.dropLast()
                role = .bias
            }
            let module = parts[..<place]
            self.role = role
            adapter = behind.isEmpty ? nil : behind.joined(separator: ".")
            nesting = module.reversed().prefix { $0 == "base_layer" }.count
            self.module = Self.joined(module)
            return
        }
        role = .whole
        nesting = 0
        if let place = parts.lastIndex(of: "modules_to_save"), place < parts.count - 1 {
            let behind = parts[(place + 1)...]
            adapter = behind.count > 1 ? String(behind[behind.startIndex]) : nil
            module = Self.joined(parts[..<place] + behind.suffix(1))
        } else {
            adapter = nil
            module = Self.joined(parts[...])
        }
    }

    private static func joined(_ parts: ArraySlice<Substring>) -> String {
        parts.filter { $0 != "base_layer" }.joined(separator: ".")
    }
}

extension WeightFile {
    /// The same with a separate model for each adapter if one model holds several, under the adapters' names.
    func splittingAdapters() -> WeightFile {
        guard let model = models.first, models.count == 1, model.tensors.contains(where: { AdapterTensorName.isAdapters($0.name) }) else {
            return self
        }
        let names = model.tensors.map { AdapterTensorName($0.name).adapter }
        var adapters: [String] = []
        for case let name? in names where !adapters.contains(name) {
            // A model has few adapters; a file that names more is none.
            guard adapters.count < 1000 else { return self }
            adapters.append(name)
        }
        guard adapters.count > 1 else { return self }
        var file = self
        file.models = adapters.map { adapter in
            var own = Model(
                key: model.key.isEmpty ? adapter : model.key + "." + adapter,
                tensors: zip(model.tensors, names).filter { $1 == nil || $1 == adapter }.map(\.0), unreadable: model.unreadable)
            own.module = model.module
            return own
        }
        return file
    }
}
