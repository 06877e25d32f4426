import Text

/// Pools of programs, and what bounds numbers.
extension TorchExportConversion {
    /// Numbers between others, each of which may be a tensor.
    mutating func clamped(_ node: Node, _ name: String) throws(Problem) -> String {
        var result = try value(node, "self")
        for (bound, operation) in [("min", "Max"), ("max", "Min")] {
            guard let argument = node[bound], !argument.isNone else { continue }
            result = writer.add(operation, [result, try operand(node, bound)])
        }
        return result
    }

    mutating func pool(_ node: Node, _ name: String) throws(Problem) -> String {
        func pair(_ name: String, _ standard: [Int]) throws(Problem) -> [Int] {
            let numbers = try integers(node, name, standard)
            return numbers.isEmpty ? standard : numbers.count == 1 ? [numbers[0], numbers[0]] : numbers
        }
        let kernel = try pair("kernel_size", [])
        guard kernel.count == 2 else { throw Problem("has no window") }
        let padding = try pair("padding", [0, 0])
        var attributes: [(String, ONNXGraphWriter.Attribute)] = [
            ("kernel_shape", .integers(kernel)), ("strides", .integers(try pair("stride", kernel))), ("pads", .integers(padding + padding)),
            ("ceil_mode", .integer(flag(node, "ceil_mode") ? 1 : 0)),
        ]
        if node.name == "avg_pool2d" {
            guard node["divisor_override"]?.isNone ?? true else { throw Problem("has a divisor of its own") }
            attributes.append(("count_include_pad", .integer(flag(node, "count_include_pad", true) ? 1 : 0)))
            return add(name, "AveragePool", [try value(node, "self")], attributes)
        }
        attributes.append(("dilations", .integers(try pair("dilation", [1, 1]))))
        return add(name, "MaxPool", [try value(node, "self")], attributes)
    }

    mutating func adaptivePool(_ node: Node, _ name: String) throws(Problem) -> String {
        let (x, size) = (try value(node, "self"), try integers(node, "output_size"))
        if size.allSatisfy({ $0 == 1 }) { return add(name, "GlobalAveragePool", [x]) }
        let input = program.shapes[try tensor(node, "self")]?.suffix(2).compactMap { $0 } ?? []
        guard input.count == 2, size.count == 2, size.allSatisfy({ $0 > 0 }), input[0] % size[0] == 0, input[1] % size[1] == 0 else {
            throw Problem("has windows of different sizes", expected: "a size that divides the images'")
        }
        let window = [input[0] / size[0], input[1] / size[1]]
        return add(name, "AveragePool", [x], [("kernel_shape", .integers(window)), ("strides", .integers(window))])
    }
}
