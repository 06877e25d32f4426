import Checkpoints
import Tensors
import Text

extension GraphConversion {
    /// Operators with weights, and pools.
    static let layers: [String: Operator] = [
        "Gemm": { conversion, _, node in [try conversion.ofEqualRows(node) { (own) throws(Problem) in try own.gemm(node) }] },
        "MatMul": { conversion, _, node in [try conversion.ofEqualRows(node) { (own) throws(Problem) in try own.matrixProduct(node) }] },
        "Conv": { conversion, _, node in [try conversion.convolution(node)] },
        "ConvTranspose": { conversion, _, node in [try conversion.transposedConvolution(node)] },
        "BatchNormalization": { conversion, _, node in [try conversion.batchNorm(node)] },
        "LayerNormalization": { conversion, _, node in [try conversion.layerNorm(node)] },
        "RMSNormalization": { conversion, _, node in [try conversion.rootMeanSquareNorm(node)] },
        "RotaryEmbedding": { conversion, _, node in [try conversion.rotaryEmbedding(node)] },
        "Attention": { conversion, _, node in [try conversion.attention(node)] },
        "ai.onnx.ml.Scaler": { conversion, _, node in [try conversion.scaler(node)] },
        "InstanceNormalization": { conversion, _, node in [try conversion.instanceNorm(node)] },
        "OneHot": { conversion, _, node in [try conversion.marks(node)] },
        "GroupNormalization": { conversion, _, node in [try conversion.groupNorm(node)] },
        "MaxPool": { conversion, _, node in [try conversion.pool(node)] },
        "AveragePool": { conversion, _, node in [try conversion.pool(node)] },
        "GlobalAveragePool": { conversion, _, node in [try conversion.globalPool(node, .mean)] },
        "GlobalMaxPool": { conversion, _, node in [try conversion.globalPool(node, .maximum)] },
    ]

    // MARK: Products

    /// A matrix [out, in] that multiplies from the right, as a parameter with its layout; nil if the value is no stored matrix.
    ///
    /// - Parameter isOutIn: whether the file has it as [out, in].
    func matrix(_ value: GraphValue, isOutIn: Bool) -> (parameter: NetworkGraph.Parameter, layout: Linear.Layout, output: Int)? {
        guard let stored = value.parameter, stored.shape.count == 2, !stored.type.isWhole, let record = checkpoint[stored.tensor] else {
            return nil
        }
        let kept = stored.isTransposed ? [stored.shape[1], stored.shape[0]] : stored.shape
        // One that the graph has made a matrix of has its elements in the same order.
        guard record.shape == kept || record.shape.count != 2 else { return nil }
        let isKeptOutIn = isOutIn != stored.isTransposed
        return (
            NetworkGraph.Parameter(stored.tensor, shape: kept, stored: record.shape), isKeptOutIn ? .outIn : .inOut,
            isOutIn ? stored.shape[0] : stored.shape[1]
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
        // A matrix that is repeated for each sample is one layer for all.
        if isRepeated(b), a.site == nil || !zip(a.shapes, b.shapes).allSatisfy({ $0.dropLast(2) == $1.dropLast(2) }) {
            b = try repeatedApart(b, self.site(node, "b"))
        }
        if let site = a.site, a.shapes[0].count >= 2, let matrix = matrix(b, isOutIn: false) {
            if let (index, bias) = bias(after: node, matrix.output) {
                let sum = model.nodes[index]
                let layer = try add(self.site(sum), Linear(layout: matrix.layout), [site], parameters: [matrix.parameter, bias])
                done.insert(index)
                values[sum.outputs[0]] = layer
                return layer
            }
            return try add(name, Linear(layout: matrix.layout), [site], parameters: [matrix.parameter])
        }
        b = try repeatedApart(b, self.site(node, "b"))
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

    /// The operator that adds a stored bias to a product and is alone to read it. What else reads the bias makes it no part of the layer,
    /// unless both are in one module, which runs several times.
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
        guard readers[other]?.count == 1 || Self.areOneModule(node, sum) else { return nil }
        return (reading[0], parameter)
    }

    /// Whether a product and a sum are one module's, by the names that PyTorch's exporters give: `/block/fc/MatMul` and `/block/fc/Add`, or
    /// those of one step of a program.
    private static func areOneModule(_ product: ONNXModel.Node, _ sum: ONNXModel.Node) -> Bool {
        if let made = product.outputs.first, let added = sum.outputs.first, made == added + ".product" { return true }
        guard let end = product.name.lastIndex(of: "/"), end > product.name.startIndex else { return false }
        return sum.name.lastIndex(of: "/").map { sum.name[..<$0] } == product.name[..<end]
    }

    // MARK: Windows

    /// The windows of a convolution or a pool: each side's settings, down then across; a side is missing for sequences.
    struct Windows {
        var stride: [Int]
        var dilation: [Int]
        var before: [Int]
        var after: [Int]
        /// The windows' size, and where they are padded by the size of what they cut: to as many as there are strides.
        var kernel: [Int]
        var same: SamePadding.Side?
        var isEven: Bool { before == after && same == nil }
    }

    func windows(_ node: ONNXModel.Node, kernel: [Int], _ input: GraphValue, roundsUp: Bool = false) throws(Problem) -> Windows {
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
        var same: SamePadding.Side?
        switch node.text("auto_pad") ?? "NOTSET" {
        case "NOTSET": break
        case "VALID": pads = pads.map { _ in 0 }
        case "SAME_UPPER", "SAME_LOWER":
            let end: SamePadding.Side = node.text("auto_pad") == "SAME_UPPER" ? .end : .beginning
            guard let shape = sizes(input), shape.count == sides else {
                // The size is known when data are.
                same = end
                break
            }
            for side in 0..<sides {
                (pads[side], pads[side + sides]) = SamePadding.places(
                    shape[side], kernel: kernel[side], stride: stride[side], dilation: dilation[side], side: end)
            }
        case let other: throw Problem("an unknown way to pad", expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER", found: "'\(other)'")
        }
        return Windows(
            stride: stride, dilation: dilation, before: Array(pads[..<sides]), after: Array(pads[sides...]), kernel: kernel, same: same)
    }

    /// The lengths after samples and channels, if they are fixed.
    private func sizes(_ value: GraphValue) -> [Int]? {
        let sizes = value.shapes.map { Array($0.dropFirst(2)) }
        return sizes.allSatisfy { $0 == sizes[0] } ? sizes[0] : nil
    }

    /// Sequences [B, C, L] as images of one row; images as they are.
    mutating func images(_ value: GraphValue, _ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        guard value.shapes[0].count == 3 else {
            let site = try site(of: value, for: site(node))
            return GraphValue(source: .node(site), type: value.type, shapes: value.shapes)
        }
        return try reshaped(value, to: value.shapes.map { [$0[0], $0[1], 1, $0[2]] }, site(node, "images"))
    }

    /// The output of an operation on images, as a sequence if the input was one.
    mutating func sequences(
        _ operation: any Operation, _ images: GraphValue, _ parameters: [NetworkGraph.Parameter], _ node: ONNXModel.Node,
        name: String? = nil, isSequence: Bool
    ) throws(Problem) -> GraphValue {
        let name = name ?? site(node)
        guard isSequence else { return try add(name, operation, [images.site!], parameters: parameters) }
        let made = try add(site(node, "windows"), operation, [images.site!], parameters: parameters)
        return try reshaped(made, to: made.shapes.map { [$0[0], $0[1], $0[3]] }, name)
    }

    private mutating func padded(
        _ images: GraphValue, _ windows: Windows, _ node: ONNXModel.Node, _ mode: Padding.Mode
    ) throws(Problem) -> GraphValue {
        let isSequence = windows.before.count == 1
        if let side = windows.same {
            func both(_ list: [Int]) -> [Int] { isSequence ? [1] + list : list }
            var value: Float = 0
            if case .constant(let own) = mode { value = own }
            let padding = SamePadding(
                kernel: both(windows.kernel), stride: both(windows.stride), dilation: both(windows.dilation), side: side, value: value)
            return try add(site(node, "padded"), padding, [images.site!])
        }
        let before = [0, 0] + (isSequence ? [0] : []) + windows.before
        let after = [0, 0] + (isSequence ? [0] : []) + windows.after
        return try add(site(node, "padded"), Padding(before: before, after: after, mode: mode), [images.site!])
    }

    func pair(_ list: [Int], single: Int) -> (Int, Int) { list.count == 1 ? (single, list[0]) : (list[0], list[1]) }

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
        var shares: String?
        if !windows.isEven || isWide {
            guard rounding == .down else {
                throw Problem("is padded unevenly in a way that is not run", found: "pads \(windows.before + windows.after)")
            }
            if !isMaximum, !counts {
                // The share of each window that is no padding.
                let ones = try add(site(node, "ones"), ElementCurve(.power(0), name: "ones"), [images.site!])
                let inside = try padded(ones, windows, node, .constant(0))
                let means = AveragePool(
                    kernel: pair(kernel, single: 1), stride: pair(windows.stride, single: 1), padding: (0, 0), rounding: .down,
                    paddingCounts: .counted)
                shares = try add(site(node, "shares"), means, [inside.site!]).site
            }
            images = try padded(images, windows, node, .constant(isMaximum ? -.infinity : 0))
            windows.before = windows.before.map { _ in 0 }
            windows.after = windows.before
            windows.same = nil
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
                kernel: size, stride: stride, padding: padding, rounding: rounding,
                paddingCounts: counts || shares != nil ? .counted : .ignored)
        }
        if let shares {
            let sums = try add(site(node, "sums"), operation, [images.site!])
            let isSequence = kernel.count == 1
            let means = try add(site(node, isSequence ? "windows" : ""), Arithmetic(.divide), [sums.site!, shares])
            return isSequence ? try reshaped(means, to: means.shapes.map { [$0[0], $0[1], $0[3]] }, site(node)) : means
        }
        return try sequences(operation, images, [], node, isSequence: kernel.count == 1)
    }

    private mutating func globalPool(_ node: ONNXModel.Node, _ function: Reduction.Function) throws(Problem) -> GraphValue {
        try node.checkAttributes()
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard rank >= 3 else { throw Problem("has no places to pool", found: words(input.shapes[0])) }
        if rank == 4, function == .mean { return try apply(AdaptiveAveragePool(output: (1, 1)), node) }
        return try apply(Reduction(function, axes: Array(2..<rank), keepsDimensions: true, rank: rank), node)
    }
}
