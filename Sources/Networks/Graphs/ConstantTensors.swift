import Checkpoints

/// Which stored tensors of an ONNX graph no training changes.
///
/// A file may say which are parameters of the model. Where it does not, these are learned: the weights and biases of layers, norms and tables of
/// embeddings, however they are named; and what is used element by element under a name that no exporter made up, unless its numbers are
/// those of a mask or of rotary angles.
struct ConstantTensors {
    private let graph: NetworkGraph
    private let numbers: ConstantNumbers
    private var places: [String: Int] = [:]
    /// The nodes that read a node.
    private var readers: [String: [Int]] = [:]
    /// The nodes that read a tensor.
    private var uses: [String: [Int]] = [:]
    /// Whether the numbers of a node depend on the samples, not on their sizes alone.
    private var dependsOnData: [Bool] = []

    /// What a file says, or what is found when somebody asks where it says nothing of some tensors.
    ///
    /// - Parameter stored: the tensors by the values that they are in the graph.
    static func fixed(in graph: NetworkGraph, of checkpoint: Checkpoint, stored: [String: ONNXModel.Stored]) -> FixedTensors {
        let unsaid = Set(stored.values.lazy.filter { $0.isLearned == nil }.map(\.tensor))
        guard !unsaid.isEmpty, graph.nodes.contains(where: { mayReadConstants($0, among: unsaid) }) else {
            return FixedTensors(Set(stored.values.lazy.filter { $0.isLearned == false }.map(\.tensor)))
        }
        return FixedTensors(finding: { ConstantTensors(graph, of: checkpoint).names(stored) })
    }

    /// Whether a node is none that learned tensors alone are for: most graphs need not be kept to be asked.
    private static func mayReadConstants(_ node: NetworkGraph.Node, among tensors: Set<String>) -> Bool {
        if let curve = node.operation as? ElementCurve { return [.sine, .cosine].contains(curve.function) }
        guard node.parameters.contains(where: { tensors.contains($0.tensor) }) else { return false }
        return node.operation is StoredValues || node.operation is Arithmetic || [.perChannel, .mixes].contains(node.operation.neurons)
    }

    private init(_ graph: NetworkGraph, of checkpoint: Checkpoint) {
        self.graph = graph
        numbers = ConstantNumbers(checkpoint)
        for (place, node) in graph.nodes.enumerated() {
            places[node.name] = place
            for input in Set(node.inputs) { readers[input, default: []].append(place) }
            for parameter in node.parameters where uses[parameter.tensor]?.last != place {
                uses[parameter.tensor, default: []].append(place)
            }
            let isData = node.operation is InputOperation || node.operation is TokenNumbers
            let readsSizes = node.operation is BatchNumbers || node.operation is PositionEmbedding
            dependsOnData.append(isData || !readsSizes && node.inputs.contains { places[$0].map { dependsOnData[$0] } ?? false })
        }
    }

    /// The names of the constants among the tensors that the graph reads.
    private func names(_ stored: [String: ONNXModel.Stored]) -> Set<String> {
        var constants: Set<String> = []
        var unsaid: [String: String] = [:]
        for (value, entry) in stored where uses[entry.tensor] != nil {
            switch entry.isLearned {
            case true?: break
            case false?: constants.insert(entry.tensor)
            case nil: unsaid[entry.tensor] = value
            }
        }
        var elements: [String] = []
        for (tensor, value) in unsaid.sorted(by: { $0.key < $1.key }) {
            let readings = uses[tensor] ?? []
            let isMadeUp = Self.isExporters(value)
            if onlyChoosesAngles(readings) || readings.allSatisfy(isOnlyCompared) {
                constants.insert(tensor)
            } else if isMadeUp, readings.allSatisfy(isOwnOfNorm), numbers.isOneNumber(tensor) {
                // A norm without weights, whose operator needs some.
                constants.insert(tensor)
            } else if !readings.contains(where: isOfLayer) {
                if isMadeUp, !readings.contains(where: belongsToLayer) { constants.insert(tensor) } else { elements.append(tensor) }
            }
        }
        return constants.union(numbers.masksAndAngles(among: elements))
    }

    // MARK: Names

    /// Whether an exporter made the name of a value up: PyTorch's `onnx::Mul_41` and `val_76`, or that of an operator's output. What its exporter of
    /// programs computes of constants it names after the operation.
    static func isExporters(_ name: String) -> Bool {
        if name.hasPrefix("onnx::") || name.hasPrefix("/") || name.utf8.allSatisfy({ (48...57).contains($0) }) { return true }
        var stem = Substring(name)
        if let end = name.lastIndex(of: "_"), name[name.index(after: end)...].utf8.allSatisfy({ (48...57).contains($0) }) {
            stem = name[..<end]
        }
        return ["val", "lifted_tensor", "scalar_tensor_default"].contains(stem) || stem.hasPrefix("_tensor_constant")
    }

    // MARK: Uses

    private func maker(_ site: String?) -> NetworkGraph.Node? { site.flatMap { places[$0] }.map { graph.nodes[$0] } }

    /// Whether a node reads a tensor as a layer does: as weights, as a bias, as a table.
    private func isOfLayer(_ place: Int) -> Bool {
        switch graph.nodes[place].operation {
        case is StoredValues: isFactor(place)
        case is Arithmetic: false
        default: true
        }
    }

    /// Whether a node reads a tensor as the factor or summand of a norm itself, not of what is made of its output.
    private func isOwnOfNorm(_ place: Int) -> Bool {
        switch graph.nodes[place].operation.neurons {
        case .perChannel, .mixes: true
        case .fixed where graph.nodes[place].operation is Arithmetic: isNormed(graph.nodes[place].inputs.first, passing: false)
        default: false
        }
    }

    /// Whether an output is its input in another shape or order.
    private static func keepsNumbers(_ operation: any Operation) -> Bool { operation is Rearrangement || operation is Reshape }

    /// Whether what is stored comes, perhaps in another shape, to be a factor of a product.
    private func isFactor(_ place: Int) -> Bool {
        var waiting = [place]
        var seen = Set(waiting)
        while let next = waiting.popLast() {
            for reader in readers[graph.nodes[next].name] ?? [] where seen.insert(reader).inserted {
                let operation = graph.nodes[reader].operation
                if operation is MatrixProduct { return true }
                if Self.keepsNumbers(operation) { waiting.append(reader) }
            }
        }
        return false
    }

    /// Whether a node adds a bias to what a layer or a table gives, or is a factor or summand of what a norm gives.
    private func belongsToLayer(_ place: Int) -> Bool {
        let node = graph.nodes[place]
        guard let sum = node.operation as? Arithmetic, let input = node.inputs.first else {
            // Stored numbers of which an operation of two inputs reads one.
            return node.operation is StoredValues
                && (readers[node.name] ?? []).contains { reader in
                    guard graph.nodes[reader].operation is Sum else { return false }
                    return graph.nodes[reader].inputs.contains { $0 != node.name && isOfTable($0) }
                }
        }
        if sum.function == .add, isOfTable(input) { return true }
        return [.add, .multiply].contains(sum.function) && isNormed(input, passing: true)
    }

    /// Whether a node is a layer's output, or entries of a table, perhaps in another shape.
    private func isOfTable(_ site: String) -> Bool {
        var node = maker(site)
        while let current = node, Self.keepsNumbers(current.operation) { node = maker(current.inputs.first) }
        guard let node else { return false }
        if case .produces = node.operation.neurons { return true }
        return !node.parameters.isEmpty && (node.operation is MatrixProduct || node.operation is EntryLookup)
    }

    /// Whether a node is what a norm gives.
    ///
    /// - Parameter passing: whether that is so too after other shapes, and after the norm's own factor and summand.
    private func isNormed(_ site: String?, passing: Bool) -> Bool {
        var node = maker(site)
        var products = 0
        while let current = node {
            if [.perChannel, .mixes].contains(current.operation.neurons) { return true }
            if let step = current.operation as? Arithmetic, [.add, .multiply].contains(step.function),
                current.inputs.dropFirst().allSatisfy({ places[$0].map { !dependsOnData[$0] } ?? false })
            {
                products += 1
                guard passing || products < 2 else { return false }
            } else if !(passing && Self.keepsNumbers(current.operation)) {
                return false
            }
            node = maker(current.inputs.first)
        }
        return false
    }

    /// Whether a tensor's numbers reach what depends on data through sines and cosines alone: the frequencies of positions.
    private func onlyChoosesAngles(_ readings: [Int]) -> Bool {
        var found = false
        var waiting = readings
        var seen = Set(waiting)
        while let next = waiting.popLast() {
            guard !dependsOnData[next] else { return false }
            if let curve = graph.nodes[next].operation as? ElementCurve, [.sine, .cosine].contains(curve.function) {
                found = true
                continue
            }
            for reader in readers[graph.nodes[next].name] ?? [] where seen.insert(reader).inserted { waiting.append(reader) }
        }
        return found
    }

    /// Whether comparisons alone read what a node makes of a tensor.
    private func isOnlyCompared(_ place: Int) -> Bool {
        var waiting = [place]
        var seen = Set(waiting)
        while let next = waiting.popLast() {
            let operation = graph.nodes[next].operation
            if let compared = operation as? Arithmetic, !compared.function.hasGradient { continue }
            guard operation is StoredValues || operation is Rearrangement || operation is BatchSlice,
                let others = readers[graph.nodes[next].name]
            else { return false }
            for reader in others where seen.insert(reader).inserted { waiting.append(reader) }
        }
        return true
    }
}
