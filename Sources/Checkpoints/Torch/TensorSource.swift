import Archives

/// What a pickle says about one tensor or array, before anything of it is checked.
enum TensorSource {
    /// A view into a PyTorch storage; `dtype` is named where the storage has no type.
    case view(storage: PickleValue, offset: PickleValue, size: PickleValue, stride: PickleValue, dtype: PickleValue?)
    /// A numpy array.
    case array(NumpyArray)
    /// A tensor that is not read; the reason in words.
    case refused(String)

    /// The number of dimensions; 0 where it is not known.
    func rank(in pickle: Pickle) -> Int {
        switch self {
        case .view(_, _, let size, _, _): pickle.sequence(size)?.count ?? 0
        case .array(let array): array.shape.flatMap { pickle.sequence($0)?.count } ?? 0
        case .refused: 0
        }
    }
}

/// A problem with one tensor, still without the file's and the tensor's name.
struct TensorProblem: Error {
    let problem: String
    var expected: String?
    var found: String?
    var hint: String?
}

extension Pickle {
    /// The tensor or array that a value would become, or nil for other data.
    func tensorSource(_ value: PickleValue) -> TensorSource? {
        guard let object = object(value) else { return nil }
        if let array = numpyArray(object) { return array }
        return tensorSource(callable: object.callable, arguments: object.arguments, depth: 0)
    }

    /// The name of what a value would be made by: `os.system`.
    func callableName(_ callable: PickleValue) -> String {
        var current = callable
        for _ in 0..<8 {
            if let global = global(current) { return global.qualifiedName }
            // Legacy files wrap a module's class: ('module', class, file, source).
            if case .persistent(let index) = current, let parts = tuple(persistentIdentifiers[index]), parts.count >= 2 {
                current = parts[parts.startIndex + 1]
                continue
            }
            guard let object = object(current) else { break }
            current = object.callable
        }
        return "a computed function"
    }

    private func tensorSource(callable: PickleValue, arguments: PickleValue, depth: Int) -> TensorSource? {
        guard depth < 8, let name = global(callable)?.qualifiedName, let parts = tuple(arguments) else { return nil }
        let first = parts.startIndex
        switch name {
        case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
            guard parts.count >= 4 else { return .refused("\(name) has too few arguments") }
            return .view(
                storage: parts[first], offset: parts[first + 1], size: parts[first + 2], stride: parts[first + 3], dtype: nil)
        case "torch._utils._rebuild_tensor_v3":
            guard parts.count >= 7 else { return .refused("\(name) has too few arguments") }
            return .view(
                storage: parts[first], offset: parts[first + 1], size: parts[first + 2], stride: parts[first + 3],
                dtype: parts[first + 6])
        case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state", "torch.nn.parameter.Parameter",
            "torch.nn.parameter.Buffer", "torch._utils._rebuild_device_tensor_from_cpu_tensor",
            "torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_xla_tensor":
            guard let inner = parts.first, let object = object(inner) else { return .refused("\(name) without a tensor") }
            if let array = numpyArray(object) { return array }
            return tensorSource(callable: object.callable, arguments: object.arguments, depth: depth + 1)
                ?? .refused("made by \(callableName(object.callable)), which is not executed")
        case "torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type":
            guard parts.count >= 3 else { return .refused("\(name) has too few arguments") }
            return tensorSource(callable: parts[first], arguments: parts[first + 2], depth: depth + 1)
                ?? .refused("made by \(callableName(parts[first])), which is not executed")
        default:
            guard let kind = Self.unreadTensors[name] else { return nil }
            return .refused("\(kind) (\(name)) is not supported")
        }
    }

    private static let unreadTensors = [
        "torch._utils._rebuild_qtensor": "a quantised tensor",
        "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
        "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
        "torch._utils._rebuild_nested_tensor": "a nested tensor",
        "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without data",
        "torch._utils._rebuild_wrapper_subclass": "a tensor subclass without data",
    ]
}
