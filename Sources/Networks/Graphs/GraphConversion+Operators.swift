import Checkpoints
import Text

/// One operator after the other: computed at once where its inputs are known, otherwise as operations of the network.
extension GraphConversion {
    /// Converts one operator and keeps its outputs.
    mutating func convert(_ index: Int) throws(Problem) {
        guard !done.contains(index) else { return }
        let node = model.nodes[index]
        do throws(Problem) {
            let outputs: [GraphValue]
            if let pool = writtenPools[index] {
                outputs = [try writtenPool(pool, node)]
            } else if let folded = try folded(node, index) {
                outputs = [folded]
            } else {
                outputs = try converted(index)
            }
            for (place, name) in node.outputs.enumerated() where !name.isEmpty {
                guard place < outputs.count else {
                    // An output that nothing reads need not be made.
                    if readers[name] != nil || model.outputs.first?.name == name {
                        throw Problem("only its first output is computed", found: "'\(name)' is read")
                    }
                    continue
                }
                values[name] = outputs[place]
            }
        } catch {
            // The state that it begins with is that of the samples of the export.
            if fixedSamples ?? 1 > 1, let layer = node.recurrentLayer {
                throw Problem(
                    "the export has written its steps out for a fixed number of samples, which is not run",
                    subject: "\(node.subject) of a layer that keeps a state (\(layer))",
                    hint: "an export whose number of samples is open may run")
            }
            throw error.about(node.subject)
        }
    }

    /// The output of an operator all of whose inputs are known; nil if it must run.
    private mutating func folded(_ node: ONNXModel.Node, _ index: Int) throws(Problem) -> GraphValue? {
        guard node.domain.isEmpty, node.outputs.count == 1 || node.operation == "Constant" else { return nil }
        if node.operation == "Constant" { return try constantValue(node) }
        let first = try value(node, 0)
        if node.operation == "Shape" || node.operation == "Size", let first {
            let numbers = first.shapes.map { shape in
                node.operation == "Shape"
                    ? GraphFolding.shape(of: shape, node) : GraphNumbers(Double(shape.reduce(1, *)))
            }
            return known(numbers, .int64, index)
        }
        // Of what a number is made like, the type alone counts.
        if node.operation == "CastLike", let first, let type = try value(node, 1)?.type,
            type == first.type || type == .float && first.type.isWhole,
            let numbers = numbers(first)
        {
            return known(numbers, type, index)
        }
        guard !node.inputs.isEmpty else { return nil }
        var inputs: [[GraphNumbers]?] = []
        var types: [ONNXModel.ElementType?] = []
        for place in node.inputs.indices {
            guard let value = try value(node, place) else {
                inputs.append(nil)
                types.append(nil)
                continue
            }
            // What replaces entries of a constant is one too, but what a model has learned is trained.
            let isConstant = node.operation == "ScatterND" && !(value.parameter.map(Self.mayBeLearned) ?? false)
            guard let numbers = numbers(value, isSetting: isConstant) else { return nil }
            inputs.append(numbers)
            types.append(value.type)
        }
        var type = types.first.flatMap { $0 } ?? .float
        switch node.operation {
        case "EyeLike": type = node.integer("dtype").flatMap(ONNXModel.ElementType.init(rawValue:)) ?? type
        case "Cast": type = node.integer("to").flatMap(ONNXModel.ElementType.init(rawValue:)) ?? type
        case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not": type = .bool
        case "Where": type = types[1] ?? type
        case "ConstantOfShape": if case .tensor(let constant)? = node.attributes["value"] { type = constant.type } else { type = .float }
        default: break
        }
        let count = inputs.contains { $0.map { $0.count > 1 } ?? false } ? probes.count : 1
        if count > 1 { boundPositions(node, inputs.compactMap { $0 }) }
        var results: [GraphNumbers] = []
        for probe in 0..<count {
            let read = inputs.map { $0.map { $0.count > 1 ? $0[probe] : $0[0] } }
            guard let result = try GraphFolding.output(of: node, read, types: types, version: version) else { return nil }
            try take(result.values.count)
            results.append(try GraphFolding.held(result, of: node, in: type))
        }
        return known(results, type, index)
    }

    /// The set of operators' version.
    var version: Int { model.versions[""] ?? 1 }

    func known(_ numbers: [GraphNumbers], _ type: ONNXModel.ElementType, _ index: Int) -> GraphValue {
        let isSame = numbers.allSatisfy { $0 == numbers[0] }
        let shapes = probes.indices.map { numbers.count == 1 ? numbers[0].shape : numbers[$0].shape }
        return GraphValue(source: .numbers(isSame ? [numbers[0]] : numbers), type: type, shapes: shapes, origin: index)
    }

    /// The outputs of an operator as nodes of the network.
    mutating func converted(_ index: Int) throws(Problem) -> [GraphValue] {
        let node = model.nodes[index]
        let key = node.domain.isEmpty ? node.operation : "\(node.domain).\(node.operation)"
        guard node.domain.isEmpty || Self.operators[key] != nil else {
            throw Problem("is of a set of operators that is not run", expected: "ONNX's own", found: "'\(node.domain)'")
        }
        guard let convert = Self.operators[key] else {
            throw GraphFolding.constantsAlone.contains(node.operation) ? constantProblem(node) : Self.refusal(node)
        }
        do {
            return try convert(&self, index, node)
        } catch {
            throw Problem(error)
        }
    }

    typealias Operator = @Sendable (inout GraphConversion, Int, ONNXModel.Node) throws -> [GraphValue]

    /// The operators that run, by name.
    static let operators: [String: Operator] = layers.merging(elementwise) { $1 }.merging(shaping) { $1 }.merging(reducing) { $1 }

    /// Operators that run others again and again.
    static let loops: Set<String> = ["LSTM", "GRU", "RNN", "Loop", "Scan"]

    /// That an operator is not run, and why.
    static func refusal(_ node: ONNXModel.Node) -> Problem {
        Problem("the operator is not run" + (refusals[node.operation].map { ": \($0)" } ?? ""), subject: node.subject)
    }

    /// Why some do not.
    private static let refusals = [
        "If": "a graph with branches", "Loop": "a graph with loops", "Scan": "a graph with loops",
        "LSTM": "a layer that keeps a state", "GRU": "a layer that keeps a state", "RNN": "a layer that keeps a state",
        "QuantizeLinear": "the model is quantised", "DequantizeLinear": "the model is quantised",
        "DynamicQuantizeLinear": "the model is quantised", "MatMulInteger": "the model is quantised",
        "ConvInteger": "the model is quantised", "QLinearConv": "the model is quantised", "QLinearMatMul": "the model is quantised",
        "TopK": "it orders numbers by their size while the model runs", "SequenceEmpty": "a graph with loops",
        "SequenceInsert": "a graph with loops", "ConcatFromSequence": "a graph with loops",
        "NonZero": "the size of its output depends on the data", "NonMaxSuppression": "the size of its output depends on the data",
        "Unique": "the size of its output depends on the data", "RandomNormal": "it is random",
        "RandomNormalLike": "it is random", "RandomUniform": "it is random", "RandomUniformLike": "it is random",
    ]
}
