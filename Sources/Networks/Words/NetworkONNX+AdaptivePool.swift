import Checkpoints

extension NetworkONNX {
    /// Means that bring images to a size. Where it divides that of the images, which is known, they are those of equal windows; otherwise each
    /// row of windows is a mean of its own, and then each column.
    mutating func adaptive(_ pool: AdaptiveAveragePool, _ node: Node, _ x: String) -> String {
        let size = imageSize(node)
        let wanted = [pool.output.0, pool.output.1]
        let counts = zip(wanted, size).map { $0 ?? $1 }
        if let rows = size[0], let columns = size[1], let down = counts[0], let across = counts[1], rows % down == 0, columns % across == 0
        {
            let window = [rows / down, columns / across]
            return add(node, "AveragePool", [x], [("kernel_shape", .integers(window)), ("strides", .integers(window))])
        }
        let axes = [2, 3].filter { wanted[$0 - 2] != nil }
        var made = x
        for axis in axes {
            let parts = means(made, axis, into: wanted[axis - 2] ?? 1, of: size[axis - 2])
            made =
                axis == axes.last
                ? add(node, "Concat", parts, [("axis", .integer(axis))]) : writer.add("Concat", parts, [("axis", .integer(axis))])
        }
        return made
    }

    /// The means of `count` windows along a dimension: window i of n from floor(i L / n) to ceil((i + 1) L / n) of the length L.
    ///
    /// - Parameter length: nil if the data decide it.
    private mutating func means(_ x: String, _ axis: Int, into count: Int, of length: Int?) -> [String] {
        let axes = writer.constant([axis])
        var computed = ""
        if length == nil {
            computed = writer.add("Gather", [writer.add("Shape", [x]), writer.constant([axis])], [("axis", .integer(0))])
        }
        return (0..<count).map { place in
            let first: String
            let end: String
            if let length {
                first = writer.constant([place * length / count])
                end = writer.constant([((place + 1) * length + count - 1) / count])
            } else {
                first = writer.add("Div", [writer.add("Mul", [computed, writer.constant([place])]), writer.constant([count])])
                let scaled = writer.add("Mul", [computed, writer.constant([place + 1])])
                end = writer.add("Div", [writer.add("Add", [scaled, writer.constant([count - 1])]), writer.constant([count])])
            }
            let part = writer.add("Slice", [x, first, end, axes])
            return writer.add("ReduceMean", [part, axes], [("keepdims", .integer(1))])
        }
    }
}
