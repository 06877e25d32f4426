/// The modules of a state dict: what stands before the last dot of its tensors' names.
package struct ModuleNames: Sendable {
    /// The tensors of each module by their last name, in the checkpoint's order.
    private let modules: [(name: String, tensors: [String: TensorRecord])]

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
    }

    /// The names of all modules, in the checkpoint's order.
    package var names: [String] { modules.map(\.name) }

    /// The full name and the tensors of a module, which may be named without the prefixes of training wrappers.
    package subscript(name: String) -> (name: String, tensors: [String: TensorRecord])? {
        modules.first { $0.name == name }
            ?? modules.first { TensorName.withoutPrefixes($0.name).contains { $0 == name } }
    }
}
