import Text

/// Operations of programs that are several of ONNX, or one under another name.
extension TorchExportConversion {
    /// - Returns: the value of such an operation; nil for others.
    mutating func further(_ node: Node, _ name: String) throws(Problem) -> String? {
        if let moved = try moved(node, name) { return moved }
        if let product = try product(node, name) { return product }
        switch node.name {
        case "stack":
            guard let tensors = node["tensors"]?.tensors, let first = tensors.first else { throw Problem("joins nothing") }
            let axis = try axis(node, "dim", of: first, 0, extra: 1)
            let element = try outputType(node).element
            var parts: [String] = []
            for tensor in tensors {
                guard let value = values[tensor] else { throw Problem("reads what nothing makes", found: "'\(tensor)'") }
                parts.append(writer.add("Unsqueeze", [writer.cast(value, to: element), writer.constant([axis])]))
            }
            return add(name, "Concat", parts, [("axis", .integer(axis))])
        case "square":
            let x = try value(node, "self")
            return add(name, "Mul", [x, x])
        case "round":
            guard try integer(node, "decimals", 0) == 0 else { throw Problem("rounds to decimals") }
            return try outputType(node).isFloating ? add(name, "Round", [value(node, "self")]) : value(node, "self")
        case "expm1":
            // tanh(x / 2) (e^x + 1), which keeps all digits where x is small.
            let x = try valueAsOutput(node)
            let half = writer.add("Tanh", [writer.add("Mul", [x, writer.constant(Float(0.5))])])
            return add(name, "Mul", [half, writer.add("Add", [writer.add("Exp", [x]), writer.constant(Float(1))])])
        case "log1p": return add(name, "Log", [writer.add("Add", [try valueAsOutput(node), writer.constant(Float(1))])])
        case "log2": return add(name, "Mul", [writer.add("Log", [try valueAsOutput(node)]), writer.constant(Float(1.442_695_04))])
        case "log_sigmoid":
            let opposite = writer.add("Neg", [try value(node, "self")])
            return add(name, "Neg", [writer.add("Softplus", [opposite])])
        case "addcmul", "addcdiv":
            let factors = [try value(node, "tensor1"), try value(node, "tensor2")]
            let product = writer.add(node.name == "addcmul" ? "Mul" : "Div", factors)
            let scaled = writer.add("Mul", [product, writer.constant(Float(real(node, "value", 1)))])
            return add(name, "Add", [try value(node, "self"), scaled])
        case "lerp":
            let (start, end, weight) = (try value(node, "self"), try value(node, "end"), try operand(node, "weight", as: outputType(node)))
            return add(name, "Add", [start, writer.add("Mul", [writer.add("Sub", [end, start]), weight])])
        case "baddbmm":
            let product = writer.add("MatMul", [try factor(node, "batch1"), try factor(node, "batch2")])
            let scaled = writer.add("Mul", [product, writer.constant(Float(real(node, "alpha", 1)))])
            let first = writer.add("Mul", [try value(node, "self"), writer.constant(Float(real(node, "beta", 1)))])
            return add(name, "Add", [first, scaled])
        case "threshold":
            let x = try value(node, "self")
            let isAbove = writer.add("Greater", [x, writer.constant(Float(real(node, "threshold", 0)))])
            return add(name, "Where", [isAbove, x, writer.constant(Float(real(node, "value", 0)))])
        case "tril", "triu":
            return add(
                name, "Trilu", [try value(node, "self"), writer.constant(try integer(node, "diagonal", 0))],
                [("upper", .integer(node.name == "triu" ? 1 : 0))])
        case "var", "std": return try deviation(node, name)
        case "_weight_norm": return try weightNorm(node, name)
        case "linalg_vector_norm":
            let dims = try reducedDimensions(node)
            let (order, keeps) = (real(node, "ord", 2), flag(node, "keepdim") ? 1 : 0)
            guard order == 2 || order == 1 || order.isInfinite else {
                throw Problem("is a norm of another order than is run", expected: "1, 2 or infinity", found: "\(order)")
            }
            let x = try value(node, "self")
            let numbers = order.isInfinite ? writer.add("Abs", [x]) : x
            let operation = order == 2 ? "ReduceL2" : order == 1 ? "ReduceL1" : order > 0 ? "ReduceMax" : "ReduceMin"
            return add(name, operation, [numbers, writer.constant(dims)], [("keepdims", .integer(keeps))])
        case "einsum": return try einsum(node, name)
        case "cumsum": return try runningSum(node, name)
        case "diff": return try differences(node, name)
        case "gather":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            return add(name, "GatherElements", [try value(node, "self"), try value(node, "index")], [("axis", .integer(axis))])
        case "pixel_shuffle": return try pixelShuffle(node, name)
        case "instance_norm": return try instanceNorm(node, name)
        case "upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d":
            return try resized(node, name)
        default: return nil
        }
    }

    /// Operations that move numbers; nil for others.
    private mutating func moved(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "narrow":
            let axis = try axis(node, "dim", of: tensor(node, "self"))
            let (start, length) = (try integer(node, "start"), try integer(node, "length"))
            let end = start.addingReportingOverflow(length)
            guard length >= 0, !end.overflow, start >= 0 else { throw Problem("takes places that are not fixed") }
            let bounds = [writer.constant([start]), writer.constant([end.partialValue]), writer.constant([axis])]
            return add(name, "Slice", [try value(node, "self")] + bounds)
        case "mT":
            var order = Array(0..<(try rank(tensor(node, "self"))))
            guard order.count >= 2 else { throw Problem("has no matrices") }
            order.swapAt(order.count - 1, order.count - 2)
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "movedim":
            let tensor = try tensor(node, "self")
            var order = Array(0..<(try rank(tensor)))
            let (from, to) = (try axis(node, "source", of: tensor), try axis(node, "destination", of: tensor))
            let moved = order.remove(at: from)
            order.insert(moved, at: to)
            return add(name, "Transpose", [try factor(node, "self")], [("perm", .integers(order))])
        case "repeat":
            let times = try symbols(node, "repeats")
            let missing = times.count - (try rank(tensor(node, "self")))
            guard missing >= 0 else { throw Problem("repeats fewer dimensions than there are") }
            var x = try value(node, "self")
            if missing > 0 { x = writer.add("Unsqueeze", [x, writer.constant(Array(0..<missing))]) }
            return add(name, "Tile", [x, try shape(times)])
        case "flip":
            var x = try value(node, "self")
            for dim in try integers(node, "dims") {
                let bounds = [writer.constant([-1]), writer.constant([Int(Int32.min)]), writer.constant([dim]), writer.constant([-1])]
                x = writer.add("Slice", [x] + bounds)
            }
            return x
        case "roll":
            let tensor = try tensor(node, "self")
            let (shifts, dims) = (try integers(node, "shifts"), node["dims"] == nil ? [] : try integers(node, "dims"))
            guard shifts.count == dims.count, !dims.isEmpty, let shape = program.shapes[tensor] else {
                throw Problem("rolls all numbers as one row")
            }
            var x = try value(node, "self")
            for (shift, dim) in zip(shifts, dims) {
                let axis = dim < 0 ? dim &+ shape.count : dim
                guard shape.indices.contains(axis), let length = shape[axis], (1...1 << 40).contains(length) else {
                    throw Problem("rolls a dimension whose length is not fixed")
                }
                let own = (shift % length + length) % length
                if own == 0 { continue }
                let bounds = [(length - own, length), (0, length - own)].map { first, end in
                    [writer.constant([first]), writer.constant([end]), writer.constant([axis])]
                }
                let parts = bounds.map { writer.add("Slice", [x] + $0) }
                x = writer.add("Concat", parts, [("axis", .integer(axis))])
            }
            return x
        default: return nil
        }
    }

    /// The variance, or its root, with the number of entries less a correction.
    private mutating func deviation(_ node: Node, _ name: String) throws(Problem) -> String {
        let tensor = try tensor(node, "self")
        let dims = try reducedDimensions(node)
        guard let shape = program.shapes[tensor] else { throw Problem("reads a tensor without a shape", found: "'\(tensor)'") }
        var count = 1
        for dim in dims {
            let axis = dim < 0 ? dim &+ shape.count : dim
            guard shape.indices.contains(axis), let length = shape[axis] else {
                throw Problem("is over a dimension whose length is not fixed")
            }
            count = count.multipliedReportingOverflow(by: length).partialValue
        }
        var correction = flag(node, "unbiased", true) ? 1.0 : 0
        if node["correction"] != nil { correction = real(node, "correction", 1) }
        guard Double(count) > correction else {
            throw Problem("has too few numbers", expected: "more than \(correction)", found: "\(count)")
        }
        let (x, axes) = (try value(node, "self"), writer.constant(dims))
        let difference = writer.add("Sub", [x, writer.add("ReduceMean", [x, axes], [("keepdims", .integer(1))])])
        let squares = writer.add("Mul", [difference, difference])
        let mean = writer.add("ReduceMean", [squares, axes], [("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
        let variance = writer.add("Mul", [mean, writer.constant(Float(Double(count) / (Double(count) - correction)))])
        return node.name.hasPrefix("std") ? add(name, "Sqrt", [variance]) : variance
    }

    /// The variance or its root, and the mean.
    mutating func deviationAndMean(_ node: Node) throws(Problem) {
        guard let first = node.outputs.first else { return }
        values[first] = try deviation(node, first)
        guard node.outputs.count > 1 else { return }
        let (second, axes) = (node.outputs[1], writer.constant(try reducedDimensions(node)))
        values[second] = add(
            second, "ReduceMean", [try value(node, "self"), axes], [("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
    }

    /// A batch norm that measures a batch of one, as an instance norm is written: each channel without its mean, divided by its deviation.
    mutating func ownBatchNorm(_ node: Node) throws(Problem) {
        _ = (node["momentum"], node["training"])
        let input = try tensor(node, "input")
        guard let output = node.outputs.first, let shape = program.shapes[input], shape.count > 2, shape[0] == 1,
            node["running_mean"]?.tensor == nil
        else { throw Problem("measures its batch", expected: "a model in evaluation mode, as after model.eval()") }
        var result = writer.normalized(
            try value(node, "input"), over: shape.count - 2, epsilon: Float(real(node, "eps", 1e-5)), output: writer.unused(output))
        for (part, operation) in [("weight", "Mul"), ("bias", "Add")] where node[part]?.tensor != nil {
            let column = writer.constant([1, -1] + [Int](repeating: 1, count: shape.count - 2))
            result = writer.add(operation, [result, writer.add("Reshape", [try value(node, part), column])])
        }
        values[output] = result
    }

    /// Directions times lengths: v g / |v|, with the length over all dimensions but one.
    private mutating func weightNorm(_ node: Node, _ name: String) throws(Problem) -> String {
        let tensor = try tensor(node, "v")
        let axis = try axis(node, "dim", of: tensor, 0)
        let dims = Array(0..<(try rank(tensor))).filter { $0 != axis }
        let v = try value(node, "v")
        let length = writer.add("ReduceL2", [v, writer.constant(dims)], [("keepdims", .integer(1))])
        return add(name, "Mul", [v, writer.add("Div", [try value(node, "g"), length])])
    }
}
