/// The modules of a state dict: the parts of its tensors' names before the last dot, or before the last slash where there is no dot.
package struct ModuleNames: Sendable {
    /// The tensors of each module by their last name, in the checkpoint's order.
    private let modules: [(name: String, tensors: [String: TensorRecord])]

    /// The place of each module by its name.
    private let places: [String: Int]
    /// The place of the first module that has a name once prefixes are removed.
    private let barePlaces: [Substring: Int]

    package init(_ checkpoint: Checkpoint) {
        var places: [String: Int] = [:]
        var modules: [(name: String, tensors: [String: TensorRecord])] = []
        for tensor in checkpoint.tensors {
            let name = tensor.name[...]
            let end = name.lastIndex(of: ".") ?? name.lastIndex(of: "/")
            let module = end.map { String(name[..<$0]) } ?? ""
            let place = places[module] ?? modules.count
            if place == modules.count {
                places[module] = place
                modules.append((module, [:]))
            }
            let last = end.map { name[name.index(after: $0)...] } ?? name
            // Keras 2 ends the names of variables so.
            modules[place].tensors[String(last.hasSuffix(":0") ? last.dropLast(2) : last)] = tensor
        }
        for place in modules.indices { Self.renameNorm(&modules[place].tensors) }
        self.modules = modules
        self.places = places
        var barePlaces: [Substring: Int] = [:]
        for (place, module) in modules.enumerated() {
            for name in TensorName.withoutPrefixes(module.name).dropFirst() where barePlaces[name] == nil { barePlaces[name] = place }
        }
        // A model of Keras puts its own name before all of its layers, Flax that of the collection.
        if let scope = Self.scope(modules.map(\.name)) {
            for (place, module) in modules.enumerated() {
                let name = module.name.dropFirst(scope.count)
                if barePlaces[name] == nil { barePlaces[name] = place }
            }
        }
        self.barePlaces = barePlaces
    }

    /// The first part of names with slashes that all of several modules have, with its slash, or `params.`; nil if there is none.
    private static func scope(_ names: [String]) -> Substring? {
        guard names.count > 1, let first = names.first else { return nil }
        guard let scope = first.hasPrefix("params.") ? "params." : first.firstIndex(of: "/").map({ first[...$0] }) else { return nil }
        return names.allSatisfy { $0.hasPrefix(scope) && $0.count > scope.count } ? scope : nil
    }

    /// What Keras calls the tensors of a norm, and PyTorch.
    private static let norms: [(keras: String, torch: String)] = [
        ("gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var"),
    ]

    /// Gives the tensors of a norm of Keras PyTorch's last names. A gamma alone is the scale of a layer.
    private static func renameNorm(_ tensors: inout [String: TensorRecord]) {
        guard tensors["beta"] != nil || tensors["moving_mean"] != nil, norms.allSatisfy({ tensors[$0.torch] == nil }) else { return }
        for (keras, torch) in norms { tensors[torch] = tensors.removeValue(forKey: keras) }
    }

    /// Whether the tensors of a module are a norm of Keras, whose default for epsilon is another than PyTorch's.
    package static func isNormOfKeras(_ tensors: [String: TensorRecord]) -> Bool {
        (tensors["running_mean"] ?? tensors["bias"]).map { tensor in
            norms.contains { tensor.name.hasSuffix($0.keras) || tensor.name.hasSuffix($0.keras + ":0") }
        } ?? false
    }

    /// A layer's weights among the tensors of its module: PyTorch's, or the kernel of Keras or Flax.
    package static func weight(of tensors: [String: TensorRecord]) -> TensorRecord? {
        tensors["weight"] ?? tensors["kernel"].flatMap { $0.shape.count > 1 ? $0 : nil }
    }

    /// The module whose weights a tensor of that name is; nil for any other.
    package static func module(ofWeight name: String) -> String? {
        let endings = [".weight", ".kernel", "/kernel", "/kernel:0"]
        return endings.first(where: name.hasSuffix).map { String(name.dropLast($0.count)) }
    }

    /// The names of all modules, in the checkpoint's order.
    package var names: [String] { modules.map(\.name) }

    /// The full name and the tensors of a module, which may be named without the prefixes of training wrappers and of a model of Keras.
    package subscript(name: String) -> (name: String, tensors: [String: TensorRecord])? {
        (places[name] ?? barePlaces[name[...]]).map { modules[$0] }
    }
}
