import Text

/// Operations that find, repeat or average entries.
extension TorchExportConversion {
    /// - Returns: the value of such an operation; nil for others.
    mutating func lookedUp(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "argmax", "argmin":
            guard let argument = node["dim"], !argument.isNone else { throw Problem("is over all numbers of the batch") }
            return try place(node, name, isLargest: node.name == "argmax")
        case "max", "min":
            return add(
                name, node.name == "max" ? "ReduceMax" : "ReduceMin",
                [try value(node, "self"), writer.constant(try reducedDimensions(node))], [("keepdims", .integer(0))])
        case "repeat_interleave":
            // Each entry as often as one number says.
            guard node["repeats"]?.tensor == nil, let argument = node["dim"], !argument.isNone else {
                throw Problem("repeats entries by a list, or all numbers as one row")
            }
            let (axis, times) = (try axis(node, "dim", of: tensor(node, "self")), try integer(node, "repeats"))
            guard times > 0 else { throw Problem("repeats nothing", found: "\(times)") }
            node.reads.names.insert("output_size")
            let apart = writer.add("Unsqueeze", [try value(node, "self"), writer.constant([axis + 1])])
            let shape = [Int](repeating: 1, count: try rank(tensor(node, "self")) + 1)
            let wide = writer.add("Expand", [apart, writer.constant(Array(shape[...axis]) + [times] + shape[(axis + 2)...])])
            let front = [Int](repeating: 0, count: axis) + [-1]
            let rest = writer.add("Shape", [wide], [("start", .integer(axis + 2))])
            return add(name, "Reshape", [wide, writer.add("Concat", [writer.constant(front), rest], [("axis", .integer(0))])])
        case "numel", "sym_numel": return add(name, "Size", [try value(node, "self")])
        case "cosine_similarity":
            let (a, b) = (try value(node, "x1"), try value(node, "x2"))
            let axis = writer.constant([try integer(node, "dim", 1)])
            let least = writer.constant(Float(real(node, "eps", 1e-8)))
            let directions = [a, b].map { x in
                writer.add("Div", [x, writer.add("Max", [writer.add("ReduceL2", [x, axis], [("keepdims", .integer(1))]), least])])
            }
            return add(name, "ReduceSum", [writer.add("Mul", directions), axis], [("keepdims", .integer(0))])
        case "logsumexp":
            let dims = try reducedDimensions(node)
            return add(
                name, "ReduceLogSumExp", [try valueAsOutput(node), writer.constant(dims)],
                [("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
        default: return nil
        }
    }

    /// The place of the largest or smallest number along a dimension; the first of several.
    mutating func place(_ node: Node, _ name: String, isLargest: Bool) throws(Problem) -> String {
        let axis = try axis(node, "dim", of: tensor(node, "self"))
        return add(
            name, isLargest ? "ArgMax" : "ArgMin", [try value(node, "self")],
            [("axis", .integer(axis)), ("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
    }

    /// The largest or smallest numbers along a dimension, and their places.
    mutating func extremes(_ node: Node) throws(Problem) {
        let isLargest = node.name == "max"
        let axis = try axis(node, "dim", of: tensor(node, "self"))
        let keeps = ("keepdims", ONNXGraphWriter.Attribute.integer(flag(node, "keepdim") ? 1 : 0))
        if let output = node.outputs.first {
            values[output] = add(
                output, isLargest ? "ReduceMax" : "ReduceMin", [try value(node, "self"), writer.constant([axis])], [keeps])
        }
        if node.outputs.count > 1 { values[node.outputs[1]] = try place(node, node.outputs[1], isLargest: isLargest) }
    }

    /// The mean, the sum or the largest of the rows of a table that each sample's numbers choose.
    ///
    /// PyTorch joins the samples' numbers to one list, and says where each begins: that is undone here.
    ///
    /// - Throws: ``Problem`` for lists of other lengths.
    mutating func embeddingBag(_ node: Node) throws(Problem) {
        guard let output = node.outputs.first else { return }
        let unread = node.outputs.dropFirst().first { output in
            program.nodes.contains { $0.inputs.contains { $0.value.names.contains(output) } }
        }
        guard unread == nil, node["per_sample_weights"]?.tensor == nil, !flag(node, "include_last_offset"),
            // In the function -1 is the last entry; in what it consists of, none.
            node["padding_idx"].map({ $0.isNone || node.name.hasPrefix("_") && $0.setting == .integer(-1) }) ?? true
        else { throw Problem("weighs or leaves out some of its rows, which is not run") }
        let (list, starts) = (makers[try tensor(node, "indices")], makers[try tensor(node, "offsets")])
        guard let list, list.name == "view" || list.name == "reshape", let samples = list.inputs.first?.value.tensor,
            case .number(-1)? = list[list["size"] == nil ? "shape" : "size"]?.symbols?.first ?? nil, let shape = program.shapes[samples],
            shape.count == 2, let starts, starts.name == "arange", try integer(starts, "start", 0) == 0,
            try isLength(starts["step"], of: samples, shape[1]), let numbers = values[samples]
        else { throw Problem("reads lists of different lengths, which is not run", expected: "as many numbers in each sample") }
        let operations = ["ReduceSum", "ReduceMean", "ReduceMax"]
        let mode = try integer(node, "mode", 0)
        guard operations.indices.contains(mode) else { throw Problem("joins rows in an unknown way", found: "\(mode)") }
        let rows = writer.add("Gather", [try value(node, "weight"), numbers])
        values[output] = add(output, operations[mode], [rows, writer.constant([1])], [("keepdims", .integer(0))])
    }

    /// Whether a number is that of the entries in each row of a tensor with two dimensions.
    private func isLength(_ argument: Argument?, of tensor: String, _ known: Int?) throws(Problem) -> Bool {
        switch argument?.symbols?.first ?? nil {
        case .number(let number)?: return number > 0 && number == known
        case .name(let name)?:
            guard let maker = makers[name], maker.name == "sym_size", maker["self"]?.tensor == tensor else { return false }
            return try [1, -1].contains(integer(maker, "dim"))
        case nil: return known == 1 && argument == nil
        }
    }
}
