import Archives
import Text

/// The operations of an ONNX graph and its tensors, as far as they determine the role of a tensor.
struct ONNXGraph {
    struct Node {
        var name = ""
        var operation = ""
        var domain = ""
        var inputs: [String] = []
        var outputs: [String] = []
        var integers: [String: Int64] = [:]
        var lists: [String: [Int64]] = [:]
        /// The equation of a sum of products; empty for other operators.
        var equation = ""
        /// The tensor of a constant, or those that a constant is computed from.
        var tensors: [String: ByteRegion] = [:]
        /// What exporters note about an operation with weights: messages of a key and a text.
        var notes: [ByteRegion] = []
        /// Whether it belongs to a graph inside another node.
        var isInner = false

        /// The text of a note; nil if there is none.
        func note(_ wanted: String) -> String? {
            for message in notes {
                var reader = ProtobufReader(message)
                var (key, text) = ("", "")
                while let found = try? reader.next() {
                    if found.0 == 1 { key = found.1.text() ?? "" }
                    if found.0 == 2, key == wanted { text = found.1.text() ?? "" }
                }
                if key == wanted { return text }
            }
            return nil
        }
    }

    /// The operations whose weights get names from notes.
    fileprivate static let layers: Set<String> = ["Gemm", "MatMul", "Conv", "ConvTranspose", "LSTM", "GRU", "RNN"]
    /// Those whose notes say which tensors they read.
    private static let noted = layers.union([
        "BatchNormalization", "LayerNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization", "PRelu", "Add",
        "Mul",
    ])

    /// In the graph's order; those of inner graphs follow the node that holds them.
    private(set) var nodes: [Node] = []
    /// The messages of the stored tensors.
    private(set) var initializers: [ByteRegion] = []
    /// The places of those among them that belong to graphs inside nodes, where a name means another tensor than outside.
    private(set) var innerInitializers: Set<Int> = []
    /// The messages of the tensors of which only the elements that are not 0 are stored.
    private(set) var sparse: [ByteRegion] = []
    /// The names of what the graph gives.
    private(set) var outputs: Set<String> = []

    private static let depthLimit = 16
    private static let nodeLimit = 1 << 20
    private static let tensorLimit = 1 << 20
    /// The inputs and outputs of all nodes, each of which occupies more memory than its two bytes in the file.
    private var valueBudget = 1 << 22

    /// - Throws: ``Problem`` if the message is damaged.
    init(_ message: ByteRegion) throws(Problem) { try read(message, depth: 0) }

    private mutating func read(_ message: ByteRegion, depth: Int) throws(Problem) {
        guard depth < Self.depthLimit else { throw Problem("the graph nests deeper than \(Self.depthLimit) levels") }
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            guard let bytes = value.bytes else { continue }
            switch field {
            case 1: try readNode(bytes, depth: depth)
            case 5:
                guard initializers.count < Self.tensorLimit else { throw Problem("the graph has more than \(Self.tensorLimit) tensors") }
                if depth > 0 { innerInitializers.insert(initializers.count) }
                initializers.append(bytes)
            case 15:
                guard sparse.count < Self.tensorLimit else { throw Problem("the graph has more than \(Self.tensorLimit) tensors") }
                sparse.append(bytes)
            case 12 where depth == 0:
                var parts = ProtobufReader(bytes)
                while let (field, value) = try parts.next() { if field == 1, let name = value.text() { outputs.insert(name) } }
            default: break
            }
        }
    }

    private mutating func readNode(_ message: ByteRegion, depth: Int) throws(Problem) {
        guard nodes.count < Self.nodeLimit else { throw Problem("the graph has more than \(Self.nodeLimit) nodes") }
        var node = Node()
        node.isInner = depth > 0
        var inner: [ByteRegion] = []
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            switch field {
            case 1 where node.inputs.count < valueBudget: node.inputs.append(value.text() ?? "")
            case 2 where node.outputs.count < valueBudget: node.outputs.append(value.text() ?? "")
            case 3: node.name = value.text() ?? ""
            case 4: node.operation = value.text() ?? ""
            case 5: if let bytes = value.bytes { inner += try Self.readAttribute(bytes, of: &node) }
            case 7: node.domain = value.text() ?? ""
            case 9 where Self.noted.contains(node.operation) && node.notes.count < 16:
                if let bytes = value.bytes { node.notes.append(bytes) }
            default: break
            }
        }
        valueBudget -= node.inputs.count + node.outputs.count
        guard valueBudget > 0 else { throw Problem("the graph's nodes have too many inputs and outputs") }
        nodes.append(node)
        for graph in inner { try read(graph, depth: depth + 1) }
    }

    /// - Returns: the graphs that the attribute holds.
    private static func readAttribute(_ message: ByteRegion, of node: inout Node) throws(Problem) -> [ByteRegion] {
        var name = ""
        var integer: Int64?
        var list: [Int64] = []
        var tensor: ByteRegion?
        var text: String?
        var graphs: [ByteRegion] = []
        var reader = ProtobufReader(message)
        while let (field, value) = try reader.next() {
            switch field {
            case 1: name = value.text() ?? ""
            case 3: integer = value.integer
            case 4: text = value.text()
            case 5: tensor = value.bytes
            case 6, 11: if let graph = value.bytes { graphs.append(graph) }
            case 8: try value.append(to: &list, limit: 1 << 16)
            default: break
            }
        }
        if let integer { node.integers[name] = integer }
        if !list.isEmpty { node.lists[name] = list }
        if let tensor { node.tensors[name] = tensor }
        if let text, name == "equation" { node.equation = text }
        return graphs
    }
}

extension ONNXGraph {
    /// Gives each vector that an exporter has merged with others a tensor of its own, before the first that is read later.
    ///
    /// - Throws: ``Problem`` if a tensor's message is damaged.
    mutating func divide(_ merged: MergedVectors) throws(Problem) {
        guard !merged.copies.isEmpty else { return }
        for place in nodes.indices {
            guard !nodes[place].isInner, let output = nodes[place].outputs.first, let inputs = merged.inputs[output] else { continue }
            for (input, name) in inputs { nodes[place].inputs[input] = name }
        }
        var first: [String: Int] = [:]
        for (place, node) in nodes.enumerated() where node.operation != "Identity" {
            for input in node.inputs where first[input] == nil { first[input] = place }
        }
        nodes.removeAll { !$0.isInner && $0.operation == "Identity" && merged.identities.contains($0.outputs.first ?? "") }
        var messages: [String: ByteRegion] = [:]
        var entries: [(place: Int, message: ByteRegion, isInner: Bool)] = []
        var latest = 0
        for (place, message) in initializers.enumerated() {
            let name = try ONNXTensor(message).name
            messages[name] = message
            latest = max(latest, first[name] ?? latest)
            entries.append((latest, message, innerInitializers.contains(place)))
        }
        for copy in merged.copies {
            guard let message = messages[copy.source] else { continue }
            entries.append((first[copy.name] ?? copy.place, try ONNXTensor.renamed(message, copy.name), false))
        }
        // Stable: what is read first, and at one place what the file has.
        let sorted = entries.enumerated().sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }.map(\.element)
        initializers = sorted.map(\.message)
        innerInitializers = Set(sorted.indices.filter { sorted[$0].isInner })
    }

    /// Makes tensors that an exporter has stored again of what they are copies of, by the first nodes of the graph.
    ///
    /// - Throws: ``Problem`` if a tensor's message is damaged.
    mutating func make(_ copies: [ONNXCopies.Copy]) throws(Problem) {
        let values = Set(copies.map(\.value))
        var kept: [ByteRegion] = []
        for message in initializers where try !values.contains(ONNXTensor(message).name) { kept.append(message) }
        initializers = kept
        let made = copies.map { copy in
            var node = Node()
            node.operation = copy.isTurned ? "Transpose" : "Identity"
            (node.inputs, node.outputs) = ([copy.source], [copy.value])
            if copy.isTurned { node.lists["perm"] = [1, 0] }
            return node
        }
        nodes.insert(contentsOf: made, at: 0)
    }
}

/// How a graph uses its tensors.
struct ONNXUses {
    /// How a tensor is read.
    enum Use: Equatable {
        /// A matrix, [in, out] if `isTransposed`, otherwise [out, in].
        case matrix(isTransposed: Bool)
        case convolution
        /// [in, out, ...] of a transposed convolution with this number of groups.
        case transposedConvolution(groups: Int)
        /// [directions, gates, in] of a recurrent layer.
        case recurrent
        /// A bias, the weight of a norm, or a table.
        case parameter
        /// What is added to or multiplied with other numbers, one by one.
        case element
        /// Integers that an operation scales.
        case quantised(operation: String)
    }

    private(set) var uses: [String: Use] = [:]
    /// More informative names than those that exporters number, by the tensor's own name.
    private(set) var names: [String: String] = [:]

    private let graph: ONNXGraph
    /// Values that are a tensor passed on, with whether its two dimensions change places on the way.
    private var aliases: [String: (source: String, isTransposed: Bool)] = [:]
    /// Values that are the elements of a tensor in another shape.
    private var reshaped: [String: String] = [:]
    /// Products with matrices, to which biases are added.
    private var products: Set<String> = []
    /// How many layers that keep a state a module has had.
    private var recurrentLayers: [String: Int] = [:]
    /// The bias that is added to a value, by the value.
    private var addedBiases: [String: String] = [:]

    /// - Parameter stored: the names of the graph's tensors.
    init(_ graph: ONNXGraph, stored: Set<String>) {
        self.graph = graph
        for name in stored { aliases[name] = (name, false) }
        for node in graph.nodes where node.operation == "Add" && node.inputs.count == 2 {
            for (value, other) in [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])] where stored.contains(other) {
                addedBiases[value] = other
            }
        }
        for node in graph.nodes { pass(node) }
    }

    private mutating func pass(_ node: ONNXGraph.Node) {
        switch node.operation {
        case "Identity", "Cast": passOn(node, isTransposed: false)
        case "Transpose":
            guard node.lists["perm"] ?? [1, 0] == [1, 0] else { return }
            passOn(node, isTransposed: true)
        case "Reshape", "Squeeze", "Unsqueeze", "Flatten":
            guard let input = node.inputs.first, let output = node.outputs.first, let source = aliases[input]?.source ?? reshaped[input]
            else { return }
            reshaped[output] = source
        case "Gemm":
            record(node, 1, .matrix(isTransposed: node.integers["transB"] ?? 0 == 0))
            record(node, 0, .matrix(isTransposed: node.integers["transA"] ?? 0 != 0))
            record(node, 2, .parameter)
            name(node, weight: 1, bias: 2)
        case "MatMul":
            record(node, 1, .matrix(isTransposed: true))
            record(node, 0, .matrix(isTransposed: false))
            products.formUnion(node.outputs)
            name(node, weight: 1, bias: nil)
        case "Conv":
            record(node, 1, .convolution)
            record(node, 2, .parameter)
            name(node, weight: 1, bias: 2)
        case "ConvTranspose":
            record(node, 1, .transposedConvolution(groups: Int(exactly: node.integers["group"] ?? 1) ?? 1))
            record(node, 2, .parameter)
            name(node, weight: 1, bias: 2)
        case "BatchNormalization": for place in 1...4 { record(node, place, .parameter) }
        case "LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization", "PRelu":
            for place in 1...2 { record(node, place, .parameter) }
        case "Gather", "Slice", "Split": record(node, 0, .parameter)
        case "Add" where node.inputs.contains(where: products.contains):
            for place in 0..<2 { record(node, place, .parameter) }
            name(node, weight: 1, bias: 2)
        case "LSTM", "GRU", "RNN":
            record(node, 1, .recurrent)
            record(node, 2, .recurrent)
            // Biases, states before the first step, and weights of a state for each gate.
            for place in [3, 5, 6, 7] { record(node, place, .parameter) }
            nameRecurrent(node)
        case "DequantizeLinear": record(node, 0, .quantised(operation: node.operation))
        case "MatMulInteger", "ConvInteger", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits", "MatMulBnb4", "QGemm":
            record(node, 1, .quantised(operation: node.operation))
        case "QLinearMatMul", "QLinearConv": record(node, 3, .quantised(operation: node.operation))
        case "Add", "Sub", "Mul", "Div": for place in 0..<2 { record(node, place, .element) }
        default: break
        }
    }

    private mutating func passOn(_ node: ONNXGraph.Node, isTransposed: Bool) {
        guard let input = node.inputs.first.flatMap({ aliases[$0] }), let output = node.outputs.first else { return }
        aliases[output] = (input.source, input.isTransposed != isTransposed)
    }

    private mutating func record(_ node: ONNXGraph.Node, _ place: Int, _ use: Use) {
        guard node.inputs.count > place else { return }
        let input = node.inputs[place]
        guard let alias = aliases[input] else {
            // The shape of what is reshaped says nothing of its matrix.
            if let source = reshaped[input], uses[source] == nil { uses[source] = .parameter }
            return
        }
        var use = use
        if case .matrix(let isTransposed) = use { use = .matrix(isTransposed: isTransposed != alias.isTransposed) }
        // The first of several uses is recorded, except that a scale takes precedence: without it the numbers mean nothing. Products and
        // convolutions say more than others.
        if case .quantised = use {
            uses[alias.source] = use
        } else if uses[alias.source] == nil || use != .element && [.parameter, .element].contains(uses[alias.source]) {
            uses[alias.source] = use
        }
    }

    /// Names the tensors of a layer, which some exporters number as `onnx::MatMul_12`, after their bias or the node, whose name
    /// is the path of the module.
    private mutating func name(_ node: ONNXGraph.Node, weight: Int, bias: Int?) {
        guard node.inputs.count > weight, let source = aliases[node.inputs[weight]]?.source else { return }
        let ownBias = bias.flatMap { node.inputs.count > $0 ? node.inputs[$0] : nil } ?? node.outputs.first.flatMap { addedBiases[$0] }
        var module: String?
        if let ownBias, !Self.isNumbered(ownBias), ownBias.hasSuffix(".bias") { module = String(ownBias.dropLast(5)) }
        guard let path = module ?? Self.module(node) else { return }
        if Self.isNumbered(source), names[source] == nil { names[source] = path + ".weight" }
        if let ownBias, Self.isNumbered(ownBias), names[ownBias] == nil, aliases[ownBias]?.source == ownBias {
            names[ownBias] = path + ".bias"
        }
    }

    /// Names the tensors of a layer that keeps a state after its module. Its gates are in another order than PyTorch's, and its two biases side by
    /// side, so that these are not PyTorch's names; those of the second layer of a module end in `_1`.
    private mutating func nameRecurrent(_ node: ONNXGraph.Node) {
        guard let path = Self.module(node) else { return }
        let layer = recurrentLayers[path, default: 0]
        recurrentLayers[path] = layer + 1
        for (place, part) in [(1, "weight_ih"), (2, "weight_hh"), (3, "bias")] where node.inputs.count > place {
            guard let source = aliases[node.inputs[place]]?.source, Self.isNumbered(source), names[source] == nil else { continue }
            names[source] = path + "." + part + (layer == 0 ? "" : "_\(layer)")
        }
    }

    /// Whether an exporter made the name up.
    static func isNumbered(_ name: String) -> Bool {
        name.hasPrefix("onnx::") || name.hasPrefix("val_") && name.utf8.dropFirst(4).allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// The path of the module that an operation belongs to, by the exporter's notes or its name.
    private static func module(_ node: ONNXGraph.Node) -> String? { notedModule(node) ?? module(inName: node) }

    /// The path of the module in a node's name, `/layers/layers.0/fc1/MatMul`: parts of lists repeat the list's name.
    static func module(inName node: ONNXGraph.Node) -> String? {
        var parts = node.name.split(separator: "/")
        guard node.name.hasPrefix("/"), parts.count >= 2, parts.removeLast().hasPrefix(node.operation) else { return nil }
        var path: [Substring] = []
        for part in parts {
            if let last = path.last, part.hasPrefix(last + ".") { path.removeLast() }
            path.append(part)
        }
        return path.joined(separator: ".")
    }

    /// The path of the module whose weight an operation reads, as PyTorch's newer exporter notes it: the names of the modules around the
    /// operation, `['', 'layers.0', 'layers.0.fc1', 'linear_1']`, where what was exported read the weight of the innermost.
    private static func notedModule(_ node: ONNXGraph.Node) -> String? {
        guard ONNXGraph.layers.contains(node.operation), let scopes = node.note("pkg.torch.onnx.name_scopes"),
            let origin = node.note("pkg.torch.onnx.fx_node")
        else { return nil }
        let names = scopes.split(separator: "'", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        guard names.count >= 2, !names[names.count - 2].isEmpty else { return nil }
        let path = String(names[names.count - 2])
        let argument = "%p_" + path.split(separator: ".").joined(separator: "_") + "_weight"
        return origin.contains(argument) ? path : nil
    }
}
