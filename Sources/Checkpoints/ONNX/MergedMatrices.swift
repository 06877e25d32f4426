/// Parameters of a model that an exporter has stored once with others of equal numbers, which are no vectors: the copies of one layer that a stack of
/// layers begins with, or matrices of zeros. They stay one, as weights that modules share are, from which the file does not tell them apart.
struct MergedMatrices {
    /// The names of the parameters that the file has not.
    private(set) var names: [String] = []

    /// - Parameters:
    ///   - stored: the tensors of the graph.
    ///   - learned: what the file says of them.
    init(_ graph: ONNXGraph, _ stored: [ONNX.StoredTensor], learned: LearnedValues) {
        guard !learned.isOwn else { return }
        var known = Set(stored.flatMap { [$0.value, $0.name] + (learned.parameters(of: $0.value)?.parameters ?? []) })
        for name in stored.compactMap(\.moduleName) { known.insert(name) }
        // Values that are such a tensor, and products with one.
        var values = Set(stored.lazy.filter { $0.tensor.shape.count > 1 && $0.tensor.isFloatingPoint }.map(\.value))
        var products: Set<String> = []
        for node in graph.nodes {
            let read = node.inputs.filter(values.contains)
            var missing: [String] = []
            switch node.operation {
            // The older exporter keeps a parameter's name for what has become another.
            case "Identity" where read.count == 1:
                values.formUnion(node.outputs)
                missing = node.outputs.filter { $0.contains(".") && !$0.hasPrefix("/") && !ONNXUses.isNumbered($0) }
            case "MatMul" where read.count == 1: products.formUnion(node.outputs)
            case "Add": missing = node.inputs.contains(where: products.contains) ? Self.weights(beside: node.inputs) : []
            case "Gemm" where read.count == 1, "Conv" where read.count == 1: missing = Self.weights(beside: Array(node.inputs.dropFirst(2)))
            default: break
            }
            // The newer one notes what an operation has read.
            if !read.isEmpty, let call = node.note("pkg.torch.onnx.fx_node") {
                missing += learned.targets(in: call).filter { learned.parameters(of: $0)?.parameters == [$0] && !$0.hasSuffix(".bias") }
            }
            for name in missing where known.insert(name).inserted { names.append(name) }
        }
    }

    /// The weight of the layer whose bias an operation reads.
    private static func weights(beside inputs: [String]) -> [String] {
        inputs.filter { $0.hasSuffix(".bias") && !ONNXUses.isNumbered($0) && !$0.hasPrefix("/") }.map { String($0.dropLast(4)) + "weight" }
    }
}
