import Archives
import Text

extension WeightFile {
    /// The weight file that a pickle and its storages make.
    ///
    /// - Parameters:
    ///   - format: as users know it.
    ///   - storages: finds the bytes of the storages that the pickle names.
    ///   - path: the file, for messages.
    ///   - code: the text of a script's member in `code/`; nil if the file is no script's archive.
    init(
        format: String, pickle: Pickle, path: String, code: ((String) -> String?)? = nil, storages: @escaping StorageLookup
    ) throws(Problem) {
        let candidates: [ModelSearch.Candidate]
        do {
            candidates = try ModelSearch.candidates(in: pickle)
        } catch {
            throw Problem(path: path, problem: "the pickle shares its parts more often than a checkpoint does")
        }
        let foreign = Self.foreignGlobals(of: [pickle], isScript: code != nil)
        guard !candidates.isEmpty else {
            if DeepSpeedProcesses.isDescription(pickle, []) {
                throw DeepSpeedProcesses.missingStates(path: path, baseName: MemberPath.baseName(path))
            }
            let called = foreign.first.map { "; the pickle calls \($0), which is not executed" } ?? ""
            throw Problem(path: path, problem: "no tensors" + called)
        }
        let tensors = TorchTensors(pickle: pickle, storages: storages)
        var models: [Model] = []
        for candidate in candidates {
            var model = try Self.model(candidate, tensors, path)
            if let value = candidate.module {
                var reader = SavedModuleReader(pickle, code: code ?? { _ in nil })
                model.module = reader.module(value)
            }
            models.append(model)
        }
        if DeepSpeedProcesses.isDescription(pickle, models) {
            throw DeepSpeedProcesses.missingStates(path: path, baseName: MemberPath.baseName(path))
        }
        let settings = NanoGPTSettings(pickle)
        self.init(
            format: format, models: models, keepsOrder: true, foreignGlobals: foreign,
            companions: settings.map { [Companions.configuration: ByteRegion(copying: Array($0.json.utf8))] } ?? [:])
        if let settings { assumptions = settings.assumptions }
        training = TrainingProgress(pickle)
    }

    /// The names that a loader of the pickles would have to import or call, beyond those that tensors and plain data need.
    ///
    /// - Parameter isScript: whether they are those of an archive of TorchScript, whose own classes no loader imports.
    static func foreignGlobals(of pickles: [Pickle], isScript: Bool = false) -> [String] {
        let foreign = pickles.flatMap(\.globals).filter { !PickleGlobals.isFamiliar($0) && !(isScript && PickleGlobals.isOfScript($0)) }
        return Set(foreign.map(\.qualifiedName.singleLine)).sorted()
    }

    private static func model(
        _ candidate: ModelSearch.Candidate, _ tensors: TorchTensors, _ path: String
    ) throws(Problem) -> Model {
        var records: [ReadTensor] = []
        var names = DistinctNames()
        for entry in candidate.entries {
            guard let source = tensors.pickle.tensorSource(entry.value) else {
                if let name = tensors.pickle.opaqueTensorCall(entry), names.conflict(adding: entry.name) == nil {
                    let problem = Problem("made by \(name), which is not executed")
                    records.append(.unreadable(UnreadableTensor(name: entry.name, problem: problem, path: path)))
                }
                continue
            }
            if let conflict = names.conflict(adding: entry.name, twice: "the model names it twice") {
                throw Problem(path: path, tensor: entry.name, problem: conflict)
            }
            records.append(tensors.record(name: entry.name, source: source, path: path))
        }
        return Model(key: candidate.key, records)
    }
}

extension Pickle {
    /// The call that would create a value in a model's dictionary, if the value could be a tensor; nil for plain data and for
    /// instances of classes that have a state.
    ///
    /// A call that is given a tensor or a storage makes one. So may a call of a function, or of anything in a module that
    /// runs programs; classes called with plain values, such as dates and paths, are data.
    fileprivate func opaqueTensorCall(_ entry: ModelSearch.Entry) -> String? {
        guard let object = object(entry.value) else { return nil }
        let lastPart = entry.name.split(separator: ".").last ?? ""
        guard lastPart != "_extra_state", !isDictionary(entry.value), sequence(entry.value) == nil else { return nil }
        let name = callableName(object.callable)
        if let global = global(object.callable), PickleGlobals.isFamiliar(global) { return nil }
        if let arguments = tuple(object.arguments), arguments.prefix(16).contains(where: isStorageOrTensor) { return name }
        if object.isInstance || object.state != nil || !object.items.isEmpty || !object.appended.isEmpty { return nil }
        let parts = name.split(separator: ".")
        let module = String(parts.first ?? "")
        if Self.runningModules.contains(module) { return name }
        if Self.valueModules.contains(module) { return nil }
        return parts.last?.first?.isUppercase == true ? nil : name
    }

    private func isStorageOrTensor(_ value: PickleValue) -> Bool {
        if case .persistent = value { return true }
        return tensorSource(value) != nil
    }

    private static let runningModules: Set<String> = [
        "os", "posix", "nt", "subprocess", "sys", "builtins", "__builtin__", "importlib", "runpy", "shutil", "socket", "ctypes",
        "pty", "commands", "code", "pickle", "operator", "functools", "webbrowser", "multiprocessing", "threading", "asyncio",
    ]

    private static let valueModules: Set<String> = [
        "datetime", "pathlib", "uuid", "decimal", "fractions", "numpy", "random", "time", "enum", "copyreg", "copy_reg",
        "argparse", "types", "collections", "_io", "io",
    ]
}
