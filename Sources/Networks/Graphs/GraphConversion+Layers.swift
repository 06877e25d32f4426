import Checkpoints
import Tensors
import Text

extension GraphConversion {
    /// Operators with weights, and pools.
    static let layers: [String: Operator] = [
        "Gemm": { conversion, _, node in [try conversion.gemm(node)] },
        "MatMul": { conversion, _, node in [try conversion.matrixProduct(node)] },
        "Conv": { conversion, _, node in [try conversion.convolution(node)] },
        "ConvTranspose": { conversion, _, node in [try conversion.transposedConvolution(node)] },
        "BatchNormalization": { conversion, _, node in [try conversion.batchNorm(node)] },
        "LayerNormalization": { conversion, _, node in [try conversion.layerNorm(node)] },
        "InstanceNormalization": { conversion, _, node in [try conversion.instanceNorm(node)] },
        "MaxPool": { conversion, _, node in [try conversion.pool(node)] },
        "AveragePool": { conversion, _, node in [try conversion.pool(node)] },
        "GlobalAveragePool": { conversion, _, node in [try conversion.globalPool(node, .mean)] },
        "GlobalMaxPool": { conversion, _, node in [try conversion.globalPool(node, .maximum)] },
    ]

    // MARK: Products

    /// A matrix [out, in] that multiplies from the right, as a parameter with its layout; nil if the value is no stored matrix.
    ///
    /// - Parameter isOutIn: whether the file has it as [out, in].
    private func matrix(_ value: GraphValue, isOutIn: Bool) -> (parameter: NetworkGraph.Parameter, layout: Linear.Layout, output: Int)? {
        guard let stored = value.parameter, stored.shape.count == 2, !stored.type.isWhole, let record = checkpoint[stored.tensor],
            record.shape.count == 2
        else { return nil }
        let kept = stored.isTransposed ? [stored.shape[1], stored.shape[0]] : stored.shape
        guard record.shape == kept else { return nil }
        let isKeptOutIn = isOutIn != stored.isTransposed
        return (
            NetworkGraph.Parameter(stored.tensor, shape: kept), isKeptOutIn ? .outIn : .inOut, isOutIn ? stored.shape[0] : stored.shape[1]
        )
    }

    private mutating func gemm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("alpha", "beta", "transA", "transB", "broadcast")
        let (alpha, beta) = (node.real("alpha") ?? 1, node.real("beta") ?? 1)
        let (transposesA, transposesB) = (node.integer("transA") ?? 0 != 0, node.integer("transB") ?? 0 != 0)
        var (a, b) = (try required(node, 0), try required(node, 1))
        let c = try value(node, 2)
        let name = site(node)
        if !transposesA, alpha == 1, a.site != nil, let matrix = matrix(b, isOutIn: transposesB) {
            let site = try site(of: a, for: name)
            var parameters = [matrix.parameter]
            if let c, beta == 1, let stored = c.parameter, stored.shape == [matrix.output], !stored.type.isWhole,
                let bias = parameter(stored)
            {
                parameters.append(bias)
                return try add(name, Linear(layout: matrix.layout), [site], parameters: parameters)
            }
            guard let c else { return try add(name, Linear(layout: matrix.layout), [site], parameters: parameters) }
            let product = try add(self.site(node, "product"), Linear(layout: matrix.layout), [site], parameters: parameters)
            return try sum(node, product, c, beta)
        }
        if transposesA { a = try transposed(a, self.site(node, "a")) }
        if transposesB { b = try transposed(b, self.site(node, "b")) }
        let sites = (try site(of: a, for: name), try site(of: b, for: name))
        let product = try add(
            c == nil ? name : self.site(node, "product"), MatrixProduct(scale: Float(alpha)), [sites.0, sites.1])
        guard let c else { return product }
        return try sum(node, product, c, beta)
    }

    private mutating func sum(_ node: ONNXModel.Node, _ product: GraphValue, _ c: GraphValue, _ beta: Double) throws(Problem) -> GraphValue
    {
        var c = c
        if beta != 1 { c = try add(site(node, "c"), Scaling(Float(beta)), [try site(of: c, for: site(node))]) }
        return try arithmetic(site(node), .add, product, c)
    }

    private mutating func transposed(_ value: GraphValue, _ name: String) throws(Problem) -> GraphValue {
        try add(name, Rearrangement(.transposed([1, 0])), [try site(of: value, for: name)])
    }

    /// A product with a stored matrix is a linear layer, with the bias that is added to it and nothing else.
    private mutating func matrixProduct(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes()
        var (a, b) = (try required(node, 0), try required(node, 1))
        let name = site(node)
        if let site = a.site, a.shapes[0].count >= 2, let matrix = matrix(b, isOutIn: false) {
            if let (index, bias) = bias(after: node, matrix.output) {
                let sum = model.nodes[index]
                let layer = try add(name, Linear(layout: matrix.layout), [site], parameters: [matrix.parameter, bias])
                done.insert(index)
                values[sum.outputs[0]] = layer
                return layer
            }
            return try add(name, Linear(layout: matrix.layout), [site], parameters: [matrix.parameter])
        }
        // A vector is a matrix of one row, or of one column.
        let (isRow, isColumn) = (a.shapes[0].count == 1, b.shapes[0].count == 1)
        if isRow { a = try reshaped(a, to: a.shapes.map { [1] + $0 }, self.site(node, "row")) }
        if isColumn { b = try reshaped(b, to: b.shapes.map { $0 + [1] }, self.site(node, "column")) }
        let part = isRow || isColumn ? "product" : ""
        var product: GraphValue
        if let site = a.site, let stored = b.parameter, !stored.type.isWhole, let parameter = parameter(stored) {
            product = try add(self.site(node, part), MatrixProduct(), [site], parameters: [parameter])
        } else if let site = b.site, let stored = a.parameter, !stored.type.isWhole, let parameter = parameter(stored) {
            product = try add(self.site(node, part), MatrixProduct(parameterFirst: true), [site], parameters: [parameter])
        } else {
            product = try add(
                self.site(node, part), MatrixProduct(), [try site(of: a, for: name), try site(of: b, for: self.site(node, "b"))])
        }
        if isRow || isColumn {
            let shapes = product.shapes.map { shape in
                shape.indices.filter { !(isRow && $0 == shape.count - (isColumn ? 2 : 2)) && !(isColumn && $0 == shape.count - 1) }
                    .map { shape[$0] }
            }
            product = try reshaped(product, to: shapes, name)
        }
        return product
    }

    /// The operator that adds a stored bias to a product and is alone to read it.
    private func bias(after node: ONNXModel.Node, _ width: Int) -> (Int, NetworkGraph.Parameter)? {
        guard let output = node.outputs.first, let reading = readers[output], reading.count == 1, model.outputs.first?.name != output else {
            return nil
        }
        let sum = model.nodes[reading[0]]
        guard sum.operation == "Add", sum.domain.isEmpty, sum.inputs.count == 2, sum.outputs.count == 1 else { return nil }
        let other = sum.inputs[0] == output ? sum.inputs[1] : sum.inputs[0]
        guard other != output, let value = values[other], let stored = value.parameter, stored.shape == [width], !stored.type.isWhole,
            let parameter = parameter(stored)
        else { return nil }
        return (reading[0], parameter)
    }

    // MARK: Windows

    /// The windows of a convolution or a pool: each side's settings, down then across; a side is missing for sequences.
    private struct Windows {
        var stride: [Int]
        var dilation: [Int]
        var before: [Int]
        var after: [Int]
        var isEven: Bool { before == after }
    }

    private func windows(_ node: ONNXModel.Node, kernel: [Int], _ input: GraphValue, roundsUp: Bool = false) throws(Problem) -> Windows {
        let sides = kernel.count
        guard sides == 1 || sides == 2, input.shapes[0].count == sides + 2 else {
            throw Problem(
                "windows of this many sides are not run", expected: "sequences or images", found: words(input.shapes[0]))
        }
        func list(_ name: String, _ standard: [Int]) throws(Problem) -> [Int] {
            guard let given = node.integers(name) else { return standard }
            guard given.count == standard.count else {
                throw Problem("'\(name)' is not one for each side", expected: "\(standard.count) numbers", found: "\(given.count)")
            }
            return given
        }
        let ones = [Int](repeating: 1, count: sides)
        let stride = try list("strides", ones)
        let dilation = try list("dilations", ones)
        var pads = try list("pads", [Int](repeating: 0, count: 2 * sides))
        guard (stride + dilation + kernel).allSatisfy({ $0 >= 1 && $0 <= WindowAxis.limit }),
            pads.allSatisfy({ $0 >= 0 && $0 <= WindowAxis.limit })
        else { throw Problem("settings that make no windows", found: "strides \(stride), dilations \(dilation), pads \(pads)") }
        switch node.text("auto_pad") ?? "NOTSET" {
        case "NOTSET": break
        case "VALID": pads = pads.map { _ in 0 }
        case "SAME_UPPER", "SAME_LOWER":
            guard let shape = sizes(input), shape.count == sides else {
                throw Problem("is padded by a size that is not fixed", found: "auto_pad '\(node.text("auto_pad") ?? "")'")
            }
            for side in 0..<sides {
                let count = (shape[side] - 1) / stride[side] + 1
                let needed = max(0, (count - 1) * stride[side] + (kernel[side] - 1) * dilation[side] + 1 - shape[side])
                let (less, more) = (needed / 2, needed - needed / 2)
                (pads[side], pads[side + sides]) = node.text("auto_pad") == "SAME_UPPER" ? (less, more) : (more, less)
            }
        case let other: throw Problem("an unknown way to pad", expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER", found: "'\(other)'")
        }
        return Windows(stride: stride, dilation: dilation, before: Array(pads[..<sides]), after: Array(pads[sides...]))
    }

    /// The lengths after samples and channels, if they are fixed.
    private func sizes(_ value: GraphValue) -> [Int]? {
        let sizes = value.shapes.map { Array($0.dropFirst(2)) }
        return sizes.allSatisfy { $0 == sizes[0] } ? sizes[0] : nil
    }

    /// Sequences [B, C, L] as images of one row; images as they are.
    private mutating func images(_ value: GraphValue, _ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        guard value.shapes[0].count == 3 else {
            let site = try site(of: value, for: site(node))
            return GraphValue(source: .node(site), type: value.type, shapes: value.shapes)
        }
        return try reshaped(value, to: value.shapes.map { [$0[0], $0[1], 1, $0[2]] }, site(node, "images"))
    }

    /// The output of an operation on images, as a sequence if the input was one.
    private mutating func sequences(
        _ operation: any Operation, _ images: GraphValue, _ parameters: [NetworkGraph.Parameter], _ node: ONNXModel.Node, isSequence: Bool
    ) throws(Problem) -> GraphValue {
        guard isSequence else { return try add(site(node), operation, [images.site!], parameters: parameters) }
        let made = try add(site(node, "windows"), operation, [images.site!], parameters: parameters)
        return try reshaped(made, to: made.shapes.map { [$0[0], $0[1], $0[3]] }, site(node))
    }

    private mutating func padded(
        _ images: GraphValue, _ windows: Windows, _ node: ONNXModel.Node, _ mode: Padding.Mode
    ) throws(Problem) -> GraphValue {
        let isSequence = windows.before.count == 1
        let before = [0, 0] + (isSequence ? [0] : []) + windows.before
        let after = [0, 0] + (isSequence ? [0] : []) + windows.after
        return try add(site(node, "padded"), Padding(before: before, after: after, mode: mode), [images.site!])
    }

    private func pair(_ list: [Int], single: Int) -> (Int, Int) { list.count == 1 ? (single, list[0]) : (list[0], list[1]) }

    private mutating func convolution(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
        let input = try required(node, 0)
        let weight = try required(node, 1)
        guard let stored = weight.parameter, stored.shape.count >= 3 else {
            throw Problem("its filters are computed while the model runs, which is not done here")
        }
        let kernel = Array(stored.shape.dropFirst(2))
        if let given = node.integers("kernel_shape"), given != kernel {
            throw Problem("'kernel_shape' contradicts the filters", expected: words(kernel), found: words(given))
        }
        let windows = try windows(node, kernel: kernel, input)
        let isSequence = kernel.count == 1
        guard let filters = parameter(stored, shape: isSequence ? [stored.shape[0], stored.shape[1], 1, kernel[0]] : stored.shape) else {
            throw Problem("its filters are read in two ways", subject: "tensor '\(stored.tensor)'")
        }
        var parameters = [filters]
        if let bias = try value(node, 2) {
            guard let stored = bias.parameter, let parameter = parameter(stored), stored.shape == [filters.shape[0]] else {
                throw Problem("its bias is no stored list of one number for each filter")
            }
            parameters.append(parameter)
        }
        var images = try images(input, node)
        if !windows.isEven { images = try padded(images, windows, node, .constant(0)) }
        let zeros = windows.before.map { _ in 0 }
        let operation = Convolution(
            stride: pair(windows.stride, single: 1), padding: pair(windows.isEven ? windows.before : zeros, single: 0),
            dilation: pair(windows.dilation, single: 1), groups: node.integer("group") ?? 1)
        return try sequences(operation, images, parameters, node, isSequence: isSequence)
    }

    private mutating func transposedConvolution(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "output_padding")
        let input = try required(node, 0)
        guard let stored = try required(node, 1).parameter, stored.shape.count == 4, stored.isTransposed, !stored.type.isWhole else {
            throw Problem("its filters are not those of one group over images")
        }
        guard node.integer("group") ?? 1 == 1, node.text("auto_pad") ?? "NOTSET" == "NOTSET" else {
            throw Problem("groups and automatic padding are not run")
        }
        let kernel = Array(stored.shape.dropFirst(2))
        if let given = node.integers("kernel_shape"), given != kernel {
            throw Problem("'kernel_shape' contradicts the filters", expected: words(kernel), found: words(given))
        }
        let windows = try windows(node, kernel: kernel, input)
        let extra = node.integers("output_padding") ?? [0, 0]
        guard windows.isEven, extra.count == 2, extra.allSatisfy({ $0 >= 0 }) else {
            throw Problem("is padded unevenly, which is not run", found: "pads \(windows.before + windows.after)")
        }
        var parameters = [
            NetworkGraph.Parameter(stored.tensor, shape: [stored.shape[1], stored.shape[0]] + kernel)
        ]
        if let bias = try value(node, 2) {
            guard let stored = bias.parameter, let parameter = parameter(stored), stored.shape == [parameters[0].shape[0]] else {
                throw Problem("its bias is no stored list of one number for each filter")
            }
            parameters.append(parameter)
        }
        let operation = TransposedConvolution(
            stride: pair(windows.stride, single: 1), padding: pair(windows.before, single: 0), dilation: pair(windows.dilation, single: 1),
            extra: (extra[0], extra[1]))
        return try add(site(node), operation, [try site(of: input, for: site(node))], parameters: parameters)
    }

    private mutating func pool(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes(
            "auto_pad", "dilations", "kernel_shape", "pads", "strides", "ceil_mode", "count_include_pad", "storage_order")
        let input = try required(node, 0)
        let isMaximum = node.operation == "MaxPool"
        guard let kernel = node.integers("kernel_shape"), !kernel.isEmpty else { throw Problem("has no 'kernel_shape'") }
        var windows = try windows(node, kernel: kernel, input)
        let rounding: WindowAxis.Rounding = node.integer("ceil_mode") ?? 0 != 0 ? .up : .down
        var images = try images(input, node)
        let counts = node.integer("count_include_pad") ?? 0 != 0
        let isWide = zip(windows.before, zip(kernel, windows.dilation)).contains { $0 > ((($1.0 - 1) * $1.1) + 1) / 2 }
        if !windows.isEven || isWide {
            guard rounding == .down, isMaximum || counts else {
                throw Problem("is padded unevenly in a way that is not run", found: "pads \(windows.before + windows.after)")
            }
            images = try padded(images, windows, node, .constant(isMaximum ? -.infinity : 0))
            windows.before = windows.before.map { _ in 0 }
            windows.after = windows.before
        }
        let (size, stride, padding) = (
            pair(kernel, single: 1), pair(windows.stride, single: 1), pair(windows.before, single: 0)
        )
        let operation: any Operation
        if isMaximum {
            operation = MaxPool(
                kernel: size, stride: stride, padding: padding, dilation: pair(windows.dilation, single: 1), rounding: rounding)
        } else {
            guard windows.dilation.allSatisfy({ $0 == 1 }) else { throw Problem("means over dilated windows are not run") }
            operation = AveragePool(
                kernel: size, stride: stride, padding: padding, rounding: rounding, paddingCounts: counts ? .counted : .ignored)
        }
        return try sequences(operation, images, [], node, isSequence: kernel.count == 1)
    }

    private mutating func globalPool(_ node: ONNXModel.Node, _ function: Reduction.Function) throws(Problem) -> GraphValue {
        try node.checkAttributes()
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard rank >= 3 else { throw Problem("has no places to pool", found: words(input.shapes[0])) }
        if rank == 4, function == .mean { return try apply(AdaptiveAveragePool(output: (1, 1)), node) }
        return try apply(Reduction(function, axes: Array(2..<rank), keepsDimensions: true), node)
    }

    // MARK: Norms

    private mutating func batchNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("epsilon", "momentum", "training_mode", "spatial")
        guard node.integer("training_mode") ?? 0 == 0, node.integer("spatial") ?? 1 == 1 else {
            throw Problem("measures what it reads, which is not run")
        }
        let input = try required(node, 0)
        var parameters: [NetworkGraph.Parameter] = []
        for place in 1...4 {
            guard let stored = try required(node, place).parameter, stored.shape.count == 1, let parameter = parameter(stored) else {
                throw Problem("its parameters are no stored lists of one number for each channel")
            }
            parameters.append(parameter)
        }
        let operation = BatchNorm(epsilon: Float(node.real("epsilon") ?? 1e-5), momentum: Float(1 - (node.real("momentum") ?? 0.9)))
        let rank = input.shapes[0].count
        if rank == 2 { return try add(site(node), operation, [try site(of: input, for: site(node))], parameters: parameters) }
        guard rank == 3 || rank == 4 else { throw Problem("reads rows, sequences or images", found: words(input.shapes[0])) }
        return try sequences(operation, try images(input, node), parameters, node, isSequence: rank == 3)
    }

    private mutating func layerNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis", "epsilon", "stash_type")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? -1, rank), rank > 0 else { throw Problem("has no such dimension") }
        let operation = LayerNorm(epsilon: Float(node.real("epsilon") ?? 1e-5))
        let site = try site(of: input, for: site(node))
        // Several dimensions are one.
        let isFlat = axis == rank - 1
        let flat = isFlat ? input.shapes : input.shapes.map { Array($0[..<axis]) + [$0[axis...].reduce(1, *)] }
        let rows =
            isFlat
            ? GraphValue(source: .node(site), type: input.type, shapes: input.shapes)
            : try reshaped(input, to: flat, self.site(node, "rows"))
        let width = flat[0].last ?? 1
        var stored: [NetworkGraph.Parameter] = []
        for place in 1...2 {
            guard let value = try value(node, place), let weight = value.parameter, weight.shape.reduce(1, *) == width,
                let parameter = parameter(weight, shape: [width])
            else { break }
            stored.append(parameter)
        }
        let given = (try value(node, 1) != nil ? 1 : 0) + (try value(node, 2) != nil ? 1 : 0)
        var normed: GraphValue
        if stored.count == given, given > 0 {
            normed = try add(isFlat ? self.site(node) : self.site(node, "norm"), operation, [rows.site!], parameters: stored)
            return isFlat ? normed : try reshaped(normed, to: input.shapes, self.site(node))
        }
        normed = try add(self.site(node, "norm"), operation, [rows.site!])
        if !isFlat { normed = try reshaped(normed, to: input.shapes, self.site(node, "shaped")) }
        if let weight = try value(node, 1) { normed = try arithmetic(self.site(node, "scaled"), .multiply, normed, weight) }
        if let bias = try value(node, 2) { normed = try arithmetic(self.site(node), .add, normed, bias) }
        return normed
    }

    /// Each channel of each sample normalised: a layer norm over its places, then a factor and a summand for each channel.
    private mutating func instanceNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("epsilon")
        let input = try required(node, 0)
        guard input.shapes[0].count >= 3 else { throw Problem("has no places to normalise over", found: words(input.shapes[0])) }
        let rows = try reshaped(
            input, to: input.shapes.map { [$0[0], $0[1], $0[2...].reduce(1, *)] }, site(node, "rows"))
        let normed = try add(site(node, "norm"), LayerNorm(epsilon: Float(node.real("epsilon") ?? 1e-5)), [rows.site!])
        var result = normed
        for (place, function, part) in [(1, Arithmetic.Function.multiply, "scaled"), (2, .add, "shifted")] {
            guard let value = try value(node, place) else { continue }
            if let stored = value.parameter, let parameter = parameter(stored, shape: [stored.shape.reduce(1, *), 1]) {
                result = try add(site(node, part), Arithmetic(function), [result.site!], parameters: [parameter])
            } else {
                let column = try reshaped(value, to: value.shapes.map { $0 + [1] }, site(node, part + ".column"))
                result = try arithmetic(site(node, part), function, result, column)
            }
        }
        return try reshaped(result, to: input.shapes, site(node))
    }
}
