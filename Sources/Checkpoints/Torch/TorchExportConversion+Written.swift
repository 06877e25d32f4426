import Text

/// Operations that PyTorch writes out when it decomposes others, and those without a single counterpart in ONNX.
extension TorchExportConversion {
    /// - Returns: the value of an operation that compares, fills, pads, gates or normalises; nil for others.
    mutating func written(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "any":
            let dims = try reducedDimensions(node)
            let numbers = writer.add("Cast", [try value(node, "self")], [("to", .integer(1))])
            let most = writer.add("ReduceMax", [numbers, writer.constant(dims)], [("keepdims", .integer(flag(node, "keepdim") ? 1 : 0))])
            return add(name, "Greater", [most, writer.constant(Float(0))])
        case "_safe_softmax":
            return add(
                name, "Softmax", [try value(node, "self")], [("axis", .integer(try axis(node, "dim", of: tensor(node, "self"))))])
        case "rms_norm":
            guard try integers(node, "normalized_shape").count == 1 else { throw Problem("is over several dimensions") }
            let (x, weight) = (try value(node, "input"), try optional(node, "weight"))
            let epsilon = Float(real(node, "eps", Double(Float.ulpOfOne)))
            let square = writer.add("ReduceMean", [writer.add("Mul", [x, x]), writer.constant([-1])], [("keepdims", .integer(1))])
            let size = writer.add("Sqrt", [writer.add("Add", [square, writer.constant(epsilon)])])
            guard !weight.isEmpty else { return add(name, "Div", [x, size]) }
            return add(name, "Mul", [writer.add("Div", [x, size]), weight])
        case "group_norm", "native_group_norm": return try groupNorm(node, name)
        case "glu":
            let input = try tensor(node, "self")
            let axis = try axis(node, "dim", of: input, -1)
            guard let width = program.shapes[input]?[axis], width % 2 == 0 else { throw Problem("has no halves of a fixed width") }
            let x = try value(node, "self")
            let halves = [0, width / 2].map { first in
                let bounds = [writer.constant([first]), writer.constant([first + width / 2]), writer.constant([axis])]
                return writer.add("Slice", [x] + bounds)
            }
            let (first, second) = (halves[0], halves[1])
            return add(name, "Mul", [first, writer.add("Sigmoid", [second])])
        case "prelu", "_prelu_kernel":
            let (rank, weight) = (try rank(tensor(node, "self")), try tensor(node, "weight"))
            var slope = try value(node, "weight")
            if let shape = program.shapes[weight], shape.count == 1, let count = shape[0], count > 1, rank > 2 {
                slope = writer.add("Reshape", [slope, writer.constant([count] + [Int](repeating: 1, count: rank - 2))])
            }
            return add(name, "PRelu", [try value(node, "self"), slope])
        case "constant_pad_nd", "pad": return try padded(node, name)
        case "conv_transpose1d", "conv_transpose2d", "conv_transpose3d": return try convolution(node, name, isTransposed: true)
        default: return nil
        }
    }

    /// The channels of a group, at all their places, as one row without its mean and with a standard deviation of 1.
    private mutating func groupNorm(_ node: Node, _ name: String) throws(Problem) -> String {
        let input = try tensor(node, "input")
        let (x, rank) = (try value(node, "input"), try rank(input))
        for part in ["N", "C", "HxW"] { _ = node[part] }
        let groups = try integer(node, node["num_groups"] == nil ? "group" : "num_groups")
        guard groups > 0, rank > 1 else { throw Problem("has no groups") }
        let rows = writer.add("Reshape", [x, writer.constant([0, groups, -1])])
        let plain = [Float(1), 0].map { writer.constant([Float](repeating: $0, count: groups)) }
        let normed = writer.add(
            "InstanceNormalization", [rows] + plain, [("epsilon", .real(Float(real(node, "eps", 1e-5))))],
            output: writer.unused(name + ".rows"))
        var result = writer.add("Reshape", [normed, writer.add("Shape", [x])])
        for (part, operation) in [("weight", "Mul"), ("bias", "Add")] {
            guard let tensor = node[part]?.tensor, let count = program.shapes[tensor]?.first ?? nil else { continue }
            let column = writer.add(
                "Reshape", [try value(node, part), writer.constant([count] + [Int](repeating: 1, count: rank - 2))])
            result = writer.add(operation, [result, column])
        }
        return result
    }

    private mutating func padded(_ node: Node, _ name: String) throws(Problem) -> String {
        let rank = try rank(tensor(node, "self"))
        let pads = try integers(node, "pad")
        guard pads.count % 2 == 0, pads.count <= 2 * rank else { throw Problem("pads more dimensions than there are") }
        var (before, after) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
        // The last dimension comes first.
        for place in 0..<pads.count / 2 {
            before[rank - 1 - place] = pads[2 * place]
            after[rank - 1 - place] = pads[2 * place + 1]
        }
        var mode = "constant"
        if case .text(let text)? = node["mode"]?.setting { mode = text }
        let modes = ["constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"]
        guard let written = modes[mode] else { throw Problem("pads in a way that is not run", found: "'\(mode)'") }
        let inputs = [try value(node, "self"), writer.constant(before + after)]
        guard written == "constant" else { return add(name, "Pad", inputs, [("mode", .text(written))]) }
        return add(name, "Pad", inputs + [writer.constant(Float(real(node, "value", 0)))], [("mode", .text(written))])
    }

    /// The padding of a convolution that keeps the size of its images: one place more at the end, where the window is even.
    func samePadding(_ node: Node, dilation: [Int]) throws(Problem) -> [Int]? {
        guard case .text(let text)? = node["padding"]?.setting else { return nil }
        guard let kernel = program.shapes[try tensor(node, "weight")]?.dropFirst(2), kernel.count == dilation.count,
            text == "same" || text == "valid"
        else { throw Problem("pads in a way that is not run", found: "'\(text)'") }
        let totals = zip(kernel, dilation).map { text == "valid" ? 0 : (($0 ?? 1) - 1) * $1 }
        return totals.map { $0 / 2 } + totals.map { $0 - $0 / 2 }
    }

    /// The weight or the bias of a batch norm: one number for each channel if it has none.
    mutating func channels(_ node: Node, _ name: String, _ standard: Float) throws(Problem) -> String {
        if node[name]?.tensor != nil { return try value(node, name) }
        guard let count = program.shapes[try tensor(node, "running_mean")]?.first ?? nil, (0...(1 << 20)).contains(count) else {
            throw Problem("has no tensor 'running_mean' of one number for each channel")
        }
        return writer.constant([Float](repeating: standard, count: count))
    }

    // MARK: Settings

    /// What is given to operations and changes no number, or shows in the shape of the output alone.
    private static let withoutEffect: Set<String> = [
        "memory_format", "layout", "device", "pin_memory", "non_blocking", "copy", "requires_grad", "cudnn_enabled", "cudnn_enable",
        "benchmark", "deterministic", "allow_tf32", "sparse", "half_to_float", "implicit", "inplace",
        "split_size", "split_sizes", "chunks", "path",
    ]
    private static let halfTypes: Set<Int> = [6, 13]

    /// - Throws: ``Problem`` if an operation has a setting that its conversion did not read.
    func checkThatAllIsRead(_ node: Node) throws(Problem) {
        if let wrong = node.reads.unread.min() { throw Problem("has a setting '\(wrong)' of a kind that is not run") }
        for (name, argument) in node.inputs where !node.reads.names.contains(name) && !argument.isNone {
            if Self.withoutEffect.contains(name) || argument.setting == .boolean(false) { continue }
            // The type is the output's; only that of few digits changes numbers.
            if name == "dtype", let type = node.outputs.first.flatMap({ program.types[$0] }), !Self.halfTypes.contains(type) { continue }
            throw Problem("has a setting '\(name)' that is not run", found: argument.setting.map { "\($0)" })
        }
    }
}
