import Text

/// Operations that write numbers into tensors, or into parts of them: `mask[:, 2:4] = 1`.
extension TorchExportConversion {
    /// Operations whose output shows some or all of its input's numbers, and which can be undone.
    private static let parts: Set<String> = ["slice", "select", "unsqueeze", "view", "alias", "transpose", "permute", "t", "numpy_T"]

    /// Gives the tensor that an operation overwrites its new value, and those of which that is a part.
    ///
    /// - Returns: the names of those tensors.
    mutating func written(by node: Node) throws(Problem) -> Set<String> {
        guard node.overwrites, let input = node.inputs.first?.value.tensor, let made = node.outputs.first.flatMap({ values[$0] }) else {
            return []
        }
        values[input] = made
        var written: Set<String> = [input]
        var part = input
        while let view = makers[part], Self.parts.contains(view.name), !view.overwrites, let base = view.inputs.first?.value.tensor,
            let value = try merged(values[part] ?? made, view, base)
        {
            values[base] = value
            written.insert(base)
            part = base
        }
        return written
    }

    /// A tensor with new numbers in the part that a view shows; nil if the view's places are not known.
    private mutating func merged(_ part: String, _ view: Node, _ base: String) throws(Problem) -> String? {
        guard let whole = values[base] else { return nil }
        switch view.name {
        case "slice", "select": return try replacement(in: whole, of: base, view, part, isSingle: view.name == "select")
        case "transpose", "permute", "t", "numpy_T":
            let rank = try rank(base)
            var order = Array(0..<rank)
            if view.name == "permute" {
                for (place, axis) in try integers(view, "dims").enumerated() where (-rank..<rank).contains(axis) {
                    order[axis < 0 ? axis + rank : axis] = place
                }
            } else if view.name == "transpose" {
                order.swapAt(try axis(view, "dim0", of: base), try axis(view, "dim1", of: base))
            } else {
                order.reverse()
            }
            return writer.add("Transpose", [part], [("perm", .integers(order))])
        default: return writer.add("Reshape", [part, writer.add("Shape", [whole])])
        }
    }

    /// Operations that give a tensor with other numbers, or with others in a part of it; nil for others.
    mutating func replaced(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "zero":
            let zero = writer.constant(0, as: try outputType(node).element)
            return add(name, "Expand", [zero, writer.add("Shape", [try value(node, "self")])])
        case "fill", "copy":
            let number = try operand(node, node.name == "fill" ? "value" : "src", as: outputType(node))
            return add(name, "Expand", [number, writer.add("Shape", [try value(node, "self")])])
        case "slice_scatter", "select_scatter":
            let part = writer.cast(try value(node, "src"), to: try outputType(node).element)
            let base = try tensor(node, "self")
            guard
                let made = try replacement(in: try value(node, "self"), of: base, node, part, isSingle: node.name == "select_scatter")
            else { throw Problem("replaces places that are not fixed") }
            return made
        case "index_put":
            // A mask of the tensor's own shape, behind which all numbers are one.
            let lists = node["indices"]?.optionalTensors ?? node["indices"]?.tensors?.map { $0 } ?? []
            let (tensor, new) = (try tensor(node, "self"), try tensor(node, "values"))
            guard lists.count == 1, let mask = lists[0], program.types[mask].flatMap(TorchType.init) == .bool, let value = values[mask],
                try rank(mask) == rank(tensor), program.shapes[new]?.allSatisfy({ $0 == 1 }) == true, !flag(node, "accumulate")
            else { throw Problem("writes to places that are computed while the model runs, which is not run") }
            return add(name, "Where", [value, try operand(node, "values", as: outputType(node)), try valueAsOutput(node)])
        default: return nil
        }
    }

    /// A tensor with new numbers at some places of one dimension.
    ///
    /// - Parameters:
    ///   - tensor: its name in the program.
    ///   - node: what says the dimension and the places.
    ///   - isSingle: whether the new numbers are those of one place, without its dimension.
    /// - Returns: nil if the places depend on a length that is not fixed.
    private mutating func replacement(
        in whole: String, of tensor: String, _ node: Node, _ part: String, isSingle: Bool
    ) throws(Problem) -> String? {
        let axis = try axis(node, "dim", of: tensor, isSingle ? nil : 0)
        var part = part
        if isSingle { part = writer.add("Unsqueeze", [part, writer.constant([axis])]) }
        let (first, end, step): (Int, Int, Int)
        if isSingle {
            let place = try integer(node, "index")
            (first, end, step) = (place, place == -1 ? .max : place &+ 1, 1)
        } else {
            guard isFixed(node, "start"), isFixed(node, "end") else { return nil }
            (first, end, step) = (try integer(node, "start", 0), try integer(node, "end", .max), try integer(node, "step", 1))
        }
        guard let length = program.shapes[tensor]?[axis] else {
            // All places, or so many at one end, wherever the other is.
            guard step == 1, end == .max || first >= 0 && end >= first || first < 0 && end < 0 && end >= first else { return nil }
            if first == 0, end == .max { return part }
            var parts = [part]
            if first != 0 { parts.insert(slice(whole, axis, 0, first), at: 0) }
            if end != .max { parts.append(slice(whole, axis, end, .max)) }
            return writer.add("Concat", parts, [("axis", .integer(axis))])
        }
        func bound(_ place: Int) -> Int { max(0, min(length, place < 0 ? place &+ length : place)) }
        let (low, high) = (bound(first), bound(end))
        guard step > 0, length <= 1 << 20 else { return nil }
        if step == 1 {
            guard low < high else { return whole }
            if low == 0, high == length { return part }
            var parts = [part]
            if low > 0 { parts.insert(slice(whole, axis, 0, low), at: 0) }
            if high < length { parts.append(slice(whole, axis, high, length)) }
            return writer.add("Concat", parts, [("axis", .integer(axis))])
        }
        // The new numbers stand behind the old ones, and each place takes its own.
        var places = Array(0..<length)
        for (count, place) in stride(from: low, to: max(low, high), by: step).enumerated() { places[place] = length + count }
        let both = writer.add("Concat", [whole, part], [("axis", .integer(axis))])
        return writer.add("Gather", [both, writer.constant(places)], [("axis", .integer(axis))])
    }

    private func isFixed(_ node: Node, _ name: String) -> Bool {
        guard let argument = node[name], !argument.isNone else { return true }
        if case .integer? = argument.setting { return true }
        return false
    }

    private mutating func slice(_ value: String, _ axis: Int, _ first: Int, _ end: Int) -> String {
        writer.add("Slice", [value, writer.constant([first]), writer.constant([end]), writer.constant([axis]), writer.constant([1])])
    }
}
