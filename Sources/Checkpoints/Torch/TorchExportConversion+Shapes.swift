import Text

extension TorchExportConversion {
    /// An operation that changes the shape alone, or picks some of the numbers; nil for any other.
    mutating func reshaped(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "view", "reshape", "_unsafe_view":
            return add(name, "Reshape", [try value(node, "self"), try shape(symbols(node, node["size"] == nil ? "shape" : "size"))])
        case "flatten":
            let tensor = try tensor(node, "self")
            let (first, last) = (try axis(node, "start_dim", of: tensor, 0), try axis(node, "end_dim", of: tensor, -1))
            let rank = try rank(tensor)
            guard last == rank - 1 else { throw Problem("does not flatten to the end", found: "dimensions \(first) to \(last) of \(rank)") }
            if first == 1 { return add(name, "Flatten", [try value(node, "self")], [("axis", .integer(1))]) }
            let lengths = [Int](repeating: 0, count: first) + [-1]
            return add(name, "Reshape", [try value(node, "self"), writer.constant(lengths)])
        case "unflatten":
            let tensor = try tensor(node, "self")
            let axis = try axis(node, "dim", of: tensor)
            guard axis == (try rank(tensor)) - 1 else { throw Problem("is of another dimension than the last") }
            let front = [Symbol](repeating: .number(0), count: axis)
            return add(name, "Reshape", [try value(node, "self"), try shape(front + symbols(node, "sizes"))])
        case "permute":
            let rank = try rank(tensor(node, "self"))
            let order = try integers(node, "dims").map { $0 < 0 ? $0 + rank : $0 }
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "transpose", "t", "numpy_T":
            let tensor = try tensor(node, "self")
            var order = Array(0..<(try rank(tensor)))
            if node.name == "transpose" {
                order.swapAt(try axis(node, "dim0", of: tensor), try axis(node, "dim1", of: tensor))
            } else {
                order.reverse()
            }
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "unsqueeze":
            let axis = try axis(node, "dim", of: tensor(node, "self"), extra: 1)
            return add(name, "Unsqueeze", [try value(node, "self"), writer.constant([axis])])
        case "squeeze":
            let rank = try rank(tensor(node, "self"))
            let axes = try integers(node, "dim").map { $0 < 0 ? $0 + rank : $0 }
            return add(name, "Squeeze", [try value(node, "self"), writer.constant(axes)])
        case "expand":
            let lengths = try symbols(node, "size").map { symbol -> Symbol in
                // The length that is there.
                if case .number(-1) = symbol { .number(1) } else { symbol }
            }
            return add(name, "Expand", [try value(node, "self"), try shape(lengths)])
        case "expand_as":
            return add(name, "Expand", [try value(node, "self"), writer.add("Shape", [try value(node, "other")])])
        case "select":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            return add(name, "Gather", [try value(node, "self"), writer.constant(try integer(node, "index"))], [("axis", .integer(axis))])
        case "slice":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            let zero = writer.constant([0])
            let start = writer.add("Unsqueeze", [try length(node, "start", 0), zero])
            let end = writer.add("Unsqueeze", [try length(node, "end", Int(Int32.max)), zero])
            let step = writer.constant([try integer(node, "step", 1)])
            return add(name, "Slice", [try value(node, "self"), start, end, writer.constant([axis]), step])
        default: return nil
        }
    }

    /// Entries of one dimension by their numbers.
    mutating func entries(_ node: Node, _ name: String) throws(Problem) -> String {
        let axis: Int
        let numbers: String
        if node.name == "index_select" {
            axis = try self.axis(node, "dim", of: tensor(node, "self"))
            numbers = try tensor(node, "index")
        } else {
            let lists = node["indices"]?.optionalTensors ?? node["indices"]?.tensors?.map { $0 } ?? []
            let given = lists.indices.filter { lists[$0] != nil }
            if given.count > 1, given == Array(0..<given.count) { return try entries(node, name, of: given.compactMap { lists[$0] }) }
            guard given.count == 1, let place = given.first, let own = lists[place] else {
                throw Problem("looks entries up by several lists", expected: "one", found: "\(given.count)")
            }
            axis = place
            numbers = own
        }
        return add(name, "Gather", [try value(node, "self"), try places(numbers)], [("axis", .integer(axis))])
    }

    /// The value of a list of entries.
    ///
    /// - Throws: ``Problem`` for a mask; bytes are masks too.
    func places(_ list: String) throws(Problem) -> String {
        let type = program.types[list].flatMap(TorchType.init)
        guard type != .bool, type != .uint8 else {
            throw Problem("keeps what a mask selects: the size of its output depends on the data")
        }
        guard let value = values[list] else { throw Problem("reads what nothing makes", found: "'\(list)'") }
        return value
    }

    /// An operation of several outputs, each a part of its input.
    ///
    /// - Returns: whether it is one.
    mutating func convertSeveral(_ node: Node) throws(Problem) -> Bool {
        switch node.name {
        case "split", "split_with_sizes", "chunk":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            var start = 0
            for output in node.outputs {
                guard let shape = program.shapes[output], shape.indices.contains(axis), let length = shape[axis] else {
                    throw Problem("has parts whose length is not fixed")
                }
                values[output] = add(
                    output, "Slice",
                    [
                        try value(node, "self"), writer.constant([start]), writer.constant([start &+ length]), writer.constant([axis]),
                        writer.constant([1]),
                    ])
                start &+= length
            }
            return true
        case "unbind":
            let axis = try axis(node, "dim", of: tensor(node, "self"), 0)
            for (place, output) in node.outputs.enumerated() {
                values[output] = add(output, "Gather", [try value(node, "self"), writer.constant(place)], [("axis", .integer(axis))])
            }
            return true
        default: return false
        }
    }
}
