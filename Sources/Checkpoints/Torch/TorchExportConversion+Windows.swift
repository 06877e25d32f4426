import Text

/// Operations on the windows, blocks and sizes of images.
extension TorchExportConversion {
    /// - Returns: the value of such an operation; nil for others.
    mutating func windowed(_ node: Node, _ name: String) throws(Problem) -> String? {
        switch node.name {
        case "im2col": return try columns(node, name)
        case "col2im":
            let pads = try pair(node, "padding", 0)
            return add(
                name, "Col2Im",
                [try value(node, "self"), writer.constant(try pair(node, "output_size")), writer.constant(try pair(node, "kernel_size"))],
                [
                    ("dilations", .integers(try pair(node, "dilation", 1))), ("pads", .integers(pads + pads)),
                    ("strides", .integers(try pair(node, "stride", 1))),
                ])
        case "unfold":
            // Windows along one dimension, whose places come last.
            let tensor = try tensor(node, "self")
            let axis = try axis(node, "dimension", of: tensor)
            let (size, step) = (try integer(node, "size"), try integer(node, "step"))
            guard let length = program.shapes[tensor]?[axis], size > 0, step > 0, size <= length, length <= 1 << 20 else {
                throw Problem("has windows over a dimension whose length is not fixed")
            }
            let starts = Array(stride(from: 0, through: length - size, by: step))
            guard starts.count * size <= 1 << 20 else { throw Problem("has too many windows", found: "\(starts.count)") }
            let places = starts.flatMap { start in (0..<size).map { start + $0 } }
            let list = writer.add("Reshape", [writer.constant(places), writer.constant([starts.count, size])])
            let rank = try rank(tensor)
            let chosen = writer.add("Gather", [try value(node, "self"), list], [("axis", .integer(axis))])
            if axis == rank - 1 { return chosen }
            let order = Array(0...axis) + Array((axis + 2)...rank) + [axis + 1]
            return add(name, "Transpose", [chosen], [("perm", .integers(order))])
        case "channel_shuffle", "native_channel_shuffle":
            let (tensor, groups) = (try tensor(node, "self"), try integer(node, "groups"))
            let rank = try rank(tensor)
            guard rank >= 3, let channels = program.shapes[tensor]?[1], groups > 0, channels % groups == 0 else {
                throw Problem("has channels that make no groups")
            }
            let x = try value(node, "self")
            let rest = [Int](repeating: 0, count: rank - 2)
            let apart = try reshaped(node, name + ".groups", replacing: 1...1, with: [.number(groups), .number(channels / groups)])
            let turned = writer.add("Transpose", [apart], [("perm", .integers([0, 2, 1] + rest.indices.map { $0 + 3 }))])
            return add(name, "Reshape", [turned, writer.add("Shape", [x])])
        case "pixel_unshuffle":
            let (tensor, factor) = (try tensor(node, "self"), try integer(node, "downscale_factor"))
            let shape = program.shapes[tensor] ?? []
            guard shape.count == 4, let channels = shape[1], let height = shape[2], let width = shape[3], factor > 0,
                height % factor == 0, width % factor == 0
            else { throw Problem("is of no images of a fixed size that are divided evenly") }
            let apart = [0, channels, height / factor, factor, width / factor, factor]
            let blocks = writer.add("Reshape", [try value(node, "self"), writer.constant(apart)])
            let turned = writer.add("Transpose", [blocks], [("perm", .integers([0, 1, 3, 5, 2, 4]))])
            let merged = [0, channels * factor * factor, height / factor, width / factor]
            return add(name, "Reshape", [turned, writer.constant(merged)])
        default: return nil
        }
    }

    private func pair(_ node: Node, _ name: String, _ standard: Int? = nil) throws(Problem) -> [Int] {
        let numbers = try integers(node, name, standard.map { [$0] })
        let pair = numbers.count == 1 ? [numbers[0], numbers[0]] : numbers
        guard pair.count == 2, pair.allSatisfy({ (0...1 << 20).contains($0) }) else {
            throw Problem("has a setting '\(name)' that is not run", found: "\(numbers)")
        }
        return pair
    }

    /// The windows of images as columns: [samples, channels x window, windows].
    private mutating func columns(_ node: Node, _ name: String) throws(Problem) -> String {
        let tensor = try tensor(node, "self")
        let shape = program.shapes[tensor] ?? []
        let (kernel, dilation) = (try pair(node, "kernel_size"), try pair(node, "dilation", 1))
        let (padding, stride) = (try pair(node, "padding", 0), try pair(node, "stride", 1))
        guard shape.count == 4, let channels = shape[1], let height = shape[2], let width = shape[3],
            ([channels, height, width] + kernel + dilation + stride).allSatisfy({ (1...1 << 20).contains($0) })
        else { throw Problem("is of no images of a fixed size") }
        var x = try value(node, "self")
        if padding != [0, 0] {
            let pads = [0, 0] + padding
            x = writer.add("Pad", [x, writer.constant(pads + pads), writer.constant(Float(0))], [("mode", .text("constant"))])
        }
        var counts: [Int] = []
        for (side, length) in [height, width].enumerated() {
            let rest = length + 2 * padding[side] - dilation[side] * (kernel[side] - 1) - 1
            guard rest >= 0, (rest / stride[side] + 1) * kernel[side] <= 1 << 20 else {
                throw Problem("has windows larger than its images")
            }
            let count = rest / stride[side] + 1
            let places = (0..<kernel[side]).flatMap { tap in (0..<count).map { $0 * stride[side] + tap * dilation[side] } }
            let list = writer.add("Reshape", [writer.constant(places), writer.constant([kernel[side], count])])
            x = writer.add("Gather", [x, list], [("axis", .integer(side == 0 ? 2 : 4))])
            counts.append(count)
        }
        let turned = writer.add("Transpose", [x], [("perm", .integers([0, 1, 2, 4, 3, 5]))])
        return add(
            name, "Reshape", [turned, writer.constant([0, channels * kernel[0] * kernel[1], counts[0] * counts[1]])])
    }

    /// The largest numbers of as many windows as are wanted, all of one size.
    mutating func adaptiveMaximum(_ node: Node) throws(Problem) {
        guard let output = node.outputs.first else { return }
        let sides = node.name.contains("1d") ? 1 : 2
        let size = try integers(node, "output_size")
        let x = try value(node, "self")
        if size.allSatisfy({ $0 == 1 }) {
            values[output] = add(output, "GlobalMaxPool", [x])
            return
        }
        let input = program.shapes[try tensor(node, "self")]?.suffix(sides).compactMap { $0 } ?? []
        guard input.count == sides, size.count == sides, zip(input, size).allSatisfy({ $1 > 0 && $0 % $1 == 0 }) else {
            throw Problem("has windows of different sizes, which is not run", expected: "\(size) times a whole number", found: "\(input)")
        }
        let window = zip(input, size).map { $0 / $1 }
        values[output] = add(output, "MaxPool", [x], [("kernel_shape", .integers(window)), ("strides", .integers(window))])
    }

    /// Images or sequences of another fixed size.
    mutating func resized(_ node: Node, _ name: String) throws(Problem) -> String {
        // The sizes stand in the shapes.
        node.reads.names.formUnion(["output_size", "scale_factors", "scales", "scales_h", "scales_w"])
        let key = node["input"] == nil ? "self" : "input"
        guard let from = program.shapes[try tensor(node, key)], let to = node.outputs.first.flatMap({ program.shapes[$0] }),
            from.count == to.count, from.count >= 3
        else { throw Problem("has no shape") }
        // Factors that are given are computed with as they are, not as the sizes would have them.
        var factors = node["scale_factors"]?.reals
        if factors == nil, case .integers(let numbers)? = node["scale_factors"]?.setting { factors = numbers.map(Double.init) }
        let given = ["scales", "scales_h", "scales_w"].filter { node[$0].map { !$0.isNone } ?? false }
        if factors == nil, !given.isEmpty { factors = given.suffix(from.count - 2).map { real(node, $0, 0) } }
        if factors?.count != from.count - 2 || factors?.contains(where: { $0 <= 0 }) == true { factors = nil }
        let isNearest = node.name.contains("nearest")
        var (x, scales, isEven) = (try value(node, key), [Float](), true)
        for (side, (length, wanted)) in zip(from, to).dropFirst(2).enumerated() {
            guard let length, let wanted, (1...1 << 20).contains(length), (1...1 << 20).contains(wanted) else {
                throw Problem("is of images whose size is not fixed")
            }
            scales.append(factors.map { Float($0[side]) } ?? Float(wanted) / Float(length))
            isEven = isEven && wanted % length == 0 && (factors.map { $0[side] == Double(wanted / length) } ?? true)
        }
        if isNearest, !isEven {
            // The place that PyTorch computes in single precision.
            for side in scales.indices {
                let (length, wanted) = (from[side + 2] ?? 1, to[side + 2] ?? 1)
                let step = factors.map { Float(1 / $0[side]) } ?? Float(length) / Float(wanted)
                let places = (0..<wanted).map { min(Int((Float($0) * step).rounded(.down)), length - 1) }
                let last = side + 1 == scales.count
                x = writer.add(
                    "Gather", [x, writer.constant(places)], [("axis", .integer(side + 2))], output: last ? writer.unused(name) : nil)
            }
            return x
        }
        let coordinates = isNearest ? "asymmetric" : flag(node, "align_corners") ? "align_corners" : "half_pixel"
        var attributes: [(String, ONNXGraphWriter.Attribute)] = [
            ("mode", .text(isNearest ? "nearest" : node.name.contains("bicubic") ? "cubic" : "linear")),
            ("coordinate_transformation_mode", .text(coordinates)),
        ]
        if isNearest { attributes.append(("nearest_mode", .text("floor"))) }
        if factors != nil || isEven {
            return add(name, "Resize", [x, "", writer.constant([1, 1] + scales)], attributes)
        }
        let front = writer.add("Shape", [x], [("end", .integer(2))])
        let sizes = writer.add("Concat", [front, writer.constant(to.dropFirst(2).compactMap { $0 })], [("axis", .integer(0))])
        return add(name, "Resize", [x, "", "", sizes], attributes)
    }
}
