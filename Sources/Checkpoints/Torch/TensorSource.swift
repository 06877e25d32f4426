import Archives
import Text

/// A pickle's description of one tensor or array, before any of it is checked.
enum TensorSource {
    case view(TensorView)
    /// A numpy array.
    case array(NumpyArray)
    /// A tensor that the unpickler would convert to a named type as it moves it to its device.
    indirect case converted(TensorSource, dtype: PickleValue)
    /// A tensor that cannot be read.
    case refused(RefusedTensor)

    /// A tensor that cannot be read and of which nothing else is known.
    static func refused(_ reason: String) -> TensorSource { .refused(RefusedTensor(reason: reason)) }

    /// Whether it is a tensor that cannot be read in any file.
    var isRefused: Bool {
        switch self {
        case .view, .array: false
        case .converted(let source, _): source.isRefused
        case .refused: true
        }
    }

    /// The number of dimensions; 0 if it is not known.
    func rank(in pickle: Pickle) -> Int {
        switch self {
        case .view(let view): pickle.sequence(view.size)?.count ?? 0
        case .array(let array): array.shape.flatMap { pickle.sequence($0)?.count } ?? 0
        case .converted(let source, _): source.rank(in: pickle)
        case .refused(let tensor): tensor.shape?.count ?? 0
        }
    }
}

/// A pickle's description of a tensor that cannot be read.
struct RefusedTensor {
    /// In words.
    let reason: String
    /// As PyTorch or numpy spells it.
    var dtype: String?
    var shape: [Int]?
}

/// A view into a PyTorch storage.
struct TensorView {
    let storage: PickleValue
    let offset: PickleValue
    let size: PickleValue
    let stride: PickleValue
    /// Set if the storage has no type.
    var dtype: PickleValue?
    /// A dictionary of what else PyTorch stores about a tensor: its negative bit and its conjugate bit.
    var metadata: PickleValue?
    /// Whether a gradient is wanted for it, which means nothing where whole dictionaries are saved.
    var wantsGradient: PickleValue?
}

extension Pickle {
    /// The tensor or array that a value would become, or nil for other data.
    func tensorSource(_ value: PickleValue) -> TensorSource? {
        guard let object = object(value) else { return nil }
        return tensorSource(object, depth: 0)
    }

    private func tensorSource(_ object: Object, depth: Int) -> TensorSource? {
        let source = numpyArray(object) ?? tensorSource(callable: object.callable, arguments: object.arguments, depth: depth)
        guard let source else { return nil }
        if let change = change(to: object) { return refusal(of: source, change) }
        return source
    }

    /// What the unpickler would do to a tensor after creating it that may change its elements; nil if nothing.
    private func change(to object: Object) -> String? {
        if !object.items.isEmpty || !object.appended.isEmpty { return "changed after it is made, which is not executed" }
        guard let state = object.state, global(object.callable)?.name != "_reconstruct" else { return nil }
        return change(byState: state)
    }

    /// Attributes and hooks leave a tensor's elements; its data and a tuple of another tensor's parts do not.
    private func change(byState state: PickleValue) -> String? {
        let refusal = "given a state that is not understood"
        func holdsData(_ value: PickleValue) -> Bool {
            guard case .dictionary(let index) = value else { return false }
            return stride(from: 0, to: dictionaries[index].count, by: 2).contains { text(dictionaries[index][$0]) == "data" }
        }
        switch state {
        case .none: return nil
        case .dictionary: return holdsData(state) ? refusal : nil
        case .tuple:
            let parts = tuple(state) ?? []
            switch parts.count {
            // Attributes and slots.
            case 2: return parts.contains(where: holdsData) ? refusal : nil
            // Whether it has a gradient, whether it is a leaf, and its hooks.
            case 3: return nil
            default: return refusal
            }
        // Hooks by themselves, in an ordered dictionary.
        case .object: return isDictionary(state) ? nil : refusal
        default: return refusal
        }
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
            guard parts.count <= 7 else { return .refused("\(name) has too many arguments") }
            return .view(
                TensorView(
                    storage: parts[first], offset: parts[first + 1], size: parts[first + 2], stride: parts[first + 3],
                    metadata: parts.count > 6 ? parts[first + 6] : nil, wantsGradient: parts.count > 4 ? parts[first + 4] : nil))
        case "torch._utils._rebuild_tensor_v3":
            guard parts.count >= 7 else { return .refused("\(name) has too few arguments") }
            guard parts.count <= 8 else { return .refused("\(name) has too many arguments") }
            return .view(
                TensorView(
                    storage: parts[first], offset: parts[first + 1], size: parts[first + 2], stride: parts[first + 3],
                    dtype: parts[first + 6], metadata: parts.count > 7 ? parts[first + 7] : nil))
        case "torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer":
            return innerSource(parts, of: name, depth: depth)
        case "torch._utils._rebuild_parameter_with_state":
            let source = innerSource(parts, of: name, depth: depth)
            if parts.count > 3, let change = change(byState: parts[first + 3]) { return refusal(of: source, change) }
            return source
        case "torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch._utils._rebuild_device_tensor_from_numpy",
            "torch._utils._rebuild_xla_tensor":
            let source = innerSource(parts, of: name, depth: depth)
            return parts.count > 1 ? .converted(source, dtype: parts[first + 1]) : source
        case "torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type":
            guard parts.count >= 3 else { return .refused("\(name) has too few arguments") }
            let source =
                tensorSource(callable: parts[first], arguments: parts[first + 2], depth: depth + 1)
                ?? .refused("made by \(callableName(parts[first])), which is not executed")
            if parts.count > 3, let change = change(byState: parts[first + 3]) { return refusal(of: source, change) }
            return source
        default:
            return unreadTensor(name, parts)
        }
    }

    /// The tensor that the first argument of a function is.
    private func innerSource(_ arguments: ArraySlice<PickleValue>, of name: String, depth: Int) -> TensorSource {
        guard let inner = arguments.first, let object = object(inner) else { return .refused("\(name) without a tensor") }
        return tensorSource(object, depth: depth + 1) ?? .refused("made by \(callableName(object.callable)), which is not executed")
    }
}
