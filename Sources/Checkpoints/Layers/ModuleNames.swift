/// The modules of a state dict: the parts of its tensors' names before the last dot.
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
            let parts = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
            let module = parts.dropLast().joined(separator: ".")
            let place = places[module] ?? modules.count
            if place == modules.count {
                places[module] = place
                modules.append((module, [:]))
            }
            modules[place].tensors[String(parts.last ?? "")] = tensor
        }
        self.modules = modules
        self.places = places
        var barePlaces: [Substring: Int] = [:]
        for (place, module) in modules.enumerated() {
            for name in TensorName.withoutPrefixes(module.name).dropFirst() where barePlaces[name] == nil { barePlaces[name] = place }
        }
        self.barePlaces = barePlaces
    }

    /// The names of all modules, in the checkpoint's order.
    package var names: [String] { modules.map(\.name) }

    /// The full name and the tensors of a module, which may be named without the prefixes of training wrappers.
    package subscript(name: String) -> (name: String, tensors: [String: TensorRecord])? {
        (places[name] ?? barePlaces[name[...]]).map { modules[$0] }
    }
}
