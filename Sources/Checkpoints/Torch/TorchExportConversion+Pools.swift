import Text

/// Pools of programs, and what bounds numbers.
extension TorchExportConversion {
    /// Numbers between others, each of which may be a tensor.
    mutating func clamped(_ node: Node, _ name: String) throws(Problem) -> String {
        let type = try outputType(node)
        var result = try valueAsOutput(node)
        for (bound, operation) in [("min", "Max"), ("max", "Min")] {
            guard let argument = node[bound], !argument.isNone else { continue }
            result = writer.add(operation, [result, try operand(node, bound, as: type)])
        }
        return result
    }

    mutating func pool(_ node: Node, _ name: String) throws(Problem) -> String {
        let sides = node.name.contains("1d") ? 1 : 2
        func numbers(_ name: String, _ standard: [Int]) throws(Problem) -> [Int] {
            let numbers = try integers(node, name, standard)
            return numbers.isEmpty ? standard : numbers.count == 1 ? [Int](repeating: numbers[0], count: sides) : numbers
        }
        let kernel = try numbers("kernel_size", [])
        guard kernel.count == sides else { throw Problem("has no window") }
        let isMean = node.name.hasPrefix("avg_pool")
        let windows = ONNXGraphWriter.PoolWindows(
            kernel: kernel, stride: try numbers("stride", kernel), padding: try numbers("padding", [Int](repeating: 0, count: sides)),
            dilation: isMean ? nil : try numbers("dilation", [Int](repeating: 1, count: sides)), roundsUp: flag(node, "ceil_mode"))
        if isMean {
            guard node["divisor_override"]?.isNone ?? true else { throw Problem("has a divisor of its own") }
        }
        let sizes = Array(program.shapes[try tensor(node, "self")]?.suffix(sides) ?? [])
        return writer.pool(
            try value(node, "self"), windows, counts: isMean ? flag(node, "count_include_pad", true) : nil, over: sizes,
            output: writer.unused(name))
    }

    /// Means of as many windows as are wanted. Windows of different sizes are products with matrices that average along each side.
    mutating func adaptivePool(_ node: Node, _ name: String) throws(Problem) -> String {
        let sides = node.name.contains("1d") ? 1 : 2
        let (x, size) = (try value(node, "self"), try integers(node, "output_size"))
        if size.count == sides, size.allSatisfy({ $0 == 1 }) { return add(name, "GlobalAveragePool", [x]) }
        let input = program.shapes[try tensor(node, "self")]?.suffix(sides).compactMap { $0 } ?? []
        guard input.count == sides, size.count == sides, (size + input).allSatisfy({ $0 > 0 }) else {
            throw Problem("has windows that depend on the size of the images", expected: "images of a fixed size")
        }
        if zip(input, size).allSatisfy({ $0 % $1 == 0 }) {
            let window = zip(input, size).map { $0 / $1 }
            return add(name, "AveragePool", [x], [("kernel_shape", .integers(window)), ("strides", .integers(window))])
        }
        guard zip(input, size).allSatisfy({ $0.multipliedReportingOverflow(by: $1).partialValue <= 1 << 14 && max($0, $1) <= 1 << 14 })
        else {
            throw Problem("has too many windows of different sizes", found: "\(size) of \(input)")
        }
        let columns = writer.constant(Self.means(of: input[sides - 1], size[sides - 1], isTransposed: true), columns: size[sides - 1])
        guard sides == 2 else { return add(name, "MatMul", [x, columns]) }
        let rows = writer.constant(Self.means(of: input[0], size[0], isTransposed: false), columns: input[0])
        return add(name, "MatMul", [rows, writer.add("MatMul", [x, columns])])
    }

    /// The matrix [count, length] whose row i averages the entries from floor(i length / count) to ceil((i + 1) length / count), or that matrix
    /// transposed.
    private static func means(of length: Int, _ count: Int, isTransposed: Bool) -> [Float] {
        var matrix = [Float](repeating: 0, count: count * length)
        for row in 0..<count {
            let window = row * length / count..<((row + 1) * length + count - 1) / count
            for entry in window { matrix[isTransposed ? entry * count + row : row * length + entry] = 1 / Float(window.count) }
        }
        return matrix
    }
}
