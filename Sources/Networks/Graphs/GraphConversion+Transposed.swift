import Checkpoints
import Text

/// Convolutions that go the other way, and blocks of channels that become places.
extension GraphConversion {
    mutating func transposedConvolution(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "output_padding")
        let input = try required(node, 0)
        let (tensor, own, isTransposed) = try filters(node)
        let kernel = Array(own.dropFirst(2))
        if let given = node.integers("kernel_shape"), given != kernel {
            throw Problem("'kernel_shape' contradicts the filters", expected: words(kernel), found: words(given))
        }
        let windows = try windows(node, kernel: kernel, input)
        let extra = node.integers("output_padding") ?? kernel.map { _ in 0 }
        guard node.text("auto_pad") ?? "NOTSET" == "NOTSET" else { throw Problem("automatic padding is not run") }
        guard extra.count == kernel.count, extra.allSatisfy({ $0 >= 0 }) else {
            throw Problem("'output_padding' is not one for each side", expected: "\(kernel.count) numbers", found: words(extra))
        }
        guard kernel.indices.allSatisfy({ extra[$0] == 0 || extra[$0] < max(windows.stride[$0], windows.dilation[$0]) }) else {
            throw Problem(
                "'output_padding' is not less than the stride or the dilation", found: words(extra))
        }
        // What is cut off at the end more than at the beginning.
        let end = kernel.indices.map { extra[$0] + windows.before[$0] - windows.after[$0] }
        let groups = node.integer("group") ?? 1
        guard groups > 0, !isTransposed || groups == 1 else { throw Problem("has a number of groups that is not run", found: "\(groups)") }
        let front = isTransposed ? [own[1], own[0]] : [own[0], own[1]]
        let isSequence = kernel.count == 1
        var parameters = [
            NetworkGraph.Parameter(
                tensor, shape: front + (isSequence ? [1] : []) + kernel, stored: checkpoint[tensor]?.shape ?? front + kernel)
        ]
        if let bias = try value(node, 2) {
            guard let stored = bias.parameter, let parameter = parameter(stored),
                stored.shape == [own[1].multipliedReportingOverflow(by: groups).partialValue]
            else { throw Problem("its bias is no stored list of one number for each filter") }
            parameters.append(parameter)
        }
        let operation = TransposedConvolution(
            layout: isTransposed ? .outIn : .inOut(groups: groups), stride: pair(windows.stride, single: 1),
            padding: pair(windows.before, single: 0), dilation: pair(windows.dilation, single: 1), extra: pair(end, single: 0))
        return try sequences(operation, try images(input, node), parameters, node, isSequence: isSequence)
    }

    /// The tensor of a transposed convolution's filters, its shape in the file, and whether the checkpoint has the filters first.
    private mutating func filters(_ node: ONNXModel.Node) throws(Problem) -> (tensor: String, shape: [Int], isTransposed: Bool) {
        let weight = try required(node, 1)
        if let stored = weight.parameter, stored.shape.count >= 3, !stored.type.isWhole {
            return (stored.tensor, stored.shape, stored.isTransposed)
        }
        // A program's filters, which were passed on as they are stored.
        if let site = weight.site, let place = graph.nodes.lastIndex(where: { $0.name == site }), readers[node.inputs[1]]?.count == 1,
            graph.nodes[place].operation is StoredValues, let parameter = graph.nodes[place].parameters.first, parameter.shape.count >= 3
        {
            graph.nodes.remove(at: place)
            return (parameter.tensor, parameter.shape, false)
        }
        throw Problem("its filters are computed while the model runs, which is not done here")
    }

    /// Blocks of channels as places of larger images (`DepthToSpace`), or of places as channels (`SpaceToDepth`).
    mutating func blocks(_ node: ONNXModel.Node, toPlaces: Bool) throws(Problem) -> GraphValue {
        try node.checkAttributes("blocksize", "mode")
        let input = try required(node, 0)
        guard let size = node.integer("blocksize"), size > 0, size <= 1 << 16, input.shapes.allSatisfy({ $0.count == 4 }) else {
            throw Problem("has no blocks of images", found: words(input.shapes[0]))
        }
        let mode = node.text("mode") ?? "DCR"
        guard mode == "DCR" || mode == "CRD" else { throw Problem("an unknown mode", expected: "DCR or CRD", found: "'\(mode)'") }
        guard input.shapes.allSatisfy({ toPlaces ? $0[1] % (size * size) == 0 : $0[2] % size == 0 && $0[3] % size == 0 }) else {
            throw Problem("has no whole blocks", expected: "a multiple of \(toPlaces ? size * size : size)", found: words(input.shapes[0]))
        }
        let isFirst = mode == "DCR"
        let apart = input.shapes.map { shape in
            toPlaces
                ? [shape[0]] + (isFirst ? [size, size, shape[1] / (size * size)] : [shape[1] / (size * size), size, size]) + shape[2...]
                : [shape[0], shape[1], shape[2] / size, size, shape[3] / size, size]
        }
        let order = toPlaces ? (isFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]) : (isFirst ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4])
        let divided = try reshaped(input, to: apart, site(node, "blocks"))
        let moved = try add(
            site(node, "moved"), Rearrangement(.transposed(order)), [try site(of: divided, for: site(node))], type: input.type)
        let whole = input.shapes.map { shape in
            toPlaces
                ? [shape[0], shape[1] / (size * size), shape[2] * size, shape[3] * size]
                : [shape[0], shape[1] * size * size, shape[2] / size, shape[3] / size]
        }
        return try reshaped(moved, to: whole, site(node))
    }
}
