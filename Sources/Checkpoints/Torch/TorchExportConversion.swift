import Archives
import Text

/// Writes the operations of an exported program as a graph of ONNX, which is run like that of an ONNX file.
struct TorchExportConversion {
    typealias Node = TorchExportGraph.Node
    typealias Argument = TorchExportGraph.Argument
    typealias Symbol = TorchExportGraph.Symbol

    let program: TorchExportGraph
    var writer = ONNXGraphWriter()
    /// The values of the graph by the program's names of tensors and of whole numbers.
    var values: [String: String] = [:]
    /// Those of them that are stored matrices.
    private var matrices: Set<String> = []
    /// The operation that makes each tensor.
    let makers: [String: Node]
    /// The tensors and whole numbers that depend on the samples.
    let sampled: Set<String>
    let uses: TorchExportUses

    /// The graph of a program.
    ///
    /// - Throws: ``Problem`` that names the first operation that has no counterpart.
    static func graph(of program: TorchExportGraph, tensors: [TensorRecord]) throws(Problem) -> ByteRegion {
        var conversion = TorchExportConversion(program: program)
        return try conversion.run(tensors)
    }

    private init(program: TorchExportGraph) {
        self.program = program
        var makers: [String: Node] = [:]
        for node in program.nodes { for output in node.outputs where makers[output] == nil { makers[output] = node } }
        self.makers = makers
        var sampled = Set(program.userInputs)
        for node in program.nodes where node.inputs.contains(where: { !sampled.isDisjoint(with: $0.value.names) }) {
            sampled.formUnion(node.outputs)
        }
        self.sampled = sampled
        uses = TorchExportUses(program)
    }

    mutating func run(_ tensors: [TensorRecord]) throws(Problem) -> ByteRegion {
        let read = Set(program.nodes.flatMap { node in node.inputs.flatMap { $0.value.names } })
        let records = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var declared: Set<String> = []
        let ties = TiedTensors(tensors.tied)
        for (name, own) in program.parameters.sorted(by: { $0.key < $1.key }) where read.contains(name) {
            let tensor = ties.first(own)
            guard let record = records[tensor] else {
                throw Problem("is missing", subject: "tensor '\(tensor)'", expected: "the program's tensors")
            }
            if declared.insert(tensor).inserted {
                try writer.declare(tensor: record, isFixed: program.fixed.contains(name), isKept: program.kept.contains(name))
            }
            // Numbers of other precision are computed with in single precision.
            let value = TorchType.isOtherFloat(writer.type(of: tensor)) ? writer.cast(tensor, to: .float) : tensor
            values[name] = value
            if record.shape.count == 2 { matrices.insert(value) }
        }
        for input in program.userInputs {
            guard let shape = program.shapes[input] else { throw Problem("has no shape", subject: "input '\(input)'") }
            let name = writer.unused(input)
            values[input] = name
            let lengths = shape.count == 2 && shape[1] == nil ? program.lengths[input] : nil
            writer.declare(input: name, type: try declaredType(input), shape: shape, lengths: lengths ?? SequenceLengths())
        }
        var aliases = TensorAliases()
        for given in program.nodes {
            do throws(Problem) {
                let node = try plainer(given)
                try aliases.check(node)
                writer.note = given.recurrentLayer.map { ONNXModel.Node.layerNote + $0 }
                try convert(node)
                try checkThatAllIsRead(node)
                try aliases.follow(node, parameters: program.parameters, written: written(by: node))
            } catch {
                let named = error.subject == nil ? error.about("operation '\(given.target)'") : error
                throw given.outputs.first.flatMap { program.places[$0] }.map { named.within($0) } ?? named
            }
        }
        if let buffer = program.changed.first {
            throw Problem("the program changes it whenever it runs, which is not run", subject: "tensor '\(buffer)'")
        }
        try declareOutputs { output throws(Problem) in try aliases.check(output) }
        return writer.model
    }

    // MARK: Arguments

    func rank(_ tensor: String) throws(Problem) -> Int {
        guard let shape = program.shapes[tensor] else { throw Problem("reads a tensor without a shape", found: "'\(tensor)'") }
        return shape.count
    }

    func tensor(_ node: Node, _ name: String) throws(Problem) -> String {
        guard let tensor = node[name]?.tensor else { throw Problem("has no tensor '\(name)'") }
        return tensor
    }

    func value(_ node: Node, _ name: String) throws(Problem) -> String {
        let tensor = try tensor(node, name)
        guard let value = values[tensor] else { throw Problem("reads what nothing makes", found: "'\(tensor)'") }
        return value
    }

    /// The value of a tensor that a product, or what turns it round, reads as it is stored.
    mutating func factor(_ node: Node, _ name: String) throws(Problem) -> String {
        let value = try value(node, name)
        return matrices.contains(value) ? writer.factor(value) : value
    }

    /// The value of a tensor that may be left out; empty if it is.
    func optional(_ node: Node, _ name: String) throws(Problem) -> String {
        node[name]?.tensor == nil ? "" : try value(node, name)
    }

    func integer(_ node: Node, _ name: String, _ standard: Int? = nil) throws(Problem) -> Int {
        guard let argument = node[name], !argument.isNone else {
            guard let standard else { throw Problem("has no setting '\(name)'") }
            return standard
        }
        guard case .integer(let number)? = argument.setting else { throw Problem("has a setting '\(name)' that is not fixed") }
        return number
    }

    func integers(_ node: Node, _ name: String, _ standard: [Int]? = nil) throws(Problem) -> [Int] {
        guard let argument = node[name], !argument.isNone else {
            guard let standard else { throw Problem("has no setting '\(name)'") }
            return standard
        }
        switch argument.setting {
        case .integers(let numbers)?: return numbers
        case .integer(let number)?: return [number]
        default: throw Problem("has a setting '\(name)' that is not fixed")
        }
    }

    func real(_ node: Node, _ name: String, _ standard: Double) -> Double {
        switch node[name]?.setting {
        case .real(let number)?: return number
        case .integer(let number)?: return Double(number)
        default:
            if let argument = node[name], !argument.isNone { node.reads.unread.insert(name) }
            return standard
        }
    }

    func flag(_ node: Node, _ name: String, _ standard: Bool = false) -> Bool {
        if case .boolean(let flag)? = node[name]?.setting { return flag }
        if let argument = node[name], !argument.isNone { node.reads.unread.insert(name) }
        return standard
    }

    /// A dimension, counted from the first.
    func axis(_ node: Node, _ name: String, of tensor: String, _ standard: Int? = nil, extra: Int = 0) throws(Problem) -> Int {
        let (axis, rank) = (try integer(node, name, standard), try rank(tensor) + extra)
        guard (-rank..<max(rank, 1)).contains(axis) else { throw Problem("has no such dimension", found: "\(axis) of \(rank)") }
        return axis < 0 ? axis + rank : axis
    }

    /// Whole numbers, some of which may be computed, as a value.
    mutating func shape(_ symbols: [Symbol]) throws(Problem) -> String {
        var fixed: [Int] = []
        for case .number(let number) in symbols { fixed.append(number) }
        if fixed.count == symbols.count { return writer.constant(fixed) }
        let zero = writer.constant([0])
        var parts: [String] = []
        for symbol in symbols {
            switch symbol {
            case .number(let number): parts.append(writer.constant([number]))
            case .name(let name):
                guard let value = values[name] else { throw Problem("reads a length that nothing makes", found: "'\(name)'") }
                parts.append(writer.add("Unsqueeze", [value, zero]))
            }
        }
        return writer.add("Concat", parts, [("axis", .integer(0))])
    }

    func symbols(_ node: Node, _ name: String) throws(Problem) -> [Symbol] {
        guard let symbols = node[name]?.symbols else { throw Problem("has no setting '\(name)'") }
        return symbols
    }

    /// A whole number, which may be computed.
    mutating func length(_ node: Node, _ name: String, _ standard: Int? = nil) throws(Problem) -> String {
        guard let argument = node[name], !argument.isNone else {
            guard let standard else { throw Problem("has no operand '\(name)'") }
            return writer.constant(standard)
        }
        switch argument.symbols?.first {
        case .number(let number)?: return writer.constant(number)
        case .name(let name)?:
            guard let value = values[name] else { throw Problem("reads a length that nothing makes", found: "'\(name)'") }
            return value
        case nil: throw Problem("has an operand '\(name)' that is no whole number")
        }
    }

    // MARK: Operations

    mutating func convert(_ node: Node) throws(Problem) {
        let isAsserted = node.name.hasPrefix("_assert") || !uses.asserted.isDisjoint(with: node.outputs)
        if node.outputs.isEmpty || isAsserted || node.name.hasPrefix("sym_constrain") {
            node.reads.names.formUnion(node.inputs.map(\.name))
            return
        }
        if try convertSeveral(node) { return }
        guard let name = node.outputs.first else { return }
        var number = try calculated(node, name)
        if number == nil { number = try wholeNumber(node) }
        if let number {
            values[name] = number
            return
        }
        let result: String
        switch node.name {
        case "relu", "tanh", "sigmoid", "exp", "log", "sqrt", "neg", "abs", "erf", "sin", "cos", "reciprocal", "mish", "selu", "softsign",
            "hardswish", "sign", "floor", "ceil", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh":
            result = try elementwise(node, name)
        case "silu":
            let x = try value(node, "self")
            result = add(name, "Mul", [x, writer.add("Sigmoid", [x])])
        case "rsqrt": result = add(name, "Reciprocal", [writer.add("Sqrt", [try valueAsOutput(node)])])
        case "hardsigmoid":
            result = add(name, "HardSigmoid", [try value(node, "self")], [("alpha", .real(1 / 6)), ("beta", .real(0.5))])
        case "gelu":
            var kind = "none"
            if case .text(let text)? = node["approximate"]?.setting { kind = text }
            result = add(name, "Gelu", [try value(node, "self")], [("approximate", .text(kind))])
        case "leaky_relu":
            result = add(name, "LeakyRelu", [try value(node, "self")], [("alpha", .real(Float(real(node, "negative_slope", 0.01))))])
        case "elu", "celu":
            result = try exponentialUnit(node, name)
        case "softplus":
            let beta = real(node, "beta", 1)
            guard beta > 0 else { throw Problem("has a setting that is not run", expected: "a beta above 0", found: "\(beta)") }
            let last = writer.softplus(try value(node, "self"), beta: beta, threshold: real(node, "threshold", 20))
            result = add(name, last.operation, last.inputs)
        case "relu6", "hardtanh", "clamp":
            if node["min"]?.tensor != nil || node["max"]?.tensor != nil {
                result = try clamped(node, name)
                break
            }
            let isSix = node.name == "relu6", isTanh = node.name == "hardtanh"
            let low = real(node, isTanh ? "min_val" : "min", isSix ? 0 : isTanh ? -1 : -.infinity)
            let high = real(node, isTanh ? "max_val" : "max", isSix ? 6 : isTanh ? 1 : .infinity)
            let element = try outputType(node).element
            let bounds = [low, high].map { $0.isFinite ? writer.constant($0, as: element) : "" }
            result = add(name, "Clip", [try valueAsOutput(node)] + bounds)
        case "matmul", "bmm", "mm":
            result = add(name, "MatMul", [try factor(node, "self"), try factor(node, node["mat2"] == nil ? "other" : "mat2")])
        case "linear": result = try linear(node, name)
        case "addmm":
            result = add(
                name, "Gemm", [try factor(node, "mat1"), try factor(node, "mat2"), try value(node, "self")],
                [("alpha", .real(Float(real(node, "alpha", 1)))), ("beta", .real(Float(real(node, "beta", 1))))])
        case "conv2d", "conv1d", "convolution": result = try convolution(node, name)
        case "batch_norm", "_native_batch_norm_legit_no_training": result = try batchNorm(node, name)
        case "layer_norm", "native_layer_norm": result = try layerNorm(node, name)
        case "max_pool2d", "max_pool2d_with_indices", "avg_pool2d", "max_pool1d", "avg_pool1d": result = try pool(node, name)
        case "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool1d": result = try adaptivePool(node, name)
        case "softmax", "_softmax", "log_softmax", "_log_softmax":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            result = add(
                name, node.name.contains("log") ? "LogSoftmax" : "Softmax", [try valueAsOutput(node)], [("axis", .integer(axis))])
        case "scaled_dot_product_attention": result = try attention(node, name)
        case "embedding":
            // PyTorch's functions count from the first entry; -1 is none.
            let padding = try integer(node, "padding_idx", -1)
            result = writer.entries(
                try value(node, "weight"), try value(node, "indices"), padding: padding < 0 ? nil : padding, output: writer.unused(name))
        case "cat":
            var parts: [String] = []
            // An empty list, as a cache of keys begins with, goes with tensors of any shape.
            let tensors = node["tensors"]?.tensors ?? []
            let joined = tensors.filter { program.shapes[$0] != [0] }
            for part in joined.isEmpty ? tensors : joined {
                guard let value = values[part] else { throw Problem("reads what nothing makes", found: "'\(part)'") }
                parts.append(writer.cast(value, to: try outputType(node).element))
            }
            guard let first = joined.first ?? tensors.first else { throw Problem("joins nothing") }
            result = add(name, "Concat", parts, [("axis", .integer(try axis(node, "dim", of: first, 0)))])
        case "mean", "sum", "amax", "amin", "prod":
            let dims = try reducedDimensions(node)
            let operations = ["mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "amin": "ReduceMin", "prod": "ReduceProd"]
            let type = try outputType(node)
            let read = writer.cast(try value(node, "self"), to: Self.wide(type).element)
            let made = add(
                name, operations[node.name] ?? "", [read, writer.constant(dims)], [("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
            result = writer.cast(made, to: type.element)
        case "dropout", "feature_dropout", "alpha_dropout":
            let share = real(node, "p", 0.5)
            guard !flag(node, "train") || share == 0 else {
                throw Problem("drops numbers at random", expected: "a model in evaluation mode, as after model.eval()")
            }
            // Where it writes into its input, that is called otherwise.
            result = try value(node, node["input"] == nil ? "self" : "input")
        case "contiguous", "clone", "alias", "lift_fresh_copy", "lift_fresh", "identity": result = try value(node, "self")
        case "detach":
            let x = try value(node, "self")
            // Whole numbers have no gradient.
            let isWhole = program.wholeNumbers.contains(try tensor(node, "self"))
            result = isWhole ? x : writer.detached(x, output: writer.unused(name))
        case "index", "index_select", "_unsafe_index": result = try entries(node, name)
        case "_to_copy", "to", "type_as":
            // The type shows in the output.
            node.reads.names.formUnion(["dtype", "other"])
            result = try cast(node)
        case "sym_size":
            let shape = writer.add("Shape", [try value(node, "self")])
            result = writer.add("Gather", [shape, writer.constant(try integer(node, "dim"))], [("axis", .integer(0))])
        default:
            if let replaced = try replaced(node, name) {
                result = replaced
            } else if let looked = try lookedUp(node, name) {
                result = looked
            } else if let windowed = try windowed(node, name) {
                result = windowed
            } else if let shaped = try reshaped(node, name) {
                result = shaped
            } else if let written = try written(node, name) {
                result = written
            } else if let made = try diagonalOrMarks(node, name) {
                result = made
            } else if let further = try further(node, name) {
                result = further
            } else {
                var problem = Self.refusal(node.name)
                if program.places.isEmpty, Self.recurrentLayers.contains(node.name) {
                    problem.hint =
                        "a program saved after run_decompositions() has its steps written out, and they run if the number of samples is open"
                }
                throw problem
            }
        }
        values[name] = result
    }

    private static let recurrentLayers: Set<String> = ["lstm", "gru", "rnn_tanh", "rnn_relu"]

    /// That an operation is not run, and why.
    static func refusal(_ operation: String) -> Problem {
        let reason =
            switch operation {
            case let layer where recurrentLayers.contains(layer): ": a layer that keeps a state"
            case "topk", "sort", "argsort", "kthvalue", "median": ": it orders numbers by their size while the model runs"
            default: ""
            }
        return Problem("is not run" + reason)
    }

    mutating func add(
        _ name: String, _ operation: String, _ inputs: [String], _ attributes: [(String, ONNXGraphWriter.Attribute)] = []
    ) -> String { writer.add(operation, inputs, attributes, output: writer.unused(name)) }

    /// ELU, CELU, and SELU as run_decompositions() writes it: an ELU times a number.
    private mutating func exponentialUnit(_ node: Node, _ name: String) throws(Problem) -> String {
        let (alpha, scale, inner) = (real(node, "alpha", 1), real(node, "scale", 1), real(node, "input_scale", 1))
        guard inner == 1 else { throw Problem("has a setting that is not run", expected: "input_scale 1", found: "\(inner)") }
        var settings: [(String, ONNXGraphWriter.Attribute)] = [("alpha", .real(Float(alpha)))]
        if scale != 1 { settings.append(("gamma", .real(Float(scale)))) }
        return add(name, node.name == "celu" ? "Celu" : scale == 1 ? "Elu" : "Selu", [try value(node, "self")], settings)
    }

    mutating func linear(_ node: Node, _ name: String) throws(Problem) -> String {
        let (x, weight, bias) = (try value(node, "input"), try value(node, "weight"), try optional(node, "bias"))
        if try rank(tensor(node, "input")) == 2 {
            return add(name, "Gemm", [x, weight] + (bias.isEmpty ? [] : [bias]), [("transB", .integer(1))])
        }
        let turned = writer.add("Transpose", [weight], [("perm", .integers([1, 0]))])
        if bias.isEmpty { return add(name, "MatMul", [x, turned]) }
        return add(name, "Add", [writer.add("MatMul", [x, turned], output: writer.unused(name + ".product")), bias])
    }

    mutating func batchNorm(_ node: Node, _ name: String) throws(Problem) -> String {
        guard !flag(node, "training") else {
            throw Problem("measures its batch", expected: "a model in evaluation mode, as after model.eval()")
        }
        let inputs = [
            try value(node, "input"), try channels(node, "weight", 1), try channels(node, "bias", 0), try value(node, "running_mean"),
            try value(node, "running_var"),
        ]
        return add(
            name, "BatchNormalization", inputs,
            [("epsilon", .real(Float(real(node, "eps", 1e-5)))), ("momentum", .real(1 - Float(real(node, "momentum", 0.1))))])
    }

    mutating func layerNorm(_ node: Node, _ name: String) throws(Problem) -> String {
        let count = try integers(node, "normalized_shape").count
        let (x, weight, bias) = (try value(node, "input"), try optional(node, "weight"), try optional(node, "bias"))
        let epsilon = Float(real(node, "eps", 1e-5))
        guard !weight.isEmpty else {
            guard !bias.isEmpty else { return writer.normalized(x, over: count, epsilon: epsilon, output: writer.unused(name)) }
            let even = writer.normalized(x, over: count, epsilon: epsilon, output: writer.unused(name + ".normalized"))
            return add(name, "Add", [even, bias])
        }
        return add(
            name, "LayerNormalization", [x, weight] + (bias.isEmpty ? [] : [bias]),
            [("axis", .integer(-count)), ("epsilon", .real(epsilon))])
    }
}
