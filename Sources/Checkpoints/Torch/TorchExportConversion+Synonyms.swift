import Text

/// Operations of PyTorch that are others under another name or with settings of their own.
enum TorchSynonyms {
    /// Those with the same settings; the names of these may differ.
    static let names = [
        "swapaxes": "transpose", "swapdims": "transpose", "unsafe_chunk": "chunk", "unsafe_split": "split",
        "unsafe_split_with_sizes": "split_with_sizes", "norm": "linalg_vector_norm",
    ]
    static let settings = ["axis0": "dim0", "axis1": "dim1", "p": "ord"]

    /// What joins tensors as `hstack` and its like do: those of so many dimensions along one of them, or along a new one.
    static func joining(_ name: String, rank: Int) -> (operation: String, axis: Int)? {
        switch (name, rank) {
        case ("hstack", 1): ("cat", 0)
        case ("hstack", 2...), ("column_stack", 2...): ("cat", 1)
        case ("column_stack", 1): ("stack", 1)
        case ("vstack", 1): ("stack", 0)
        case ("vstack", 2...): ("cat", 0)
        case ("dstack", 2): ("stack", 2)
        case ("dstack", 3...): ("cat", 2)
        default: nil
        }
    }

    /// The number of entries in each part of a dimension that `tensor_split` divides.
    ///
    /// - Parameters:
    ///   - sections: how many parts; nil if places are given.
    ///   - places: where parts after the first begin.
    static func parts(of length: Int, sections: Int?, places: [Int]) -> [Int] {
        if let sections, sections > 0 {
            return (0..<min(sections, 1 << 12)).map { length / sections + ($0 < length % sections ? 1 : 0) }
        }
        let bounds = places.map { max(0, min(length, $0 < 0 ? $0 &+ length : $0)) }
        return zip([0] + bounds, bounds + [length]).map { max(0, $1 - $0) }
    }

    /// Where the diagonal of a matrix begins and how many entries it has, of the matrix as one row.
    static func diagonal(rows: Int, columns: Int, offset: Int) -> (first: Int, count: Int) {
        offset >= 0
            ? (offset, max(0, min(rows, columns &- offset)))
            : ((0 &- offset).multipliedReportingOverflow(by: columns).partialValue, max(0, min(rows &+ offset, columns)))
    }
}

extension TorchExportConversion {
    /// An operation as the one that it is a form of; itself for any other.
    func plainer(_ node: Node) throws(Problem) -> Node {
        func made(_ operation: String, _ inputs: [(name: String, value: Argument)]) -> Node {
            Node(target: "torch.ops.aten.\(operation).default", inputs: inputs, outputs: node.outputs)
        }
        if let name = TorchSynonyms.names[node.name] {
            return made(name, node.inputs.map { (TorchSynonyms.settings[$0.name] ?? $0.name, $0.value) })
        }
        switch node.name {
        case "hstack", "vstack", "dstack", "column_stack":
            guard let first = node["tensors"]?.tensors?.first, let joined = TorchSynonyms.joining(node.name, rank: try rank(first)) else {
                throw Problem("joins what have no such dimension")
            }
            var axis = Argument()
            axis.setting = .integer(joined.axis)
            return made(joined.operation, node.inputs.filter { $0.name == "tensors" } + [("dim", axis)])
        case "tile":
            let (dims, missing) = (try symbols(node, "dims"), try rank(tensor(node, "self")))
            var times = Argument()
            times.symbols = [Symbol](repeating: .number(1), count: max(0, missing - dims.count)) + dims
            return made("repeat", node.inputs.filter { $0.name == "self" } + [("repeats", times)])
        case "tensor_split":
            // The outputs have the lengths.
            return made("split", node.inputs.filter { $0.name == "self" || $0.name == "dim" })
        default: return node
        }
    }

    /// The diagonals of matrices, or a mark at the place that each whole number says; nil for other operations.
    mutating func diagonalOrMarks(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "diagonal":
            let tensor = try tensor(node, "self")
            let (first, second) = (try axis(node, "dim1", of: tensor, 0), try axis(node, "dim2", of: tensor, 1))
            guard let shape = program.shapes[tensor], first != second, let rows = shape[first], let columns = shape[second],
                (1...1 << 20).contains(rows), (1...1 << 20).contains(columns)
            else { throw Problem("is of matrices whose size is not fixed") }
            let rest = shape.indices.filter { $0 != first && $0 != second }
            let turned = writer.add("Transpose", [try value(node, "self")], [("perm", .integers(rest + [first, second]))])
            let flat = writer.add("Reshape", [turned, writer.constant([Int](repeating: 0, count: rest.count) + [-1])])
            let (start, count) = TorchSynonyms.diagonal(rows: rows, columns: columns, offset: try integer(node, "offset", 0))
            guard count > 0 else { throw Problem("is empty") }
            let end = start + (count - 1) * (columns + 1) + 1
            let bounds = [start, end, rest.count, columns + 1].map { writer.constant([$0]) }
            return add(name, "Slice", [flat] + bounds)
        case "one_hot":
            let count = try integer(node, "num_classes", -1)
            guard (1...1 << 20).contains(count) else { throw Problem("has as many places as the largest number of its input says") }
            let x = writer.cast(try value(node, "self"), to: .int64)
            let marks = writer.add("Equal", [writer.add("Unsqueeze", [x, writer.constant([-1])]), writer.constant(Array(0..<count))])
            return add(name, "Cast", [marks], [("to", .integer(7))])
        default: return nil
        }
    }
}
