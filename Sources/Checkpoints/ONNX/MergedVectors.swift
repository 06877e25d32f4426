import Archives
import Text

/// Vectors of a model that an exporter has stored once because their numbers are equal: in a model that was not trained, all norms have weights of
/// ones, and most biases are zeros. Each is a parameter of its own, and a statistic of a norm is none.
///
/// A vector counts as merged if all of its numbers are the same and it is read in places that the file tells apart: under another name, which
/// PyTorch's older exporter gives it with an Identity; as another tensor of the program, which the newer one notes; or as a vector of another layer or
/// norm. A module that is applied twice reads one vector twice. Matrices are not taken apart.
struct MergedVectors {
    /// A vector that has become a tensor of its own.
    struct Copy {
        let name: String
        let source: String
        /// The place of the first node that reads it.
        let place: Int
        /// Whether names or notes of the file say that it is another vector; if not, the model may have one that is read in several places.
        let isSaid: Bool
    }

    private(set) var copies: [Copy] = []
    /// The Identity nodes whose outputs have become tensors, by their outputs.
    private(set) var identities: Set<String> = []
    /// The vectors that nodes read now, by the first output of the node and the place among its inputs.
    private(set) var inputs: [String: [Int: String]] = [:]

    private let graph: ONNXGraph
    private let learned: LearnedValues
    /// The messages of the tensors that may be taken apart, by their names.
    private var vectors: [String: ONNXTensor] = [:]
    private var own: Set<String> = []
    private var names = UniqueNames(separator: "_")
    /// The modules whose names are those of nodes.
    private var modules: Set<String> = []
    /// The nodes that make values.
    private var makers: [String: Int] = [:]

    /// A vector has no more elements than this, whatever its shape.
    private static let limit = 1 << 20

    /// - Parameters:
    ///   - graph: as the file has it.
    ///   - learned: what the file says of its tensors.
    ///   - neighbours: finds the files in the model's folder.
    /// - Throws: ``Problem`` if a tensor's message is damaged.
    init(_ graph: ONNXGraph, learned: LearnedValues, neighbours: Neighbours) throws(Problem) {
        self.graph = graph
        self.learned = learned
        guard !learned.isOwn else { return }
        for message in graph.initializers {
            let tensor = try ONNXTensor(message)
            own.insert(tensor.name)
            _ = names.take(tensor.name)
            let count = tensor.shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
            guard tensor.isOfWeights, !tensor.isFixed, (1...Self.limit).contains(count), tensor.shape.contains(count) else { continue }
            vectors[tensor.name] = tensor
        }
        var readers: [String: [(node: Int, place: Int)]] = [:]
        for (number, node) in graph.nodes.enumerated() {
            for output in node.outputs {
                makers[output] = number
                _ = names.take(output)
            }
            for (place, input) in node.inputs.enumerated() where vectors[input] != nil {
                readers[input, default: []].append((number, place))
            }
        }
        readers = readers.filter { $0.value.count > 1 }
        guard !readers.isEmpty else { return }
        for node in graph.nodes { if let module = Self.path(node) { modules.insert(module) } }
        for message in graph.initializers {
            let name = try ONNXTensor(message).name
            guard let places = readers[name], let tensor = vectors[name],
                let record = try? tensor.record(name: name, neighbours: neighbours), Self.isOneNumber(record.doubles())
            else { continue }
            divide(tensor, places)
        }
    }

    /// The names of the vectors of which the file says that they are others, or of which it does not.
    func names(ifSaid isSaid: Bool) -> [String] { copies.filter { $0.isSaid == isSaid }.map(\.name) }

    private static func isOneNumber(_ numbers: [Double]) -> Bool { numbers.dropFirst().allSatisfy { $0 == numbers[0] } }

    private mutating func divide(_ tensor: ONNXTensor, _ readers: [(node: Int, place: Int)]) {
        var rest: [(key: String?, node: Int, place: Int)] = []
        for (number, place) in readers {
            let node = graph.nodes[number]
            guard node.operation == "Identity", !node.isInner, let output = node.outputs.first, !graph.outputs.contains(output),
                tensor.shape != [1] || !ONNXUses.isNumbered(output)
            else {
                rest.append((node.isInner ? nil : key(node, place, tensor.name), number, place))
                continue
            }
            identities.insert(output)
            copies.append(Copy(name: output, source: tensor.name, place: number, isSaid: true))
        }
        // Nodes of which nothing is known read what they have read.
        let kept = rest.contains { $0.key == nil || $0.key == tensor.name } ? tensor.name : rest.first?.key
        var made: [String: String] = [:]
        for (key, number, place) in rest {
            guard let key, key != kept, key != tensor.name, let output = graph.nodes[number].outputs.first else { continue }
            if made[key] == nil {
                let name = names.unused(key.hasPrefix(Self.nameless) ? tensor.name : key)
                made[key] = name
                copies.append(Copy(name: name, source: tensor.name, place: number, isSaid: !key.hasPrefix(Self.nameless)))
            }
            inputs[output, default: [:]][place] = made[key]
        }
    }

    // MARK: Places

    private static let nameless = "\0"

    /// The vector of the model that a node reads in a place: its name if that is known, a text for it alone if not; nil if it may be any.
    private func key(_ node: ONNXGraph.Node, _ place: Int, _ name: String) -> String? {
        let role = role(node, place)
        if let target = target(node, place, role, name) { return target }
        guard let role, !ONNXUses.isNumbered(name) else { return nil }
        if let matrix = matrix(node, place) {
            // A layer that is applied twice has one matrix and one bias.
            return (matrix.hasSuffix(".weight") ? String(matrix.dropLast(6)) : Self.nameless + matrix + ".") + role
        }
        if let path = Self.path(node).map(module) { return "\(path).\(role)" }
        return Self.nameless + (node.outputs.first ?? "") + "." + role
    }

    /// What a vector is to the layer or norm that a node is; nil for other nodes.
    private func role(_ node: ONNXGraph.Node, _ place: Int) -> String? {
        switch (node.operation, place) {
        case ("BatchNormalization", 1...4): ["weight", "bias", "running_mean", "running_var"][place - 1]
        case ("LayerNormalization", 1...2), ("GroupNormalization", 1...2), ("InstanceNormalization", 1...2): place == 1 ? "weight" : "bias"
        case ("RMSNormalization", 1), ("PRelu", 1): "weight"
        case ("Conv", 2), ("ConvTranspose", 2), ("Gemm", 2): "bias"
        case ("Add", 0...1): matrix(node, place) == nil ? nil : "bias"
        default: nil
        }
    }

    /// The stored matrix of the layer whose bias a node reads in a place; nil if it reads none there.
    private func matrix(_ node: ONNXGraph.Node, _ place: Int) -> String? {
        var layer = node
        switch (node.operation, place) {
        case ("Conv", 2), ("ConvTranspose", 2), ("Gemm", 2): break
        case ("Add", 0...1):
            guard node.inputs.count == 2, let maker = makers[node.inputs[1 - place]] else { return nil }
            layer = graph.nodes[maker]
            guard layer.operation == "MatMul" else { return nil }
        default: return nil
        }
        guard layer.inputs.count > 1 else { return nil }
        var value = layer.inputs[1]
        // A matrix on its way may be turned round.
        for _ in 0..<4 {
            if own.contains(value) { return value }
            guard let maker = makers[value], ["Transpose", "Identity", "Cast"].contains(graph.nodes[maker].operation),
                let input = graph.nodes[maker].inputs.first
            else { return nil }
            value = input
        }
        return nil
    }

    /// The tensor of the program that a node reads in a place, as PyTorch's newer exporter notes it.
    private func target(_ node: ONNXGraph.Node, _ place: Int, _ role: String?, _ name: String) -> String? {
        guard let origin = node.note("pkg.torch.onnx.fx_node") else { return nil }
        // Norms of groups are computed by those of instances, with weights that are none of the model's.
        if node.operation == "InstanceNormalization", !origin.contains("instance_norm") { return nil }
        let read = learned.targets(in: origin)
        let stored = node.inputs.indices.filter { own.contains(node.inputs[$0]) }
        if read.count == stored.count, let position = stored.firstIndex(of: place) { return read[position] }
        // What is stored under its own name is read as that.
        let missing = read.filter { $0 == name || !own.contains($0) }
        if missing.count == 1 { return missing[0] }
        let fitting = missing.filter { $0.hasSuffix("." + (role ?? (node.operation == "Add" ? "bias" : "weight"))) }
        return fitting.count == 1 ? fitting[0] : nil
    }

    /// The path of the module that a node's name says, or that of its output: `/norm/LayerNormalization_output_0`.
    private static func path(_ node: ONNXGraph.Node) -> String? {
        var named = node
        if node.name.isEmpty { named.name = node.outputs.first ?? "" }
        return ONNXUses.module(inName: named)
    }

    /// A module's path without the numbers that the older exporter adds where the module is applied again.
    private func module(_ path: String) -> String {
        var parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        for place in parts.indices {
            guard let end = parts[place].lastIndex(of: "_"), parts[place][end...].dropFirst().allSatisfy(\.isNumber) else { continue }
            var shorter = parts
            shorter[place] = String(parts[place][..<end])
            if modules.contains(shorter.joined(separator: ".")) { parts = shorter }
        }
        return parts.joined(separator: ".")
    }
}
