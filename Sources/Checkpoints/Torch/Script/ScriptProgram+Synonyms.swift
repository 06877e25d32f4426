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
                throw Problem("divides a dimension whose length is not known")
            }
            let sizes = TorchSynonyms.parts(of: length, sections: parts.integer, places: places)
            return try operation("aten.split_with_sizes", [.tensor(tensor), .list(.init(sizes.map { .integer($0) })), .integer(axis)], [])
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
