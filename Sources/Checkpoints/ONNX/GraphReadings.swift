import Archives
import Text

/// How the operations of a model read its matrices: which are tables that entries are taken from, which are factors of products, and which
/// of their sides are the inputs. What an operation does with a matrix decides its role, whatever it is called.
struct GraphReadings: Sendable {
    /// How a matrix is read, by its sides in the checkpoint.
    struct Reading: Equatable {
        /// The side along which entries are looked up; nil if none are.
        var entries: Int?
        /// Whether the samples say which entries; if not, the same entries are taken for all samples, as of a table of positions.
        var isChosenBySamples = false
        /// The side of the inputs in a product; nil if no product reads the matrix.
        var inputs: Int?
        /// The side of the inputs in a product with what is computed of the matrix; nil if there is none.
        var computedInputs: Int?
        /// Whether it is added to values: a matrix row by row, one of more dimensions in any way.
        var isAdded = false
        /// Whether something else reads it.
        var hasOtherReader = false
        /// Whether something reads it that neither adds it to values nor multiplies them by it.
        var hasFurtherReader = false
        /// The groups of a transposed convolution whose filters it is, [in, out / groups, ...]; nil if it is none's.
        var transposedGroups: Int?

        /// What it is in a layer that keeps a state, beside its weights; nil if it is none's.
        var recurrentRole: LeftOut?
        /// Whether it has more than two dimensions and is a factor of a product, not the filters of a convolution.
        var isStack = false

        /// Whether a tensor of more than two dimensions is nothing but added to values, as positions and masks are.
        func isAddend(_ shape: [Int]) -> Bool { shape.count > 2 && isAdded && !isStack && transposedGroups == nil }

        /// The reading of a tensor that is read in both ways.
        func joined(with other: Self) -> Self {
            var joined = self
            joined.entries = entries ?? other.entries
            joined.isChosenBySamples = isChosenBySamples || other.isChosenBySamples
            joined.inputs = inputs ?? other.inputs
            joined.computedInputs = computedInputs ?? other.computedInputs
            joined.isAdded = isAdded || other.isAdded
            joined.hasOtherReader = hasOtherReader || other.hasOtherReader
            joined.hasFurtherReader = hasFurtherReader || other.hasFurtherReader
            joined.transposedGroups = transposedGroups ?? other.transposedGroups
            joined.isStack = isStack || other.isStack
            joined.recurrentRole = recurrentRole ?? other.recurrentRole
            return joined
        }

        /// Whether a matrix is a table of which nothing but rows that are added is read. One of a single row or column is a bias.
        func isAddedTable(_ shape: [Int]) -> Bool {
            isAdded && !hasOtherReader && inputs == nil && entries == nil && !shape.contains(1)
        }

        /// Whether a matrix of one row or column is a factor or summand of each channel, as the weight of a norm of groups may be, and no layer.
        func isOfChannels(_ shape: [Int]) -> Bool {
            shape.count == 2 && shape.contains(1) && (isAdded || hasOtherReader) && !hasFurtherReader && inputs == nil && entries == nil
        }

        /// The matrix of the tensor: entries of tables are in-neurons, as the inputs of a product are. nil if neither reads it.
        func layout(_ shape: [Int]) -> MatrixLayout? {
            if shape.count > 2, let groups = transposedGroups, groups > 0, shape[0] % groups == 0 {
                return .transposedConvolution(.init(groups, shape: shape))
            }
            guard shape.count == 2, let side = entries ?? inputs ?? computedInputs ?? (isAddedTable(shape) ? 0 : nil) else { return nil }
            return side == 0 ? .transposed(blocks: 1, in: shape[0], out: shape[1]) : .asStored(out: shape[0], in: shape[1])
        }
    }

    /// By the names of tensors in the checkpoint.
    private var readings: [String: Reading] = [:]
    /// Which of the graph's steps is the first to read a tensor, by its name in the checkpoint.
    private var places: [String: Int] = [:]

    /// The buffers that nothing multiplies by as they are, looks entries up in or takes filters from, by their names in the checkpoint.
    private var buffers: Set<String> = []

    /// Whether the file says that a tensor is a buffer, which the model has without having learned it, and no operation reads it as a weight or a table.
    func isBuffer(_ name: String) -> Bool { buffers.contains(name) }

    /// A number that grows with the step that is the first to read a tensor; nil for one that the graph does not read.
    func place(of name: String) -> Int? { places[name] }

    subscript(name: String) -> Reading? { readings[name] }

    /// The readings of a model's modules of known classes, and of the graph that came with it.
    ///
    /// - Parameter graph: the bytes of the graph, as ONNX; one that is damaged says nothing.
    init?(_ module: SavedModule?, graph: ByteRegion?) {
        let read = module?.readings ?? graph.flatMap(Self.read)
        readings = read?.readings ?? [:]
        places = read?.places ?? [:]
        buffers = read?.buffers ?? []
        if let module { addTables(of: module) }
        if readings.isEmpty, buffers.isEmpty { return nil }
    }

    /// The same readings where a tensor is read by any of its names.
    func sharing(_ ties: TiedTensors) -> GraphReadings {
        guard !ties.groups.isEmpty else { return self }
        var shared = self
        for names in ties.groups {
            // What is learned under one of its names is learned.
            if !names.allSatisfy(buffers.contains) { shared.buffers.subtract(names) }
            let own = names.compactMap { readings[$0] }
            guard let first = own.first else { continue }
            let joined = own.dropFirst().reduce(first) { $0.joined(with: $1) }
            for name in names { shared.readings[name] = joined }
            if let place = names.compactMap({ places[$0] }).min() { for name in names { shared.places[name] = place } }
        }
        return shared
    }

    private static func read(_ graph: ByteRegion) -> GraphReadings? {
        guard let message = try? ONNX.graph(graph), let nodes = try? ONNXGraph(message), let stored = try? ONNX.stored(in: nodes) else {
            return nil
        }
        return GraphReadings(nodes, stored)
    }

    /// Tables that modules of PyTorch keep, by their classes.
    private mutating func addTables(of module: SavedModule) {
        if ["torch.nn.modules.sparse.Embedding", "torch.nn.modules.sparse.EmbeddingBag"].contains(module.className) {
            let name = module.name.isEmpty ? "weight" : module.name + ".weight"
            if readings[name] == nil { readings[name] = Reading(entries: 0, isChosenBySamples: true) }
        }
        for child in module.children { addTables(of: child) }
    }

    /// - Parameters:
    ///   - stored: the tensors of the graph.
    ///   - learned: what the file says of them beside its notes on tensors.
    init(_ graph: ONNXGraph, _ stored: [ONNX.StoredTensor], _ learned: LearnedValues? = nil) {
        var search = ReadingSearch(stored)
        for node in graph.nodes { search.pass(node) }
        for entry in stored {
            places[entry.name] = search.places[entry.value]
            // A constant in the code of a frozen module may have been a parameter.
            let isFixed = entry.tensor.isFixed && !entry.name.hasPrefix("CONSTANTS.") || learned?[entry.value] == false
            if isFixed, !search.isWeight(entry.value) { buffers.insert(entry.name) }
            guard var reading = search.readings[entry.value] else { continue }
            if ONNX.isTransposed(entry.tensor.shape, entry.use) {
                // The checkpoint has the filters of one group as those of a convolution.
                reading.transposedGroups = nil
                reading.entries = reading.entries.map { 1 - $0 }
                reading.inputs = reading.inputs.map { 1 - $0 }
                reading.computedInputs = reading.computedInputs.map { 1 - $0 }
            }
            readings[entry.name] = reading
        }
    }
}

/// Follows the matrices of a graph to the operations that read them.
private struct ReadingSearch {
    /// By the names of values in the graph, and by the sides that they have there.
    private(set) var readings: [String: GraphReadings.Reading] = [:]
    /// The steps before that which is the first to read a tensor and makes no other form of it.
    private(set) var places: [String: Int] = [:]
    private var steps = 0
    /// Values that are a matrix or some of its rows, and whether its sides change places on the way.
    private var aliases: [String: (source: String, isTransposed: Bool)] = [:]
    /// Values that are computed of stored matrices alone, with these and whether their sides change places on the way.
    private var computed: [String: [String: Bool]] = [:]
    /// Values that are the same for all samples of one shape.
    private var fixed: Set<String> = [""]
    /// Those of them that are a single number.
    private var numbers: Set<String> = []
    /// Those of them that are lists of zeros, with which a tensor keeps its shape.
    private var sameShapes: Set<String> = []
    /// Values that are the filters of a convolution, by the tensors that they are.
    private var filters: [String: String] = [:]
    /// Filters of convolutions that go one way or the other: the first counts.
    private var convolved: Set<String> = []

    /// Whether an operation multiplies by a tensor as it is, looks entries up in it or takes filters from it.
    func isWeight(_ value: String) -> Bool {
        guard !convolved.contains(value), let reading = readings[value] else { return convolved.contains(value) }
        return reading.inputs != nil || reading.entries != nil || reading.isStack || reading.transposedGroups != nil
    }

    init(_ stored: [ONNX.StoredTensor]) {
        for entry in stored {
            fixed.insert(entry.value)
            if entry.tensor.shape.isEmpty { numbers.insert(entry.value) }
            if entry.tensor.shape.count == 2 { aliases[entry.value] = (entry.value, false) }
            if entry.tensor.shape.count > 2 { filters[entry.value] = entry.value }
        }
    }

    mutating func pass(_ node: ONNXGraph.Node) {
        var isFixed = node.inputs.allSatisfy(fixed.contains)
        switch node.operation {
        case "Constant": addConstant(node)
        case "Shape", "Size": isFixed = true
        case "If", "Loop", "Scan", "RandomNormal", "RandomUniform": isFixed = false
        case "Identity", "Cast": passOn(node, isTransposed: false)
        case "Transpose" where node.lists["perm"] ?? [1, 0] == [1, 0]: passOn(node, isTransposed: true)
        case "Reshape" where node.inputs.count == 2 && sameShapes.contains(node.inputs[1]): passOn(node, isTransposed: false)
        // Some rows, or the rows of each sample.
        case "Slice", "Unsqueeze", "Expand": passOn(node, isTransposed: false)
        case "Gather": readGather(node)
        case "Conv": readFilters(node, transposedGroups: nil)
        case "ConvTranspose": readFilters(node, transposedGroups: node.integers["group"] ?? 1)
        // Entries of three tables that are added: words, positions and types.
        case "EmbedLayerNormalization": for place in 2..<5 { readTable(node, place, isChosenBySamples: place != 3) }
        case "Gemm":
            readFactor(node, 1, inputs: node.integers["transB"] ?? 0 == 0 ? 0 : 1)
            readFactor(node, 0, inputs: node.integers["transA"] ?? 0 == 0 ? 1 : 0)
            readOther(node, from: 2)
        // The product of stored matrices is another matrix.
        case "MatMul" where isFixed: for input in node.inputs { readStack(input) }
        case "MatMul":
            readFactor(node, 1, inputs: 0)
            readFactor(node, 0, inputs: 1)
        case "Einsum": readEinsum(node)
        // A sum of stored numbers alone is another matrix, such as one with its change of low rank.
        case "Add" where !isFixed, "Sub" where !isFixed:
            for input in node.inputs {
                read(input) { reading, _ in reading.isAdded = true }
                if let source = filters[input], !convolved.contains(source) { readings[source, default: .init()].isAdded = true }
            }
        case "Mul" where !isFixed, "Div" where !isFixed, "PRelu" where !isFixed:
            for input in node.inputs { read(input) { reading, _ in reading.hasOtherReader = true } }
        case "LSTM", "GRU", "RNN":
            readOther(node, from: 0)
            // Biases, the states before the first step, and factors of a state.
            for (place, role) in [(3, LeftOut.bias), (5, .token), (6, .token), (7, .scale)] where node.inputs.count > place {
                let input = node.inputs[place]
                if let source = aliases[input]?.source ?? filters[input] { readings[source, default: .init()].recurrentRole = role }
            }
        default: readOther(node, from: 0)
        }
        steps += 1
        if !isFixed {
            for input in node.inputs {
                if let source = aliases[input]?.source ?? filters[input], places[source] == nil { places[source] = steps }
            }
        }
        guard isFixed else { return }
        for output in node.outputs { fixed.insert(output) }
        if Self.keepsSides.contains(node.operation) { followSides(node) }
    }

    /// Operations that leave the rows and the columns of what they read where they are: those of single elements, norms, products of matrices.
    private static let keepsSides: Set<String> = [
        "Abs", "Add", "Cast", "Clip", "Div", "Elu", "Erf", "Exp", "HardTanh", "Identity", "LayerNormalization", "LeakyRelu", "Log",
        "MatMul", "Max",
        "Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Softmax", "Softplus", "Sqrt", "Sub", "Tanh",
        "Transpose",
        "Trilu", "Where",
    ]

    /// Follows stored matrices into one that is computed of them; those that would have both sides on one are left out.
    private mutating func followSides(_ node: ONNXGraph.Node) {
        guard let output = node.outputs.first, aliases[output] == nil else { return }
        let turns = node.operation == "Transpose"
        guard !turns || node.lists["perm"] ?? [1, 0] == [1, 0] else { return }
        var sources: [String: Bool] = [:]
        var unclear: Set<String> = []
        for input in node.inputs {
            for (source, isTransposed) in aliases[input].map({ [$0.source: $0.isTransposed] }) ?? computed[input] ?? [:] {
                if let known = sources[source], known != (isTransposed != turns) { unclear.insert(source) }
                sources[source] = isTransposed != turns
            }
        }
        computed[output] = sources.filter { !unclear.contains($0.key) }
    }

    private mutating func addConstant(_ node: ONNXGraph.Node) {
        guard let output = node.outputs.first else { return }
        if node.integers["value_int"] != nil { numbers.insert(output) }
        if let list = node.lists["value_ints"], list.allSatisfy({ $0 == 0 }) { sameShapes.insert(output) }
        if let message = node.tensors["value"], let tensor = try? ONNXTensor(message), tensor.shape.isEmpty { numbers.insert(output) }
    }

    private mutating func passOn(_ node: ONNXGraph.Node, isTransposed: Bool) {
        guard let input = node.inputs.first, let output = node.outputs.first else { return }
        if let alias = aliases[input] { aliases[output] = (alias.source, alias.isTransposed != isTransposed) }
        if let source = filters[input], ["Identity", "Cast", "Reshape"].contains(node.operation) { filters[output] = source }
    }

    private mutating func readFilters(_ node: ONNXGraph.Node, transposedGroups: Int64?) {
        guard node.inputs.count > 1, let source = filters[node.inputs[1]], convolved.insert(source).inserted else { return }
        readings[source]?.isAdded = false
        guard let transposedGroups else { return }
        readings[source, default: .init()].transposedGroups = Int(exactly: transposedGroups)
    }

    private mutating func read(_ value: String, _ change: (inout GraphReadings.Reading, _ isTransposed: Bool) -> Void) {
        guard let alias = aliases[value] else { return }
        change(&readings[alias.source, default: .init()], alias.isTransposed)
    }

    private mutating func readStack(_ value: String) {
        if let source = filters[value], !convolved.contains(source) { readings[source, default: .init()].isStack = true }
    }

    private mutating func readFactor(_ node: ONNXGraph.Node, _ place: Int, inputs: Int) {
        guard node.inputs.count > place else { return }
        readStack(node.inputs[place])
        for (source, isTransposed) in computed[node.inputs[place]] ?? [:] where readings[source]?.computedInputs == nil {
            readings[source, default: .init()].computedInputs = isTransposed ? 1 - inputs : inputs
        }
        // The first of several products counts.
        read(node.inputs[place]) { reading, isTransposed in
            reading.inputs = reading.inputs ?? (isTransposed ? 1 - inputs : inputs)
        }
    }

    /// The side of a matrix that a sum of products runs over has its inputs, the side that is left its outputs.
    private mutating func readEinsum(_ node: ONNXGraph.Node) {
        guard let equation = EinsumEquation(node.equation), equation.factors.count == node.inputs.count else {
            return readOther(node, from: 0)
        }
        for (place, letters) in equation.factors.enumerated() {
            let summed = letters.indices.filter { !equation.output.contains(letters[$0]) }
            if letters.count > 2 || letters.count == 2 && summed.count == 1 {
                readFactor(node, place, inputs: summed.first ?? 0)
            } else {
                readOther(node.inputs[place])
            }
        }
    }

    private mutating func readOther(_ node: ONNXGraph.Node, from first: Int) {
        for input in node.inputs.dropFirst(first) { readOther(input) }
    }

    private mutating func readOther(_ value: String) {
        read(value) { reading, _ in (reading.hasOtherReader, reading.hasFurtherReader) = (true, true) }
    }

    private mutating func readTable(_ node: ONNXGraph.Node, _ place: Int, side: Int = 0, isChosenBySamples: Bool) {
        guard node.inputs.count > place else { return }
        read(node.inputs[place]) { reading, isTransposed in
            reading.entries = isTransposed ? 1 - side : side
            reading.isChosenBySamples = reading.isChosenBySamples || isChosenBySamples
        }
    }

    private mutating func readGather(_ node: ONNXGraph.Node) {
        guard node.inputs.count == 2 else { return }
        let axis = node.integers["axis"] ?? 0
        let side = axis < 0 ? axis + 2 : axis
        // A row or column that is always the same one is a vector, not an entry of a table.
        guard (0...1).contains(side), !numbers.contains(node.inputs[1]) else { return readOther(node, from: 0) }
        readTable(node, 0, side: Int(side), isChosenBySamples: !fixed.contains(node.inputs[1]))
    }
}
