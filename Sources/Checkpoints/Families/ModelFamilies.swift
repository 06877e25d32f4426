/// The families that are known: the one list that recognition, layers, prefixes, help and manual are read from.
package struct ModelFamilies: Sendable {
    /// In the order in which they are asked whether they recognise a checkpoint's names.
    package let families: [ModelFamily]

    private let mlpInputs: ModuleEndings
    private let fusedMLPInputs: ModuleEndings

    package init(_ families: [ModelFamily]) {
        self.families = families
        mlpInputs = ModuleEndings(families.flatMap(\.mlpInputs))
        fusedMLPInputs = ModuleEndings(families.flatMap(\.fusedMLPInputs))
    }

    /// The families of this program.
    package static let standard = ModelFamilies([
        .grokking, .transformerLens, .gguf, .gptNeox, .gptNeo, .gpt2, .gptBigCode, .gptj, .gemma, .qwen2, .mistral, .llama, .phi, .opt,
        .bert, .transformer, .chain, .unknown,
    ])

    /// These families and another one, which is asked before them.
    package func adding(_ family: ModelFamily) -> ModelFamilies { ModelFamilies([family] + families) }

    /// The family that a `config.json` names by `model_type`; nil for a type that is not known.
    func family(modelType: String) -> ModelFamily? { families.first { $0.modelTypes.contains(modelType) } }

    /// The family that the names and shapes alone show; nil where they are no transformer's.
    func family(of names: TensorNames) -> ModelFamily? { families.first { $0.isRecognized?(names) ?? false } }

    /// Whether a tensor is the MLP input matrix of a block, by the modules that any of the families calls so.
    func isMLPInput(_ name: TensorName) -> Bool {
        guard name.last == "weight" || name.last == "W_in", name.isNumbered else { return false }
        return mlpInputs.match(name.module)
    }

    /// Whether a tensor is the gate and the MLP input matrix of a block in one, looked for where no other is found.
    func isFusedMLPInput(_ name: TensorName) -> Bool {
        guard name.last == "weight", name.isNumbered else { return false }
        return fusedMLPInputs.match(name.module)
    }

    /// What may stand in front of a tensor's own name: what training wrappers put there, then what the families' base models do.
    var prefixes: [String] {
        families.reduce(into: ["module.", "_orig_mod."]) { prefixes, family in
            prefixes += family.prefixes.filter { !prefixes.contains($0) }
        }
    }
}

/// Dotted ends of modules' names, found by their last part.
private struct ModuleEndings: Sendable {
    private var endings: [Substring: [[Substring]]] = [:]

    init(_ names: [String]) {
        for name in Set(names) {
            let parts = name.split(separator: ".")
            if let last = parts.last { endings[last, default: []].append(parts) }
        }
    }

    func match(_ module: ArraySlice<Substring>) -> Bool {
        guard let last = module.last, let candidates = endings[last] else { return false }
        return candidates.contains { module.suffix($0.count).elementsEqual($0) }
    }
}
