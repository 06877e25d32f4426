import Text

/// The description of the model in one process's `model_states.pt`.
struct DeepSpeedState {
    /// The names in the module's own dictionary.
    let moduleNames: [String]
    /// The shapes of the module's own tensors, which are empty in stage 3.
    let moduleShapes: [String: [Int]]
    let buffers: [TensorRecord]
    /// Every group's parameters with their shapes.
    let groups: [[(String, [Int])]]
    let frozenShapes: [(String, [Int])]
    let frozenParts: [String: TensorRecord]
    /// Names of parameters that are others too.
    let shared: [(String, String)]
    let foreignGlobals: [String]
    let training: TrainingProgress?

    private static let rankLimit = 64

    init(_ file: TorchFile, path: String) throws(Problem) {
        let pickle = file.pickle
        guard let module = file["module"], let members = pickle.members(module), let shapes = file["param_shapes"] else {
            throw Problem(path: path, problem: "is not a description of a model by ZeRO", expected: "'module' and 'param_shapes'")
        }
        moduleNames = members.map(\.key)
        var shapesOfModule: [String: [Int]] = [:]
        for member in members {
            // A tensor that cannot be read gives no shape.
            if let record = try? file.record(member.value, name: member.key) { shapesOfModule[member.key] = record.shape }
        }
        moduleShapes = shapesOfModule
        let bufferNames = Set((file["buffer_names"].flatMap { pickle.sequence($0) } ?? []).compactMap { pickle.text($0) })
        var buffers: [TensorRecord] = []
        for member in members where bufferNames.contains(member.key) {
            if let record = try file.record(member.value, name: member.key) { buffers.append(record) }
        }
        self.buffers = buffers
        let lists = pickle.sequence(shapes).map { Array($0) } ?? [shapes]
        var groups: [[(String, [Int])]] = []
        for list in lists { groups.append(try Self.shapes(list, pickle, path)) }
        self.groups = groups
        frozenShapes = try file["frozen_param_shapes"].map { value throws(Problem) in try Self.shapes(value, pickle, path) } ?? []
        var parts: [String: TensorRecord] = [:]
        for member in file["frozen_param_fragments"].flatMap({ pickle.members($0) }) ?? [] {
            parts[member.key] = try file.record(member.value, name: member.key)
        }
        frozenParts = parts
        shared = (file["shared_params"].flatMap { pickle.members($0) } ?? []).compactMap { member in
            pickle.text(member.value).map { (member.key, $0) }
        }
        foreignGlobals = WeightFile.foreignGlobals(of: [pickle])
        training = TrainingProgress(pickle)
    }

    private static func shapes(_ value: PickleValue, _ pickle: Pickle, _ path: String) throws(Problem) -> [(String, [Int])] {
        if case .none = value { return [] }
        guard let members = pickle.members(value) else { throw Problem(path: path, problem: "its parameters' shapes are not a dictionary") }
        var shapes: [(String, [Int])] = []
        for member in members {
            guard let shape = pickle.integers(member.value, limit: rankLimit) else {
                throw Problem("has no shape", path: path, subject: "tensor '\(member.key)'")
            }
            shapes.append((member.key, shape))
        }
        return shapes
    }
}
