import Text

/// Operations that are others under another name or with settings of their own.
extension ScriptProgram {
    /// - Returns: what such an operation makes; nil for others.
    mutating func synonym(_ name: String, _ given: [ScriptValue], _ named: [Named]) throws(Problem) -> ScriptValue? {
        if let other = TorchSynonyms.names[name] {
            return try operation("aten." + other, given, named.map { (TorchSynonyms.settings[$0.name] ?? $0.name, $0.value) })
        }
        func operand(_ place: Int, _ names: String...) -> ScriptValue {
            place < given.count ? given[place] : named.first { names.contains($0.name) }?.value ?? .none
        }
        switch name {
        case "hstack", "vstack", "dstack", "column_stack":
            let tensors = operand(0, "tensors")
            guard let first = tensors.items?.first?.tensor, let joined = TorchSynonyms.joining(name, rank: try rank(first)) else {
                throw Problem("joins what have no such dimension")
            }
            return try operation("aten." + joined.operation, [tensors, .integer(joined.axis)], [])
        case "conv_transpose1d", "conv_transpose2d":
            let schema = ["input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"]
            var values = try bound(schema, given, named)
            let sides = name == "conv_transpose1d" ? 1 : 2
            for (setting, standard) in [("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1)]
            where !values.contains(where: { $0.name == setting }) {
                values.append((setting, .list(.init([ScriptValue](repeating: .integer(standard), count: sides)))))
            }
            if !values.contains(where: { $0.name == "groups" }) { values.append(("groups", .integer(1))) }
            return try emit("convolution", values + [("transposed", .boolean(true))])
        case "tile":
            guard let dims = operand(1, "dims").items, let tensor = operand(0, "self").tensor else { return nil }
            let missing = max(0, try rank(tensor) - dims.count)
            let times = [ScriptValue](repeating: .integer(1), count: missing) + dims
            return try operation("aten.repeat", [.tensor(tensor), .list(.init(times))], [])
        case "tensor_split":
            guard let tensor = operand(0, "self").tensor else { return nil }
            let (parts, dim) = (operand(1, "sections", "indices"), operand(2, "dim"))
            let axis = try axis(dim.integer ?? 0, rank(tensor))
            let places = parts.items?.compactMap(\.integer) ?? []
            guard let length = shapes[tensor]?[axis], parts.integer != nil || places.count == parts.items?.count else {
                throw Problem("divides a dimension whose length is not known", hint: .giveSampleShape)
            }
            let sizes = TorchSynonyms.parts(of: length, sections: parts.integer, places: places)
            return try operation("aten.split_with_sizes", [.tensor(tensor), .list(.init(sizes.map { .integer($0) })), .integer(axis)], [])
        case "bilinear":
            let factors = [operand(0, "input1"), operand(2, "weight"), operand(1, "input2")]
            guard let first = factors[0].tensor, case let rank = try rank(first), (1...8).contains(rank) else {
                throw Problem("has factors of so many dimensions")
            }
            let front = String("abcdefgh".prefix(rank - 1))
            let equation = "\(front)x,zxy,\(front)y->\(front)z"
            let made = try operation("aten.einsum", [.text(equation), .list(.init(factors))], [])
            let bias = operand(3, "bias")
            return bias.tensor == nil ? made : try operation("aten.add", [made, bias], [])
        case "cdist", "_euclidean_dist":
            guard let first = operand(0, "x1").tensor, let second = operand(1, "x2").tensor else { return nil }
            let ranks = (try rank(first), try rank(second))
            guard ranks.0 >= 2, ranks.1 >= 2 else { throw Problem("measures distances of what are no rows") }
            let rows = try operation("aten.unsqueeze", [.tensor(first), .integer(ranks.0 - 1)], [])
            let others = try operation("aten.unsqueeze", [.tensor(second), .integer(ranks.1 - 2)], [])
            let differences = try operation("aten.sub", [rows, others], [])
            let order = operand(2, "p")
            return try operation(
                "aten.linalg_vector_norm", [differences, order.isNone ? .real(2) : order, .list(.init([.integer(-1)]))], [])
        default: return nil
        }
    }

    /// The result of an operation that overwrites a number, as traces write the product of lengths: `mul_(n, m)`; nil for others.
    mutating func overwrittenNumber(_ path: String, _ given: [ScriptValue]) throws(Problem) -> ScriptValue? {
        guard path.hasPrefix("torch."), path.hasSuffix("_"), !path.hasSuffix("__"), given.count == 2 else { return nil }
        return try arithmetic(String(path.dropFirst(6).dropLast()), given[0], given[1])
    }

    /// The shapes of diagonals and of marks; nil for other operations.
    func marked(_ operation: String, _ shape: Lengths, _ value: (String) -> ScriptValue) throws(Problem) -> Lengths? {
        switch operation {
        case "diagonal":
            let (first, second) = (try axis(value("dim1").integer ?? 0, shape.count), try axis(value("dim2").integer ?? 1, shape.count))
            guard first != second, let rows = shape[first], let columns = shape[second] else {
                throw Problem("is of matrices whose size is not known")
            }
            let count = TorchSynonyms.diagonal(rows: rows, columns: columns, offset: value("offset").integer ?? 0).count
            return shape.indices.filter { $0 != first && $0 != second }.map { shape[$0] } + [count]
        case "one_hot": return shape + [value("num_classes").integer]
        default: return nil
        }
    }
}
