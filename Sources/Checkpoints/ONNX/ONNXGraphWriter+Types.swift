/// The types of a graph's values, which ONNX wants to be the same wherever an operator reads several.
extension ONNXGraphWriter {
    package typealias ElementType = ONNXModel.ElementType

    private static let comparing: Set<String> = [
        "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor", "IsNaN", "IsInf",
    ]

    /// The type of what an operator makes.
    func resultType(_ operation: String, _ inputs: [String], _ attributes: [(String, Attribute)]) -> ElementType {
        switch operation {
        case "Constant":
            switch attributes.first?.1 {
            case .integer?, .integers?: return .int64
            case .double?: return .double
            default: return .float
            }
        case "Shape", "Size", "ArgMax", "ArgMin": return .int64
        case "Cast":
            for case ("to", .integer(let number)) in attributes { return ElementType(rawValue: number) ?? .float }
            return .float
        case "CastLike", "Where": return inputs.count > 1 ? type(of: inputs[1]) : .float
        case _ where Self.comparing.contains(operation): return .bool
        default: return inputs.first { !$0.isEmpty }.map { type(of: $0) } ?? .float
        }
    }

    /// A value in another type: itself if it has it.
    package mutating func cast(_ value: String, to type: ElementType) -> String {
        self.type(of: value) == type ? value : add("Cast", [value], [("to", .integer(type.rawValue))])
    }

    /// One number of a type: whole numbers lose what is behind the point, and truth values are whether it is not 0.
    package mutating func constant(_ number: Double, as type: ElementType) -> String {
        switch type {
        case .float: return constant(Float(number))
        case .double: return add("Constant", [], [("value", .double(number))])
        case .bool: return cast(constant(number != 0 ? 1 : 0), to: .bool)
        case _ where type.isWhole:
            let whole = constant(Int(max(-9e18, min(9e18, number.isNaN ? 0 : number))))
            return cast(whole, to: type)
        default: return cast(constant(Float(number)), to: type)
        }
    }

    /// The operator, and what it reads, that ends ln(1 + exp(beta x)) / beta, or x where beta x is above the threshold, as PyTorch's
    /// Softplus. Above a beta x of 20 the two are the same in single precision.
    package mutating func softplus(_ x: String, beta: Double, threshold: Double) -> (operation: String, inputs: [String]) {
        let type = type(of: x)
        let scaled = beta == 1 ? x : add("Mul", [x, constant(beta, as: type)])
        let bounded = threshold < 20
        guard bounded || beta != 1 else { return ("Softplus", [x]) }
        var result = add("Softplus", [scaled])
        if beta != 1 {
            let inputs = [result, constant(beta, as: type)]
            guard bounded else { return ("Div", inputs) }
            result = add("Div", inputs)
        }
        return ("Where", [add("Greater", [scaled, constant(threshold, as: type)]), x, result])
    }
}
