import Archives
import Text

/// Tables that are known as such whatever they are called: the file says what reads them.
extension Checkpoint {
    /// The names of matrices whose rows are chosen by numbers that the data decide: those of `nn.Embedding` in a file of whole modules, and those
    /// that a graph gathers from.
    var tables: Set<String> {
        var names: Set<String> = []
        if let module { names.formUnion(module.tables) }
        if let graph, let gathered = try? ONNX.tables(in: graph) { names.formUnion(gathered) }
        return names
    }
}

extension SavedModule {
    fileprivate var tables: [String] {
        let own = className.hasSuffix(".sparse.Embedding") || className.hasSuffix(".sparse.EmbeddingBag")
        return (own ? [name.isEmpty ? "weight" : name + ".weight"] : []) + children.flatMap(\.tables)
    }
}

extension ONNX {
    /// The stored matrices from which a graph's operators choose rows by what is no constant.
    ///
    /// - Throws: ``Problem`` if the message is damaged.
    static func tables(in region: ByteRegion) throws(Problem) -> Set<String> {
        guard let message = try graph(region) else { return [] }
        let graph = try ONNXGraph(message)
        let stored = try stored(in: graph)
        let names = Dictionary(stored.map { ($0.value, $0) }, uniquingKeysWith: { first, _ in first })
        let constants = Set(names.keys).union(graph.nodes.lazy.filter { $0.operation == "Constant" }.flatMap(\.outputs))
        var tables: Set<String> = []
        for node in graph.nodes where node.operation == "Gather" && node.inputs.count == 2 && node.integers["axis"] ?? 0 == 0 {
            guard let table = names[node.inputs[0]], table.tensor.shape.count == 2, !constants.contains(node.inputs[1]) else { continue }
            tables.insert(table.name)
        }
        return tables
    }
}
