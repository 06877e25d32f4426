/// The names that Keras gives to the weights of layers, where an export of TensorFlow's graph has kept the layers' scopes.
///
/// `functional_1/dense_39_1/Cast/ReadVariableOp:0` is `dense_39/kernel`, as in Keras's `variable.path`: TensorFlow adds a number to the scope of each
/// layer of Keras 3, and the model's own scope comes first. No name is changed where two scopes would become one.
struct KerasNames {
    private(set) var names: [String: String] = [:]

    /// A tensor of a layer: the scope of the layer, and what the tensor is to it.
    private struct Found {
        let tensor: String
        let scope: [Substring]
        let role: String
    }

    /// - Parameter stored: the names of the graph's tensors.
    init(_ graph: ONNXGraph, stored: Set<String>) {
        guard stored.contains(where: { $0.hasSuffix("/ReadVariableOp:0") }) else { return }
        var found: [Found] = []
        var known: Set<String> = []
        var isOlder = false
        for node in graph.nodes where node.name.contains("/") || node.inputs.contains(where: { $0.contains("/") }) {
            for (tensor, role) in Self.roles(node) where stored.contains(tensor) && !known.contains(tensor) {
                let others = Self.roles(node).map(\.tensor).filter(stored.contains)
                let scopes = ([tensor] + others).lazy.compactMap(Self.scope(ofTensor:))
                guard let scope = scopes.first ?? Self.scope(ofNode: node.name) else { continue }
                known.insert(tensor)
                found.append(Found(tensor: tensor, scope: scope, role: role))
                isOlder = isOlder || Self.signsOfOlder.contains { tensor.contains($0) }
            }
        }
        let isNumbered = !isOlder && found.allSatisfy { $0.scope.allSatisfy { Self.unnumbered($0) != nil } }
        let hasRoot = found.contains { $0.scope.count > 1 } && found.allSatisfy { $0.scope[0] == found[0].scope[0] }
        var scopes: [String: [Substring]] = [:]
        var taken: [String: String] = [:]
        // What the model itself adds is no layer's.
        for entry in found where !hasRoot || entry.scope.count > 1 {
            let layers = (hasRoot ? entry.scope.dropFirst() : entry.scope[...]).map { isNumbered ? Self.unnumbered($0) ?? $0 : $0 }
            let path = layers.joined(separator: "/")
            guard scopes.updateValue(entry.scope, forKey: path) ?? entry.scope == entry.scope,
                taken.updateValue(entry.tensor, forKey: "\(path)/\(entry.role)") == nil
            else {
                names = [:]
                return
            }
            names[entry.tensor] = "\(path)/\(entry.role)"
        }
    }

    /// The tensors that an operation may read as those of a layer.
    private static func roles(_ node: ONNXGraph.Node) -> [(tensor: String, role: String)] {
        let last = node.name.split(separator: "/").last ?? ""
        func input(_ place: Int, _ role: String) -> [(tensor: String, role: String)] {
            place < node.inputs.count && !node.inputs[place].isEmpty ? [(node.inputs[place], role)] : []
        }
        switch node.operation {
        case "MatMul": return input(1, "kernel")
        case "Gemm": return input(1, "kernel") + input(2, "bias")
        case "Conv", "ConvTranspose":
            // A separable convolution has two.
            let isDivided = (node.inputs.count > 1 && node.inputs[1].contains("/separable_conv")) || node.name.contains("/separable_conv")
            return input(1, !isDivided ? "kernel" : last == "depthwise" ? "depthwise_kernel" : "pointwise_kernel") + input(2, "bias")
        case "Gather": return input(0, "embeddings")
        case "Add":
            return [0, 1].flatMap { place in
                guard place < node.inputs.count else { return input(place, "") }
                let own = node.inputs[place]
                if last.hasPrefix("BiasAdd") { return input(place, "bias") }
                if own.hasSuffix("dd/ReadVariableOp:0") { return input(place, own.contains("normalization") ? "beta" : "bias") }
                return last.hasPrefix("add_") && own.contains("/Reshape") ? input(place, "beta") : []
            }
        case "Mul" where last == "mul":
            return [0, 1].flatMap { input($0, "gamma") }.filter {
                $0.tensor.contains("/Reshape") || $0.tensor.hasSuffix("/mul/ReadVariableOp:0")
            }
        default: return []
        }
    }

    /// How tensors are called in the scopes of Keras 2, which have no number added.
    private static let signsOfOlder = [
        "/MatMul/ReadVariableOp:0", "/Conv2D/ReadVariableOp:0", "/Tensordot/ReadVariableOp:0", "/embedding_lookup/",
    ]

    /// What TensorFlow calls the scopes of operations.
    private static let operations: Set<Substring> = [
        "Add", "AddV2", "BiasAdd", "Cast", "Conv1D", "Conv2D", "Conv3D", "Einsum", "ExpandDims", "GatherV2", "MatMul", "Mul", "Neg",
        "ReadVariableOp", "Reshape", "ResourceGather", "Squeeze", "Sub", "Tensordot", "Transpose",
    ]
    /// Those that a layer may be called as well.
    private static let commonNames: Set<Substring> = [
        "add", "batchnorm", "conv2d_transpose", "conv_transpose", "convolution", "depthwise", "einsum", "embedding_lookup", "mul",
        "separable_conv2d", "sub", "transpose",
    ]

    private static func scope(ofTensor name: String) -> [Substring]? {
        guard name.contains("/"), name.hasSuffix(":0") else { return nil }
        return scope(name)
    }

    private static func scope(ofNode name: String) -> [Substring]? { name.contains("/") && !name.hasPrefix("/") ? scope(name) : nil }

    /// The scopes of layers in the name of an operation, which is its last part.
    private static func scope(_ name: String) -> [Substring]? {
        var parts = name.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        func isOperation(_ part: Substring) -> Bool { operations.contains(part) || operations.contains(unnumbered(part) ?? "") }
        while let last = parts.last, isOperation(last) { parts.removeLast() }
        if let last = parts.last, commonNames.contains(last) { parts.removeLast() }
        while let last = parts.last, isOperation(last) { parts.removeLast() }
        return parts.isEmpty || parts.contains("") ? nil : Array(parts)
    }

    /// A name without the number that TensorFlow has added: `dense_39` of `dense_39_1`; nil if there is none.
    private static func unnumbered(_ name: Substring) -> Substring? {
        guard let end = name.lastIndex(of: "_"), end > name.startIndex else { return nil }
        let digits = name[name.index(after: end)...]
        return !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) } ? name[..<end] : nil
    }
}
