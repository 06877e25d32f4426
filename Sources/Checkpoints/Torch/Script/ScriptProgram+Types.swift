import Text

/// The types of what operations give, as PyTorch's arithmetic has them.
extension ScriptProgram {
    /// - Parameter standard: the type of the first tensor.
    func type(of operation: String, _ values: [(String, ScriptValue)], _ standard: Int) -> Int {
        func value(_ name: String) -> ScriptValue { values.first { $0.0 == name }?.1 ?? .none }
        func joined(_ names: [String]) -> Int {
            let operands = names.map(value).filter { !$0.isNone }
            return TorchType.result(of: operands.compactMap(ranked)).rawValue
        }
        let isWhole = TorchType(rawValue: standard).map { !$0.isFloating } ?? false
        let given: Int? = if case .integer(let number) = value("dtype") { Self.scriptTypes[number] } else { nil }
        switch operation {
        case "eq", "ne", "gt", "lt", "ge", "le", "logical_and", "logical_or", "logical_not", "logical_xor", "any": return Self.truth
        case "add", "sub", "rsub", "mul", "remainder", "fmod", "maximum", "minimum", "max", "min", "where", "floor_divide", "bitwise_and",
            "bitwise_or",
            "bitwise_xor", "__and__", "__or__", "__xor__":
            return joined(["self", "other"])
        case "pow": return joined(["self", value("exponent").isNone ? "other" : "exponent"])
        case "div", "true_divide":
            let type = joined(["self", "other"])
            guard value("rounding_mode").isNone, let found = TorchType(rawValue: type), !found.isFloating else { return type }
            return Self.float
        case "clamp", "clamp_min", "clamp_max": return joined(["self", "min", "max"])
        case "cat":
            return TorchType.result(of: value("tensors").items?.compactMap(ranked) ?? []).rawValue
        case "tanh", "sigmoid", "exp", "log", "sqrt", "erf", "sin", "cos", "reciprocal", "rsqrt", "log1p", "log2", "expm1", "tan", "asin",
            "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh":
            return isWhole ? Self.float : standard
        case "sum", "prod": return given ?? (isWhole ? Self.wholeNumber : standard)
        case "mean", "softmax", "log_softmax", "zeros_like", "ones_like", "full_like", "empty_like": return given ?? standard
        case "zeros", "ones", "empty": return given ?? Self.float
        case "new_zeros", "new_ones", "new_full", "new_empty": return given ?? standard
        case "argmax", "argmin": return Self.wholeNumber
        case "full", "scalar_tensor":
            let number = ranked(value(operation == "full" ? "fill_value" : "s"))?.type ?? .standard
            return given ?? (number.isFloating ? Self.float : number.rawValue)
        case "arange":
            let isReal = values.contains { if case .real = $0.1 { true } else { false } }
            return given ?? (isReal ? Self.float : Self.wholeNumber)
        default: return standard
        }
    }

    /// What a value brings into the type of arithmetic; nil for what is no number.
    private func ranked(_ value: ScriptValue) -> TorchType.Operand? {
        switch value {
        case .boolean: return .init(type: .bool, rank: .number)
        case .integer, .symbol: return .init(type: .int64, rank: .number)
        case .real: return .init(type: .double, rank: .number)
        case .tensor(let name):
            return .init(
                type: types[name].flatMap(TorchType.init) ?? .standard, rank: shapes[name]?.isEmpty == true ? .single : .dimensioned)
        default: return nil
        }
    }
}
