import Text

/// Archives of TorchScript: modules in a pickle, the constants of their code, and the code, from which their graph is made.
enum ScriptArchive {
    /// Reads the model of an archive.
    ///
    /// - Parameter pickle: that of the modules.
    /// - Throws: ``Problem`` if it holds no tensors, or tensors that are not read at all.
    static func read(_ pickle: Pickle, _ members: TorchMembers, path: String) throws(Problem) -> WeightFile {
        let constants = try constants(members, path: path)
        guard !pickle.holdsTensors else {
            let file = try WeightFile(
                format: format, pickle: pickle, path: path, code: members.code, storages: members.storages(of: pickle, in: "data/"))
            return withGraph(constants.isEmpty ? file : joined(file, constants), pickle, members)
        }
        guard !constants.isEmpty else { throw Problem("no tensors") }
        var model = WeightFile.Model(key: "", constants)
        model.module = SavedModule(opaque: SavedModule.program)
        model.module?.isScript = true
        let file = WeightFile(
            format: format, models: [model], keepsOrder: true, foreignGlobals: WeightFile.foreignGlobals(of: [pickle], isScript: true))
        return withGraph(file, pickle, members)
    }

    private static let format = "TorchScript zip"

    /// The tensors that a script's code names: all of them where the module was frozen.
    private static func constants(_ members: TorchMembers, path: String) throws(Problem) -> [ReadTensor] {
        let pickle = try members.pickle("constants.pkl")
        let tensors = TorchTensors(pickle: pickle, storages: members.storages(of: pickle, in: "constants/"))
        var records: [ReadTensor] = []
        for (place, value) in (pickle.sequence(pickle.root) ?? []).enumerated() {
            guard let source = pickle.tensorSource(value) else { continue }
            records.append(tensors.record(name: "CONSTANTS.c\(place)", source: source, path: path))
        }
        return records
    }

    /// The models of a script's modules, each followed by the constants of its code.
    private static func joined(_ file: WeightFile, _ constants: [ReadTensor]) -> WeightFile {
        let further = WeightFile.Model(key: "", constants)
        let models = file.models.map { model in
            var joined = WeightFile.Model(
                key: model.key, tensors: model.tensors + further.tensors, unreadable: model.unreadable + further.unreadable)
            joined.module = model.module
            return joined
        }
        return WeightFile(format: format, models: models, keepsOrder: file.keepsOrder, foreignGlobals: file.foreignGlobals)
    }

    /// The same file, whose module has the graph of its code, or the reason why it has none. The weights of a frozen archive get names.
    private static func withGraph(_ file: WeightFile, _ pickle: Pickle, _ members: TorchMembers) -> WeightFile {
        guard var model = file.models.first, var module = model.module, module.isScript else { return file }
        var reader = ScriptModuleReader(pickle)
        if let script = reader.module(pickle.root) {
            if !script.isFrozen { module.kept = reader.kept }
            let (kept, tensors, traced) = (module.kept, model.tensors, examples(members))
            let reading = ScriptProgram.reading(
                of: script, code: members.code, constants: self.constants(members, tensors), examples: traced, tensors: tensors, kept: kept)
            if traced == nil {
                module.graphForSamples = { shape throws(Problem) in
                    // The values of a module are those of one reading.
                    var reader = ScriptModuleReader(pickle)
                    guard let script = reader.module(pickle.root) else { throw Problem("its modules are not read") }
                    return try ScriptProgram.graph(
                        of: script, code: members.code, constants: constants(members, tensors), samples: shape, tensors: tensors,
                        kept: kept, reading: reading)
                }
            }
            switch reading.graph {
            case .success(let graph): module.graphFile = graph
            case .failure(let problem): module.graphProblem = problem
            }
            module.dividedVectors = reading.divided.map(\.name)
            module.sharedTensors = reading.shared
            model = model.with(reading)
        } else {
            module.graphProblem = Problem("its modules are not read")
        }
        model.module = module
        var changed = file
        changed.models[0] = model
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

extension WeightFile.Model {
    /// The same model with the weights and their names that a script's code says.
    fileprivate func with(_ reading: ScriptProgram.Reading) -> Self {
        guard !reading.names.isEmpty else { return self }
        return Self(key: key, tensors: reading.weights(tensors), unreadable: unreadable)
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
