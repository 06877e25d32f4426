import Checkpoints
import Tensors
import Text

extension GraphConversion {
    /// Operators of single elements.
    static let elementwise: [String: Operator] = {
        var operators: [String: Operator] = [:]
        let pairs: [String: Arithmetic.Function] = [
            "Add": .add, "Sub": .subtract, "Mul": .multiply, "Div": .divide, "Pow": .power, "Min": .minimum, "Max": .maximum,
            "Equal": .equal, "Less": .less, "LessOrEqual": .lessOrEqual, "Greater": .greater, "GreaterOrEqual": .greaterOrEqual,
            "And": .and, "Or": .or, "Xor": .exclusiveOr, "Sum": .add,
        ]
        for (name, function) in pairs {
            operators[name] = { conversion, _, node in [try conversion.arithmetic(node, function)] }
        }
        operators["Mod"] = { conversion, _, node in
            try node.checkAttributes("fmod")
            return [try conversion.arithmetic(node, node.integer("fmod") == 1 ? .remainder : .modulo)]
        }
        operators["Mean"] = { conversion, _, node in
            let sum = try conversion.arithmetic(node, .add)
            return [try conversion.add(conversion.site(node, "mean"), Scaling(1 / Float(node.inputs.count)), [sum.site!])]
        }
        let kernels: [String: ActivationFunction] = ["Relu": .relu, "Tanh": .tanh, "Sigmoid": .sigmoid]
        for (name, function) in kernels { operators[name] = curve { _, _ in Activation(function) } }
        let curves: [String: ElementCurve.Function] = [
            "Neg": .negative, "Abs": .absolute, "Reciprocal": .reciprocal, "Sqrt": .squareRoot, "Exp": .exponential, "Log": .logarithm,
            "Erf": .error, "Sin": .sine, "Cos": .cosine, "Tan": .tangent, "Asin": .arcSine, "Acos": .arcCosine, "Atan": .arcTangent,
            "Sinh": .hyperbolicSine, "Cosh": .hyperbolicCosine, "Asinh": .areaSine, "Acosh": .areaCosine, "Atanh": .areaTangent,
            "Sign": .sign, "Floor": .floor, "Ceil": .ceiling, "Round": .round, "Not": .not,
            "IsNaN": .isNaN,
            // Operators of TensorFlow, which tf2onnx leaves in the file.
            "Erfc": .complementaryError, "Expm1": .exponentialLessOne,
        ]
        for (name, function) in curves {
            operators[name] = curve(type: name == "Not" || name == "IsNaN" ? .bool : nil) { _, node in
                ElementCurve(function, name: name.lowercased())
            }
        }
        operators["Softplus"] = curve { _, _ in Activation(.softplus(beta: 1, threshold: 1e9), name: "softplus") }
        operators["Softsign"] = curve { _, _ in Activation(.softsign, name: "softsign") }
        operators["Mish"] = curve { _, _ in Activation(.mish, name: "mish") }
        operators["HardSwish"] = curve { _, _ in Activation(.hardswish, name: "hardswish") }
        operators["LeakyRelu"] = curve("alpha") { _, node in
            Activation(.leakyReLU(slope: node.real("alpha") ?? Double(Float(0.01))), name: "leaky_relu")
        }
        operators["Elu"] = curve("alpha") { _, node in Activation(.elu(alpha: node.real("alpha") ?? 1), name: "elu") }
        operators["Celu"] = curve("alpha") { _, node in Activation(.celu(alpha: node.real("alpha") ?? 1), name: "celu") }
        operators["Selu"] = curve("alpha", "gamma") { _, node in
            ElementCurve(
                .scaledExponential(alpha: Float(node.real("alpha") ?? 1.673_263_2), gamma: Float(node.real("gamma") ?? 1.050_701)),
                name: "selu")
        }
        operators["HardSigmoid"] = curve("alpha", "beta") { _, node in
            ElementCurve(
                .hardSigmoid(alpha: Float(node.real("alpha") ?? 0.2), beta: Float(node.real("beta") ?? 0.5)), name: "hardsigmoid")
        }
        operators["ThresholdedRelu"] = curve("alpha") { _, node in
            ElementCurve(.threshold(alpha: Float(node.real("alpha") ?? 1)), name: "thresholded_relu")
        }
        operators["Shrink"] = curve("bias", "lambd") { _, node in
            ElementCurve(.shrink(bias: Float(node.real("bias") ?? 0), lambda: Float(node.real("lambd") ?? 0.5)), name: "shrink")
        }
        operators["Swish"] = curve("alpha") { _, node in
            let alpha = Float(node.real("alpha") ?? 1)
            return alpha == 1 ? Activation(.silu) as any Operation : ElementCurve(.scaledLogistic(alpha: alpha), name: "swish")
        }
        operators["Gelu"] = curve("approximate") { _, node in
            switch node.text("approximate") ?? "none" {
            case "none": return Activation(.gelu)
            case "tanh": return Activation(.geluTanh)
            case let other: throw Problem("has an unknown approximation", expected: "none or tanh", found: "'\(other)'")
            }
        }
        operators["Clip"] = { conversion, _, node in
            try node.checkAttributes("min", "max")
            let low = try conversion.setting(node, 1, "lower bound")?.values.first ?? node.real("min") ?? -.infinity
            let high = try conversion.setting(node, 2, "upper bound")?.values.first ?? node.real("max") ?? .infinity
            return [try conversion.apply(ElementCurve(.clip(low: Float(low), high: Float(high)), name: "clip"), node)]
        }
        operators["PRelu"] = { conversion, _, node in
            // The positive part, and the slope times the negative one.
            let input = try conversion.required(node, 0)
            let site = try conversion.site(of: input, for: conversion.site(node))
            let above = try conversion.add(conversion.site(node, "above"), Activation(.relu), [site])
            let below = try conversion.add(
                conversion.site(node, "below"), ElementCurve(.clip(low: -.infinity, high: 0), name: "clip"), [site])
            let scaled = try conversion.arithmetic(
                conversion.site(node, "scaled"), .multiply, below, try conversion.required(node, 1))
            return [try conversion.add(conversion.site(node), Sum(), [above.site!, scaled.site!])]
        }
        for name in ["Identity", "Dropout"] {
            operators[name] = { conversion, _, node in
                if node.operation == "Dropout", let mode = try conversion.setting(node, 2, "mode of training"), mode.values.first != 0 {
                    throw Problem("drops numbers at random")
                }
                // The same value by another name.
                let input = try conversion.required(node, 0)
                guard node.isDetached, !input.type.isWhole, conversion.numbers(input) == nil else { return [input] }
                return [try conversion.apply(Detachment(), node)]
            }
        }
        operators["Cast"] = { conversion, _, node in [try conversion.cast(node)] }
        operators["CastLike"] = { conversion, _, node in
            try node.checkAttributes("saturate", "round_mode")
            let like = try conversion.required(node, 1).type
            return [try conversion.cast(node, to: like)]
        }
        operators["Where"] = { conversion, _, node in
            try node.checkAttributes()
            var read: [GraphValue] = []
            for place in 0..<3 { read.append(try conversion.required(node, place)) }
            if let chosen = conversion.chosen(read[0], read[1], read[2]) { return [chosen] }
            var sites: [String] = []
            for (place, value) in read.enumerated() {
                let value = conversion.onceForAll(value, beside: read)
                sites.append(try conversion.site(of: value, for: conversion.site(node, "\(place)")))
            }
            return [try conversion.add(conversion.site(node), Where(), sites, type: try conversion.required(node, 1).type)]
        }
        operators["Softmax"] = { conversion, _, node in [try conversion.softmax(node)] }
        operators["LogSoftmax"] = { conversion, _, node in [try conversion.logSoftmax(node)] }
        return operators
    }()

    /// An operator of one input that becomes one operation.
    ///
    /// - Parameters:
    ///   - attributes: the settings that `make` follows; others are refused.
    ///   - type: of the output; that of the input if nil.
    private static func curve(
        _ attributes: String..., type: ONNXModel.ElementType? = nil,
        make: @escaping @Sendable (inout GraphConversion, ONNXModel.Node) throws -> any Operation
    ) -> Operator {
        { conversion, _, node in
            if let other = node.attributes.keys.filter({ !attributes.contains($0) }).min() {
                throw Problem("the setting '\(other)' is not known")
            }
            return [try conversion.apply(try make(&conversion, node), node, type: type)]
        }
    }

    /// One operation on an operator's first input.
    mutating func apply(
        _ operation: any Operation, _ node: ONNXModel.Node, _ part: String = "", type: ONNXModel.ElementType? = nil
    ) throws(Problem) -> GraphValue {
        let input = try required(node, 0)
        return try add(site(node, part), operation, [try site(of: input, for: site(node))], type: type ?? input.type)
    }

    private mutating func cast(_ node: ONNXModel.Node, to like: ONNXModel.ElementType? = nil) throws(Problem) -> GraphValue {
        let type: ONNXModel.ElementType
        if let like {
            type = like
        } else {
            try node.checkAttributes("to", "saturate", "round_mode")
            guard let to = node.integer("to").flatMap(ONNXModel.ElementType.init(rawValue:)) else {
                throw Problem("is cast to a type that is not known")
            }
            type = to
        }
        let input = try required(node, 0)
        switch type {
        case .string, .complex64, .complex128, .undefined: throw Problem("is cast to a type that is not run", found: "\(type)")
        case .bool:
            return input.type == .bool ? input : try apply(ElementCurve(.truth, name: "truth"), node, type: .bool)
        default:
            if type.isWhole, !input.type.isWhole { return try apply(ElementCurve(.truncate, name: "truncate"), node, type: type) }
            if case .parameter(let stored) = input.source, stored.type.isWhole == type.isWhole { return input }
            // Numbers of a model that is stored in half precision stay as they are.
            if type == .float16 || type == .bfloat16, input.type == .float || input.type == .double {
                let curve =
                    type == .float16 ? ElementCurve(.halfPrecision, name: "float16") : ElementCurve(.brainPrecision, name: "bfloat16")
                return try apply(curve, node, type: type)
            }
            guard let site = input.site else { return try apply(Identity(name: "identity"), node, type: type) }
            return GraphValue(source: .node(site), type: type, shapes: input.shapes)
        }
    }

    /// The numbers of an operator's inputs combined from the first to the last.
    private mutating func arithmetic(_ node: ONNXModel.Node, _ function: Arithmetic.Function) throws(Problem) -> GraphValue {
        if function != .modulo, function != .remainder { try node.checkAttributes() }
        var result = try required(node, 0)
        guard node.inputs.count > 1 else { return try apply(Identity(name: "identity"), node) }
        for place in 1..<node.inputs.count {
            let part = place + 1 < node.inputs.count ? "\(place)" : ""
            result = try arithmetic(site(node, part), function, result, try required(node, place))
        }
        return result
    }

    /// Two values combined element by element, by the plainest operation that does it.
    mutating func arithmetic(
        _ name: String, _ function: Arithmetic.Function, _ a: GraphValue, _ b: GraphValue
    ) throws(Problem) -> GraphValue {
        let (a, b) = (onceForAll(a, beside: [b]), onceForAll(b, beside: [a]))
        if function == .equal { boundTokens(a, b) }
        if let known = try comparedWithZero(function, a, b) { return known }
        if let known = try unchanged(function, a, b) { return known }
        let function = function == .divide && a.type.isWhole ? .quotient : function
        let numbers: [Arithmetic.Function] = [
            .add, .subtract, .multiply, .divide, .power, .minimum, .maximum, .modulo, .remainder, .quotient,
        ]
        let type = numbers.contains(function) ? a.type : .bool
        // By a constant.
        if let site = a.site, let factor = single(b, with: a) {
            switch function {
            case .multiply: return try add(name, Scaling(Float(factor)), [site], type: type)
            case .divide: return try add(name, Scaling(Float(1 / factor)), [site], type: type)
            case .add: return try add(name, ElementCurve(.shift(Float(factor)), name: "add"), [site], type: type)
            case .subtract: return try add(name, ElementCurve(.shift(-Float(factor)), name: "subtract"), [site], type: type)
            case .power: return try add(name, ElementCurve(.power(Float(factor)), name: "power"), [site], type: type)
            default: break
            }
        }
        if let site = b.site, let factor = single(a, with: b) {
            if function == .multiply { return try add(name, Scaling(Float(factor)), [site], type: type) }
            if function == .add { return try add(name, ElementCurve(.shift(Float(factor)), name: "add"), [site], type: type) }
        }
        switch (a.site, weight(a), b.site, weight(b)) {
        case (let site?, _, _, let parameter?):
            return try add(name, Arithmetic(function), [site], parameters: [parameter], type: type)
        case (_, let parameter?, let site?, _):
            return try add(name, Arithmetic(function, parameterFirst: true), [site], parameters: [parameter], type: type)
        default: break
        }
        let (first, second) = (try site(of: a, for: name), try site(of: b, for: name))
        if a.shapes == b.shapes, function == .add { return try add(name, Sum(), [first, second], type: type) }
        if a.shapes == b.shapes, function == .multiply, first != second {
            return try add(name, GatedProduct(), [first, second], type: type)
        }
        return try add(name, Arithmetic(function), [first, second], type: type)
    }

    /// A stored tensor of numbers that are learned, as a parameter.
    private func weight(_ value: GraphValue) -> NetworkGraph.Parameter? {
        guard let stored = value.parameter, !stored.type.isWhole, numbers(value) == nil else { return nil }
        return parameter(stored)
    }

    /// The number of a value that has only one and leaves the shape of the other as it is.
    private func single(_ value: GraphValue, with other: GraphValue) -> Double? {
        guard let numbers = numbers(value), numbers.count == 1, numbers[0].values.count == 1, other.type.isWhole == false,
            numbers[0].shape.count <= other.shapes[0].count
        else { return nil }
        return numbers[0].values[0]
    }

    private mutating func softmax(_ node: ONNXModel.Node, _ part: String = "") throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? (version >= 13 ? -1 : 1), rank), rank > 0 else {
            throw Problem("has no such dimension", expected: "one of \(rank)", found: "\(node.integer("axis") ?? -1)")
        }
        let site = try site(of: input, for: site(node))
        if version < 13, axis != rank - 1 {
            // All dimensions from this one on are one.
            guard let flat = template(input.shapes.map { [$0[..<axis].reduce(1, *), $0[axis...].reduce(1, *)] }, input: input.shapes),
                let back = template(input.shapes, input: nil)
            else { throw Problem("the shape depends on the batch in a way that is not followed") }
            let rows = try add(self.site(node, "rows"), Reshape(flat), [site])
            let shares = try add(self.site(node, "rows.softmax"), Softmax(), [rows.site!])
            return try add(self.site(node, part), Reshape(back), [shares.site!])
        }
        if axis == rank - 1 { return try add(self.site(node, part), Softmax(), [site]) }
        var order = Array(0..<rank)
        order.swapAt(axis, rank - 1)
        let turned = try add(self.site(node, "transposed"), Rearrangement(.transposed(order)), [site])
        let shares = try add(self.site(node, "transposed.softmax"), Softmax(), [turned.site!])
        return try add(self.site(node, part), Rearrangement(.transposed(order)), [shares.site!])
    }

    /// x - max - log(sum e^(x - max)) along the dimension.
    private mutating func logSoftmax(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? (version >= 13 ? -1 : 1), rank), rank > 0 else {
            throw Problem("has no such dimension", expected: "one of \(rank)", found: "\(node.integer("axis") ?? -1)")
        }
        let axes = version < 13 ? Array(axis..<rank) : [axis]
        let site = try site(of: input, for: site(node))
        let largest = try add(self.site(node, "max"), Reduction(.maximum, axes: axes, keepsDimensions: true), [site])
        let below = try add(self.site(node, "difference"), Arithmetic(.subtract), [site, largest.site!])
        let powers = try add(self.site(node, "exp"), ElementCurve(.exponential, name: "exp"), [below.site!])
        let sum = try add(self.site(node, "sum"), Reduction(.sum, axes: axes, keepsDimensions: true), [powers.site!])
        let logarithm = try add(self.site(node, "log"), ElementCurve(.logarithm, name: "log"), [sum.site!])
        return try add(self.site(node), Arithmetic(.subtract), [below.site!, logarithm.site!])
    }
}
