import Archives
import Checkpoints
import Tensors
import Text

/// A network's operations in those of ONNX: the graph that is kept in an ONNX file.
struct NetworkONNX {
    private let network: Network
    private let checkpoint: Checkpoint
    var writer = ONNXGraphWriter()
    private var values: [NodeID: String] = [:]
    private var parameters: [ParameterID: String] = [:]
    private var tokens = ""
    /// The shapes of outputs, where some batch is known to have them.
    private let shapes: [[Int]]?

    private static let types: [DType] = [.f32, .f16, .bf16, .f64]

    /// The graph of a network.
    ///
    /// - Parameter frozen: the tensors that training leaves as they are, beside those that the checkpoint says so of.
    /// - Throws: ``Problem`` that names the first operation that has no counterpart.
    static func graph(of network: Network, _ checkpoint: Checkpoint, frozen: [String] = []) throws(Problem) -> ByteRegion {
        var conversion = try NetworkONNX(network, checkpoint)
        return try conversion.run(kept: checkpoint.keptTensors.union(frozen))
    }

    /// - Throws: ``Problem`` if samples of no size that is tried can be run, whose size the network leaves open.
    private init(_ network: Network, _ checkpoint: Checkpoint) throws(Problem) {
        self.network = network
        self.checkpoint = checkpoint
        var batches: [BatchShape] = []
        switch network.input {
        case .tokens(_, let positions): batches = [.tokens(samples: 3, length: min(5, positions ?? 5))]
        case .values(let shape):
            // What comes after a flattening may fit one size alone.
            let sizes = shape.contains(nil) ? [5, 64, 224, 32, 28] + Array(1...256) : [0]
            batches = sizes.map { size in .values([3] + shape.map { $0 ?? size }) }
        }
        shapes = batches.lazy.compactMap { try? network.shapes(for: $0) }.first
        if shapes == nil, case .values(let shape) = network.input, shape.contains(nil) {
            throw Problem(
                "leaves the shape of samples open and fits none of those that are tried", setting: .architecture,
                expected: shape.count == 3
                    ? "the shape as the first element, such as input(3x32x48)" : "the shape as the first element, such as input(7x6)",
                found: "samples of \(shape.map { $0.map(String.init) ?? "any" }.joined(separator: "x"))")
        }
    }

    private mutating func run(kept: Set<String>) throws(Problem) -> ByteRegion {
        let fixed = network.fixedParameters
        for (index, parameter) in network.parameters.enumerated() {
            guard parameter.slices.isEmpty, let record = checkpoint[parameter.tensorName], Self.types.contains(record.dtype) else {
                throw Problem(
                    "is written as ONNX for whole tensors of floating-point numbers", subject: "tensor '\(parameter.tensorName)'",
                    expected: Self.types.map(\.rawValue).joined(separator: ", "),
                    found: checkpoint[parameter.tensorName]?.dtype.rawValue ?? "a part")
            }
            try writer.declare(tensor: record, isFixed: fixed.contains(ParameterID(index)), isKept: kept.contains(record.name))
            // The network computes in single precision.
            parameters[ParameterID(index)] = writer.cast(record.name, to: .float)
        }
        switch network.input {
        case .values(let shape):
            // The node of the input declares it.
            _ = shape
        case .tokens:
            tokens = writer.unused("tokens")
            writer.declare(input: tokens, type: .int64, shape: [nil, nil])
        }
        for (index, node) in network.nodes.enumerated() {
            let id = NodeID(index)
            do throws(Problem) {
                values[id] = try converted(id, node)
            } catch {
                throw error.about("site '\(node.site)'")
            }
        }
        guard let output = values[network.output] else { throw Problem("has no output") }
        let rank = shapes.map { $0[network.output.index].count } ?? 2
        let width = shapes.map { $0[network.output.index].last ?? network.outputWidth } ?? network.outputWidth
        writer.declare(output: output, shape: [Int?](repeating: nil, count: max(0, rank - 1)) + [width])
        return writer.model
    }

    // MARK: Parts

    /// The lengths of images that a node reads, rows and columns; nil for those that the data decide.
    func imageSize(_ node: Node) -> [Int?] {
        guard let shapes, case .values(let shape) = network.input, shapes[node.inputs[0].index].count == 4 else { return [nil, nil] }
        // Where samples have a fixed size, so has everything that is made of them.
        return shape.contains(nil) ? [nil, nil] : shapes[node.inputs[0].index].suffix(2).map { $0 }
    }

    private func input(_ node: Node, _ place: Int = 0) throws(Problem) -> String {
        guard node.inputs.indices.contains(place), let value = values[node.inputs[place]] else { throw Problem("reads nothing") }
        return value
    }

    private func parameter(_ node: Node, _ place: Int) throws(Problem) -> String {
        guard node.parameters.indices.contains(place), let name = parameters[node.parameters[place]] else { throw Problem("has no tensor") }
        return name
    }

    /// The rows and columns of images, nil where their size is open.
    func sizes(of node: NodeID) -> [Int?] {
        guard case .values(let lengths) = network.input, !lengths.contains(nil), let shape = shapes?[node.index], shape.count > 2 else {
            return []
        }
        return shape[2...].map { $0 }
    }

    mutating func add(
        _ node: Node, _ operation: String, _ inputs: [String], _ attributes: [(String, ONNXGraphWriter.Attribute)] = []
    ) -> String { writer.add(operation, inputs, attributes, output: writer.unused(node.site)) }

    private func refusal(_ node: Node) -> Problem {
        Problem("is an operation that is not written as ONNX", found: node.operation.name)
    }

    private mutating func converted(_ id: NodeID, _ node: Node) throws(Problem) -> String {
        switch node.operation {
        case is InputOperation:
            guard case .values(let shape) = network.input else { throw refusal(node) }
            let name = writer.unused(node.site)
            writer.declare(input: name, type: .float, shape: [nil] + shape)
            return name
        case let embedding as Embedding where embedding.layout == .rows:
            let isScaled = embedding.scale != 1
            let entries = writer.entries(
                try parameter(node, 0), tokens, padding: embedding.padding, output: isScaled ? nil : writer.unused(node.site))
            return !isScaled ? entries : add(node, "Mul", [entries, writer.constant(embedding.scale)])
        case let positions as PositionEmbedding where positions.layout == .rows:
            let length = writer.add("Gather", [writer.add("Shape", [tokens]), writer.constant(1)], [("axis", .integer(0))])
            let start = writer.constant(positions.offset)
            let places = writer.add("Range", [start, writer.add("Add", [length, start]), writer.constant(1)])
            return writer.entries(try parameter(node, 0), places, padding: positions.padding, output: writer.unused(node.site))
        case let linear as Linear: return try converted(linear, id, node)
        case let convolution as Convolution:
            var inputs = [try input(node)]
            for place in node.parameters.indices { inputs.append(try parameter(node, place)) }
            let padding = [convolution.padding.0, convolution.padding.1]
            return add(
                node, "Conv", inputs,
                [
                    ("strides", .integers([convolution.stride.0, convolution.stride.1])), ("pads", .integers(padding + padding)),
                    ("dilations", .integers([convolution.dilation.0, convolution.dilation.1])), ("group", .integer(convolution.groups)),
                ])
        case let norm as BatchNorm:
            var inputs = [try input(node)]
            if node.parameters.count == 2 {
                let count = network.values[node.parameters[0]].count
                for number: Float in [1, 0] { inputs.append(writer.constant([Float](repeating: number, count: count))) }
            }
            for place in node.parameters.indices { inputs.append(try parameter(node, place)) }
            return add(
                node, "BatchNormalization", inputs, [("epsilon", .real(norm.epsilon)), ("momentum", .real(1 - (norm.momentum ?? 0.1)))])
        case let norm as LayerNorm:
            guard !node.parameters.isEmpty else {
                return writer.normalized(try input(node), epsilon: norm.epsilon, output: writer.unused(node.site))
            }
            var inputs = [try input(node)]
            for place in node.parameters.indices { inputs.append(try parameter(node, place)) }
            return add(node, "LayerNormalization", inputs, [("axis", .integer(-1)), ("epsilon", .real(norm.epsilon))])
        case let norm as GroupNorm: return try converted(norm, id, node)
        case let norm as RMSNorm:
            let x = try input(node)
            let square = writer.add("ReduceMean", [writer.add("Mul", [x, x]), writer.constant([-1])], [("keepdims", .integer(1))])
            let size = writer.add("Sqrt", [writer.add("Add", [square, writer.constant(norm.epsilon)])])
            var weight = try parameter(node, 0)
            if norm.offset != 0 { weight = writer.add("Add", [weight, writer.constant(norm.offset)]) }
            return add(node, "Mul", [writer.add("Div", [x, size]), weight])
        case is Sum:
            guard node.inputs.count > 1 else { return try input(node) }
            var sum = try input(node)
            for place in 1..<node.inputs.count {
                let other = try input(node, place)
                sum = place == node.inputs.count - 1 ? add(node, "Add", [sum, other]) : writer.add("Add", [sum, other])
            }
            return sum
        case is GatedProduct: return add(node, "Mul", [try input(node), try input(node, 1)])
        case let arithmetic as Arithmetic:
            let names: [Arithmetic.Function: String] = [.add: "Add", .multiply: "Mul", .subtract: "Sub", .divide: "Div", .power: "Pow"]
            guard let name = names[arithmetic.function] else { throw refusal(node) }
            let other = try node.parameters.isEmpty ? input(node, 1) : parameter(node, 0)
            let first = try input(node)
            return add(node, name, arithmetic.parameterFirst && !node.parameters.isEmpty ? [other, first] : [first, other])
        case let product as MatrixProduct:
            var other = try node.parameters.isEmpty ? input(node, 1) : parameter(node, 0)
            if let matrix = node.parameters.first, network.parameters[matrix.index].shape.count == 2 { other = writer.factor(other) }
            let first = try input(node)
            let factors = product.parameterFirst && !node.parameters.isEmpty ? [other, first] : [first, other]
            guard product.scale != 1 else { return add(node, "MatMul", factors) }
            return add(node, "Mul", [writer.add("MatMul", factors), writer.constant(product.scale)])
        case let concatenation as Concatenation:
            var inputs: [String] = []
            for place in node.inputs.indices { inputs.append(try input(node, place)) }
            return add(node, "Concat", inputs, [("axis", .integer(concatenation.axis))])
        case let scores as AttentionScores: return try converted(scores, node)
        case let attention as AttentionValues:
            let heads = attention.heads
            var values = heads4(try input(node, 1), heads.keyHeads, heads.headDimension, order: [0, 2, 1, 3])
            if heads.heads != heads.keyHeads { values = shared(values, heads, shape: [0, heads.heads, -1, heads.headDimension]) }
            let mixed = writer.add("Transpose", [writer.add("MatMul", [try input(node), values])], [("perm", .integers([0, 2, 1, 3]))])
            return add(node, "Reshape", [mixed, writer.constant([0, 0, heads.heads * heads.headDimension])])
        case is InsertedRows: return try inserted(node)
        default:
            guard let value = try plain(node, try input(node)) else { throw refusal(node) }
            return value
        }
    }

    private mutating func converted(_ linear: Linear, _ id: NodeID, _ node: Node) throws(Problem) -> String {
        let (x, weight) = (try input(node), try parameter(node, 0))
        let bias = node.parameters.count > 1 ? [try parameter(node, 1)] : []
        if linear.layout == .outIn, let shapes, shapes[node.inputs[0].index].count == 2 {
            return add(node, "Gemm", [x, weight] + bias, [("transB", .integer(1))])
        }
        let matrix =
            linear.layout == .outIn ? writer.add("Transpose", [weight], [("perm", .integers([1, 0]))]) : writer.factor(weight)
        guard let bias = bias.first else { return add(node, "MatMul", [x, matrix]) }
        return add(node, "Add", [writer.add("MatMul", [x, matrix]), bias])
    }

    /// Rows of heads side by side as [samples, heads, length, width] in another order.
    private mutating func heads4(_ value: String, _ heads: Int, _ width: Int, order: [Int]) -> String {
        let apart = writer.add("Reshape", [value, writer.constant([0, 0, heads, width])])
        return writer.add("Transpose", [apart], [("perm", .integers(order))])
    }

    /// Each key head as often as heads share it.
    private mutating func shared(_ value: String, _ heads: AttentionHeads, shape: [Int]) -> String {
        let apart = writer.add("Unsqueeze", [value, writer.constant([2])])
        let group = heads.heads / heads.keyHeads
        return writer.add(
            "Reshape", [writer.add("Expand", [apart, writer.constant([1, 1, group, 1, 1])]), writer.constant(shape)])
    }

    private mutating func converted(_ scores: AttentionScores, _ node: Node) throws(Problem) -> String {
        let heads = scores.heads
        guard scores.adjustment == .none, scores.mask == .none || scores.mask == .causal else {
            throw refusal(node)
        }
        let (q, k) = (try input(node), try input(node, 1))
        let queries = heads4(q, heads.heads, heads.headDimension, order: [0, 2, 1, 3])
        var keys = heads4(k, heads.keyHeads, heads.headDimension, order: [0, 2, 3, 1])
        if heads.heads != heads.keyHeads { keys = shared(keys, heads, shape: [0, heads.heads, heads.headDimension, -1]) }
        let product = writer.add("MatMul", [queries, keys])
        guard scores.mask == .causal else { return add(node, "Mul", [product, writer.constant(scores.scale)]) }
        let scaled = writer.add("Mul", [product, writer.constant(scores.scale)])
        let length = writer.add("Gather", [writer.add("Shape", [q]), writer.constant(1)], [("axis", .integer(0))])
        let places = writer.add("Range", [writer.constant(0), length, writer.constant(1)])
        let rows = writer.add("Unsqueeze", [places, writer.constant([1])])
        let columns = writer.add("Unsqueeze", [places, writer.constant([0])])
        let later = writer.add("Greater", [columns, rows])
        return add(node, "Where", [later, writer.constant(-Float.infinity), scaled])
    }

    /// Each group is a channel of its own, whose factors and summands are those of the channels again.
    private mutating func converted(_ norm: GroupNorm, _ id: NodeID, _ node: Node) throws(Problem) -> String {
        let x = try input(node)
        guard let shape = shapes?[id.index] else { throw refusal(node) }
        let channels = shape[1]
        let epsilon = ("epsilon", ONNXGraphWriter.Attribute.real(norm.epsilon))
        let groups = norm.groups ?? channels
        func plain(_ number: Float) -> String { writer.constant([Float](repeating: number, count: groups)) }
        var tensors: [String] = []
        for place in node.parameters.indices { tensors.append(try parameter(node, place)) }
        if norm.groups == nil {
            let lists = [tensors.first ?? plain(1), tensors.dropFirst().first ?? plain(0)]
            return add(node, "InstanceNormalization", [x] + lists, [epsilon])
        }
        let rows = writer.add("Reshape", [x, writer.constant([0, groups, -1])])
        var made = [("Reshape", [writer.add("InstanceNormalization", [rows, plain(1), plain(0)], [epsilon]), writer.add("Shape", [x])])]
        for (name, tensor) in zip(["Mul", "Add"], tensors) {
            let before = made.removeLast()
            let column = writer.add("Reshape", [tensor, writer.constant([channels] + [Int](repeating: 1, count: shape.count - 2))])
            made.append((name, [writer.add(before.0, before.1), column]))
        }
        return add(node, made[0].0, made[0].1)
    }

    /// Rows that are the same for every sample, within its sequence.
    private mutating func inserted(_ node: Node) throws(Problem) -> String {
        guard let rows = node.operation as? InsertedRows else { throw refusal(node) }
        let x = try input(node)
        let samples = writer.add("Slice", [writer.add("Shape", [x]), writer.constant([0]), writer.constant([1]), writer.constant([0])])
        let shape = writer.add("Concat", [samples, writer.constant([1, 1])], [("axis", .integer(0))])
        func piece(_ first: Int, _ end: Int, _ writer: inout ONNXGraphWriter) -> String {
            let bounds = [writer.constant([first]), writer.constant([end]), writer.constant([1])]
            return writer.add("Slice", [x] + bounds)
        }
        var pieces = rows.position > 0 ? [piece(0, rows.position, &writer)] : []
        for (place, id) in node.parameters.enumerated() {
            let table = writer.add("Reshape", [try parameter(node, place), writer.constant([1] + network.parameters[id.index].shape)])
            pieces.append(writer.add("Expand", [table, shape]))
        }
        pieces.append(rows.position > 0 ? piece(rows.position, Int(Int32.max), &writer) : x)
        return add(node, "Concat", pieces, [("axis", .integer(1))])
    }
}
