import Text

/// Values in the types that PyTorch computes in: every tensor of the program has in the graph the type that it has in the program.
extension TorchExportConversion {
    /// The type of an operation's first output.
    func outputType(_ node: Node) throws(Problem) -> TorchType {
        guard let output = node.outputs.first, let number = program.types[output] else { return .standard }
        return try Self.type(number)
    }

    private static func type(_ number: Int) throws(Problem) -> TorchType {
        guard let type = TorchType(rawValue: number), !type.isComplex else {
            throw Problem("is of a type that is not run", found: "type \(number) of torch.export")
        }
        return type
    }

    /// What an operand brings into the type of the result.
    func ranked(_ node: Node, _ name: String) throws(Problem) -> TorchType.Operand {
        guard let argument = node[name] else { throw Problem("has no operand '\(name)'") }
        if let tensor = argument.tensor {
            let type = try program.types[tensor].map { number throws(Problem) in try Self.type(number) } ?? .standard
            return .init(type: type, rank: program.shapes[tensor]?.isEmpty == true ? .single : .dimensioned)
        }
        switch argument.setting {
        case .boolean?: return .init(type: .bool, rank: .number)
        case .real?: return .init(type: .double, rank: .number)
        default: break
        }
        if case .name(let symbol)? = argument.symbols?.first, values[symbol].map({ writer.type(of: $0) }) == .float {
            return .init(type: .double, rank: .number)
        }
        return .init(type: .int64, rank: .number)
    }

    /// A tensor or a number in a type.
    mutating func operand(_ node: Node, _ name: String, as type: TorchType) throws(Problem) -> String {
        guard let argument = node[name] else { throw Problem("has no operand '\(name)'") }
        if argument.tensor != nil { return writer.cast(try value(node, name), to: type.element) }
        if case .name(let symbol)? = argument.symbols?.first, argument.symbols?.count == 1 {
            guard let value = values[symbol] else { throw Problem("reads a length that nothing makes", found: "'\(symbol)'") }
            return writer.cast(value, to: type.element)
        }
        return try number(argument.setting, name, as: type)
    }

    private mutating func number(_ setting: SavedModule.Setting?, _ name: String, as type: TorchType) throws(Problem) -> String {
        switch setting {
        case .real(let number)?: return writer.constant(number, as: type.element)
        case .boolean(let flag)?: return writer.constant(flag ? 1 : 0, as: type.element)
        case .integer(let number)?:
            guard abs(Double(number)) <= 9_007_199_254_740_992 else {
                throw Problem("has a number that is too large", expected: "at most 2^53", found: "\(number)")
            }
            return writer.constant(Double(number), as: type.element)
        default: throw Problem("has an operand '\(name)' that is no number")
        }
    }

    /// A tensor in the type of the output.
    mutating func valueAsOutput(_ node: Node, _ name: String = "self") throws(Problem) -> String {
        writer.cast(try value(node, name), to: try outputType(node).element)
    }

    /// A tensor rounded to the type of the output.
    mutating func cast(_ node: Node) throws(Problem) -> String {
        let (x, type) = (try value(node, "self"), try outputType(node))
        guard try ranked(node, "self").type != type else { return x }
        guard let rounding = type.rounding else { return writer.cast(x, to: type.element) }
        return writer.cast(writer.cast(x, to: rounding), to: type.element)
    }

    /// The type that ONNX computes whole numbers of few bits and truth values in; any other is its own.
    static func wide(_ type: TorchType) -> TorchType {
        type.isInteger && type != .int32 || type == .bool ? .int64 : type
    }

    /// The type of an input of the program.
    func declaredType(_ input: String) throws(Problem) -> ONNXModel.ElementType {
        try program.types[input].map { number throws(Problem) in try Self.type(number) }?.element ?? .float
    }

    // MARK: Operations

    /// A function of single elements. Whole numbers are rounded already.
    mutating func elementwise(_ node: Node, _ name: String) throws(Problem) -> String {
        let type = try outputType(node)
        let x = writer.cast(try value(node, node["self"] == nil ? "input" : "self"), to: type.element)
        if type.isInteger || type == .bool {
            if node.name == "floor" || node.name == "ceil" { return x }
            if node.name == "relu" { return add(name, "Max", [x, writer.constant(0, as: type.element)]) }
            guard type != .bool else { throw Problem("is not run on truth values") }
        }
        let operation = node.name == "hardswish" ? "HardSwish" : node.name.prefix(1).uppercased() + node.name.dropFirst()
        return add(name, operation, [x])
    }

    /// - Returns: the value of an operation on lengths; nil for others.
    mutating func wholeNumber(_ node: Node) throws(Problem) -> String? {
        let operations = [
            "_operator.mul": "Mul", "_operator.add": "Add", "_operator.sub": "Sub", "_operator.floordiv": "Div", "_operator.mod": "Mod",
            "_operator.truediv": "Div", "_operator.neg": "Neg", "torch.sym_max": "Max", "torch.sym_min": "Min", "torch.sym_float": "Cast",
        ]
        guard let operation = operations[node.target] else { return nil }
        // Lengths that were divided are no whole numbers any more.
        var type: TorchType = operation == "Cast" || node.target == "_operator.truediv" ? .double : .int64
        for input in node.inputs where try ranked(node, input.name).type.isFloating { type = .double }
        var operands: [String] = []
        for input in node.inputs { operands.append(try operand(node, input.name, as: type)) }
        guard operands.count == (["Neg", "Cast"].contains(operation) ? 1 : 2) else { throw Problem("has other operands than are known") }
        if operation == "Cast" { return operands[0] }
        if node.target == "_operator.floordiv" { return floored(operands[0], operands[1], type) }
        guard operation != "Mod" || type == .int64 else { throw Problem("is not run on numbers with a point") }
        return writer.add(operation, operands)
    }

    /// - Returns: the value of an operation of arithmetic or logic, or one that makes numbers; nil for others.
    mutating func calculated(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "add", "sub", "mul", "rsub", "maximum", "minimum", "fmax", "fmin", "pow": return try arithmetic(node, name)
        // Of two tensors, element by element; those of one give places too.
        case "min", "max": return node["other"]?.tensor == nil ? nil : try arithmetic(node, name)
        case "div", "true_divide", "divide", "floor_divide", "remainder", "fmod": return try divided(node, name)
        case "eq", "ne", "gt", "lt", "ge", "le": return try compared(node, name)
        case "logical_not", "bitwise_not":
            return add(name, "Not", [try truth(node, "self", bits: node.name == "bitwise_not")])
        case "logical_and", "bitwise_and", "__and__", "logical_or", "bitwise_or", "__or__", "logical_xor", "bitwise_xor", "__xor__":
            let bits = !node.name.hasPrefix("logical")
            let operation = node.name.contains("xor") ? "Xor" : node.name.contains("and") ? "And" : "Or"
            return add(name, operation, [try truth(node, "self", bits: bits), try truth(node, "other", bits: bits)])
        case "where":
            let type = try outputType(node)
            let condition = writer.cast(try value(node, "condition"), to: .bool)
            return add(name, "Where", [condition, try operand(node, "self", as: type), try operand(node, "other", as: type)])
        case "masked_fill", "masked_fill_":
            let type = try outputType(node)
            return add(name, "Where", [try value(node, "mask"), try operand(node, "value", as: type), try valueAsOutput(node)])
        case "clamp_min", "clamp_max":
            let isLow = node.name == "clamp_min"
            let type = try outputType(node)
            return add(name, isLow ? "Max" : "Min", [try valueAsOutput(node), try operand(node, isLow ? "min" : "max", as: type)])
        case "full", "zeros", "ones", "scalar_tensor", "full_like", "zeros_like", "ones_like", "new_ones", "new_zeros", "new_full",
            "empty", "new_empty", "empty_like", "empty_permuted":
            return try filled(node, name)
        case "arange": return try range(node, name)
        default: return nil
        }
    }

    private mutating func arithmetic(_ node: Node, _ name: String) throws(Problem) -> String {
        let operations = [
            "add": "Add", "sub": "Sub", "rsub": "Sub", "mul": "Mul", "maximum": "Max", "minimum": "Min", "max": "Max", "min": "Min",
            "fmax": "Max", "fmin": "Min", "pow": "Pow",
        ]
        guard !node.name.hasPrefix("f") else { throw Problem("is not run") }
        let type = try outputType(node)
        let second = node.name == "pow" && node["exponent"] != nil ? "exponent" : "other"
        if type == .bool {
            // Truth values are added and multiplied as such.
            let logic = ["add": "Or", "mul": "And", "maximum": "Or", "minimum": "And", "max": "Or", "min": "And"]
            guard let operation = logic[node.name], node["alpha"].map({ $0.isNone || $0.setting == .integer(1) }) ?? true else {
                throw Problem("is not run on truth values")
            }
            return add(name, operation, [try operand(node, "self", as: type), try operand(node, second, as: type)])
        }
        let wide = Self.wide(type)
        var (a, b) = (try operand(node, "self", as: wide), try operand(node, second, as: wide))
        if let alpha = node["alpha"], !alpha.isNone, alpha.setting != .integer(1), alpha.setting != .real(1) {
            // Of what is subtracted: self in other - self.
            let factor = try operand(node, "alpha", as: wide)
            let scaled = writer.add("Mul", [node.name == "rsub" ? a : b, factor])
            if node.name == "rsub" { a = scaled } else { b = scaled }
        }
        let result = add(name, operations[node.name] ?? "", node.name == "rsub" ? [b, a] : [a, b])
        return writer.cast(result, to: type.element)
    }

    private mutating func divided(_ node: Node, _ name: String) throws(Problem) -> String {
        let type = try outputType(node)
        guard type != .bool else { throw Problem("is not run on truth values") }
        let wide = Self.wide(type)
        var kind = ["floor_divide": "floor", "remainder": "remainder", "fmod": "fmod"][node.name] ?? ""
        if let mode = node["rounding_mode"], !mode.isNone {
            guard case .text(let text)? = mode.setting, text == "floor" || text == "trunc" else {
                throw Problem("has a setting that is not run", found: "a rounding mode")
            }
            kind = text
        }
        let (a, b) = (try operand(node, "self", as: wide), try operand(node, "other", as: wide))
        let result: String
        switch kind {
        case "": result = add(name, "Div", [a, b])
        case "fmod": result = add(name, "Mod", [a, b], [("fmod", .integer(1))])
        case "trunc":
            guard type.isFloating else {
                result = add(name, "Div", [a, b])
                break
            }
            // Towards 0, whatever the sign.
            let quotient = writer.add("Div", [a, b])
            result = add(name, "Mul", [writer.add("Sign", [quotient]), writer.add("Floor", [writer.add("Abs", [quotient])])])
        case "remainder" where !type.isFloating: result = add(name, "Mod", [a, b])
        case "remainder": result = add(name, "Sub", [a, writer.add("Mul", [floored(a, b, type), b])])
        default: result = floored(a, b, type)
        }
        return writer.cast(result, to: type.element)
    }

    /// The quotient rounded down, as PyTorch computes it: from the remainder, since a quotient of floating point may be rounded up to a whole number.
    mutating func floored(_ a: String, _ b: String, _ type: TorchType) -> String {
        let element = writer.type(of: a)
        let zero = writer.constant(0, as: element)
        func wrong(_ rest: String, _ writer: inout ONNXGraphWriter) -> String {
            let hasRest = writer.add("Not", [writer.add("Equal", [rest, zero])])
            let differs = writer.add("Xor", [writer.add("Less", [rest, zero]), writer.add("Less", [b, zero])])
            return writer.cast(writer.add("And", [hasRest, differs]), to: element)
        }
        guard type.isFloating else {
            let quotient = writer.add("Div", [a, b])
            let rest = writer.add("Sub", [a, writer.add("Mul", [quotient, b])])
            return writer.add("Sub", [quotient, wrong(rest, &writer)])
        }
        let rest = writer.add("Mod", [a, b], [("fmod", .integer(1))])
        let exact = writer.add("Div", [writer.add("Sub", [a, rest]), b])
        let quotient = writer.add("Sub", [exact, wrong(rest, &writer)])
        let low = writer.add("Floor", [quotient])
        let isAbove = writer.add("Greater", [writer.add("Sub", [quotient, low]), writer.constant(0.5, as: element)])
        let rounded = writer.add("Add", [low, writer.cast(isAbove, to: element)])
        return writer.add("Where", [writer.add("Equal", [b, zero]), writer.add("Div", [a, b]), rounded])
    }

    private mutating func compared(_ node: Node, _ name: String) throws(Problem) -> String {
        let operations = ["eq": "Equal", "ne": "Equal", "gt": "Greater", "lt": "Less", "ge": "GreaterOrEqual", "le": "LessOrEqual"]
        var type = Self.wide(TorchType.result(of: [try ranked(node, "self"), try ranked(node, "other")]))
        if type == .bool { type = .int32 }
        let inputs = [try operand(node, "self", as: type), try operand(node, "other", as: type)]
        guard node.name == "ne" else { return add(name, operations[node.name] ?? "", inputs) }
        return add(name, "Not", [writer.add("Equal", inputs)])
    }

    /// Whether numbers are not 0.
    private mutating func truth(_ node: Node, _ name: String, bits: Bool) throws(Problem) -> String {
        if bits, try ranked(node, name).type != .bool { throw Problem("works on the bits of whole numbers, which is not run") }
        return try operand(node, name, as: .bool)
    }

    // MARK: Numbers that depend on no data

    private mutating func filled(_ node: Node, _ name: String) throws(Problem) -> String {
        let type = try outputType(node)
        let value: String
        switch node.name {
        case "scalar_tensor": value = try operand(node, "s", as: type)
        case "full", "full_like", "new_full": value = try operand(node, "fill_value", as: type)
        case "empty", "new_empty", "empty_like", "empty_permuted":
            // What nothing writes is no number.
            guard type.isFloating || uses.overwritten.contains(name) else {
                throw Problem("is read before numbers are written over all of it")
            }
            // The order in memory shows in no number.
            node.reads.names.insert("physical_layout")
            value = writer.constant(type.isFloating ? .nan : 0, as: type.element)
        default: value = writer.constant(node.name.hasPrefix("ones") || node.name == "new_ones" ? 1 : 0, as: type.element)
        }
        // Of the tensor only the type counts, which shows in the output.
        if node.name.hasPrefix("new_") { node.reads.names.insert("self") }
        if node.name == "scalar_tensor" { return value }
        if node.name.hasSuffix("_like") {
            return add(name, "Expand", [value, writer.add("Shape", [try self.value(node, "self")])])
        }
        let symbols = try symbols(node, "size")
        return symbols.isEmpty ? value : add(name, "Expand", [value, try shape(symbols)])
    }

    private mutating func range(_ node: Node, _ name: String) throws(Problem) -> String {
        let type = try outputType(node)
        func isReal(_ name: String) -> Bool { if case .real? = node[name]?.setting { true } else { false } }
        guard ["start", "end", "step"].contains(where: isReal) else {
            let (start, end, step) = (try length(node, "start", 0), try length(node, "end"), try length(node, "step", 1))
            return writer.cast(writer.add("Range", [start, end, step]), to: type.element)
        }
        // Numbers with a point: as many as PyTorch counts, each computed in double precision.
        func number(_ name: String, _ standard: Double?) throws(Problem) -> Double {
            guard let argument = node[name], !argument.isNone else {
                if let standard { return standard }
                throw Problem("has no operand '\(name)'")
            }
            switch argument.setting {
            case .real(let number)?: return number
            case .integer(let number)?: return Double(number)
            default: throw Problem("has an operand '\(name)' that is not fixed")
            }
        }
        let (start, end, step) = (try number("start", 0), try number("end", nil), try number("step", 1))
        let count = ((end - start) / step).rounded(.up)
        guard type.isFloating, step != 0, count >= 0, count <= 1_048_576 else {
            throw Problem("counts in a way that is not run", found: "\(start) to \(end) by \(step)")
        }
        let places = writer.cast(writer.add("Range", [writer.constant(0), writer.constant(Int(count)), writer.constant(1)]), to: .double)
        let steps = writer.add("Mul", [places, writer.constant(step, as: .double)])
        return writer.cast(writer.add("Add", [writer.constant(start, as: .double), steps]), to: type.element)
    }
}
