import Text

/// The graph of a TorchScript archive, made of its code.
enum ScriptArchive {
    /// The same file, whose module has the graph of its code, or the reason why it has none.
    static func withGraph(_ file: WeightFile, _ pickle: Pickle, _ members: TorchMembers) -> WeightFile {
        guard let model = file.models.first, var module = model.module, module.isScript else { return file }
        do throws(Problem) {
            var reader = ScriptModuleReader(pickle)
            guard let script = reader.module(pickle.root) else { throw Problem("its modules are not read") }
            module.graphFile = try ScriptProgram.graph(
                of: script, code: members.code, constants: constants(members, model.tensors), examples: examples(members),
                tensors: model.tensors)
        } catch {
            module.graphProblem = error
        }
        var models = file.models
        models[0].module = module
        var changed = file
        changed.models = models
        return changed
    }

    /// The constants of the code: numbers where they have no dimensions.
    private static func constants(_ members: TorchMembers, _ tensors: [TensorRecord]) -> [ScriptValue] {
        guard let pickle = try? members.pickle("constants.pkl") else { return [] }
        let count = pickle.sequence(pickle.untagged(pickle.root))?.count ?? 0
        return (0..<count).map { place in
            let name = "CONSTANTS.c\(place)"
            guard let tensor = tensors.first(where: { $0.name == name }) else { return .other }
            guard tensor.shape.isEmpty, let number = tensor.doubles().first else { return .tensor(name) }
            if tensor.dtype == .bool { return .boolean(number != 0) }
            return tensor.dtype.isFloatingPoint ? .real(number) : Int(exactly: number).map { .integer($0) } ?? .other
        }
    }

    /// The shapes and types of the samples with which the model was traced; nil if it was not.
    private static func examples(_ members: TorchMembers) -> [(shape: [Int], dtype: DType)]? {
        guard members.names.contains("traced_inputs.pkl"), let pickle = try? members.pickle("traced_inputs.pkl"),
            let calls = pickle.members(pickle.untagged(pickle.root)),
            let inputs = calls.first(where: { $0.key == "forward" }).flatMap({ pickle.sequence(pickle.untagged($0.value)) })
        else { return nil }
        var examples: [(shape: [Int], dtype: DType)] = []
        for input in inputs {
            guard case .view(let view)? = pickle.tensorSource(input), let shape = pickle.integers(view.size, limit: 8),
                let dtype = pickle.dtype(ofStorage: view.storage)
            else { break }
            examples.append((shape, dtype))
        }
        return examples.isEmpty ? nil : examples
    }
}

extension Pickle {
    /// The type of the elements that a storage names.
    fileprivate func dtype(ofStorage value: PickleValue) -> DType? {
        guard case .persistent(let index) = value, let parts = tuple(persistentIdentifiers[index]), parts.count >= 2,
            let global = global(parts[parts.startIndex + 1]), case .elements(let dtype)? = TorchStorageType(global)
        else { return nil }
        return dtype
    }
}
