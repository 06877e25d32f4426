import Checkpoints
import Text

/// Operators that normalise groups of channels.
extension GraphConversion {
    /// Each channel of each sample normalised, then a factor and a summand for each channel.
    mutating func instanceNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("epsilon")
        let input = try required(node, 0)
        guard input.shapes[0].count >= 3 else { throw Problem("has no places to normalise over", found: words(input.shapes[0])) }
        return try normalised(input, groups: nil, node)
    }

    /// The channels of a group, at all their places, normalised together, then a factor and a summand for each channel: since opset 21. Before,
    /// for each group.
    mutating func groupNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("epsilon", "num_groups", "stash_type")
        let input = try required(node, 0)
        let (shape, groups) = (input.shapes[0], node.integer("num_groups") ?? 0)
        guard shape.count >= 3 else { throw Problem("has no places to normalise over", found: words(shape)) }
        guard groups > 0, shape[1] % groups == 0 else {
            throw Problem("'num_groups' does not divide the channels", expected: "a divisor of \(shape[1])", found: "\(groups)")
        }
        guard version < 21 else { return try normalised(input, groups: groups, node) }
        // Each group is a channel, and is normalised as one.
        let rows = try reshaped(input, to: input.shapes.map { [$0[0], groups, $0[1...].reduce(1, *) / groups] }, site(node, "rows"))
        return try reshaped(try normalised(rows, groups: nil, node, as: "norm"), to: input.shapes, site(node))
    }

    /// - Parameters:
    ///   - groups: nil for channels that are normalised each on its own.
    ///   - part: the part of the node's site that the output has; nil for the whole.
    private mutating func normalised(
        _ input: GraphValue, groups: Int?, _ node: ONNXModel.Node, as part: String? = nil
    ) throws(Problem) -> GraphValue {
        let own = part.map { site(node, $0) } ?? site(node)
        let channels = input.shapes[0][1]
        var values: [GraphValue?] = []
        for (place, number) in [(1, 1.0), (2, 0)] {
            let value = try required(node, place)
            guard value.shapes.allSatisfy({ $0 == [channels] }) else {
                throw Problem(
                    "its parameters are not one number for each \(part == nil ? "channel" : "group")", expected: "\(channels)",
                    found: words(value.shapes[0]))
            }
            values.append(isMadeUp(value) && isPlain(value, number) ? nil : value)
        }
        var parameters: [NetworkGraph.Parameter] = []
        for value in values {
            guard let stored = value?.parameter, !stored.type.isWhole, let parameter = parameter(stored, shape: [channels]) else { break }
            parameters.append(parameter)
        }
        let rest = values.dropFirst(parameters.count).contains { $0 != nil }
        // A norm of each channel is one of images.
        let isWhole = groups != nil || input.shapes[0].count == 4
        let images =
            isWhole
            ? input
            : try reshaped(
                input, to: input.shapes.map { [$0[0], $0[1], 1, $0[2...].reduce(1, *)] }, own + ".images")
        let isOfChannels = groups == nil || groups == channels && input.shapes[0].count == 4
        let operation = GroupNorm(groups: isOfChannels ? nil : groups, epsilon: Float(node.real("epsilon") ?? 1e-5))
        var result = try add(
            isWhole && !rest ? own : own + ".windows", operation, [try site(of: images, for: own)], parameters: parameters)
        if !isWhole { result = try reshaped(result, to: input.shapes, rest ? own + ".shaped" : own) }
        let column = [channels] + [Int](repeating: 1, count: input.shapes[0].count - 2)
        for (place, function) in [(0, Arithmetic.Function.multiply), (1, .add)] where place >= parameters.count {
            guard let value = values[place] else { continue }
            let name = place == 0 && values[1] != nil ? own + ".scaled" : own
            let spread = try reshaped(value, to: value.shapes.map { _ in column }, name + ".column")
            result = try arithmetic(name, function, result, spread)
        }
        return result
    }

    /// A group norm that exporters write as a norm of as many channels as there are groups, between two changes of shape: where a norm without
    /// parameters gets the shape back that its input had, it is one of that.
    ///
    /// - Parameter shapes: those that the norm's output is to have.
    mutating func groupNorm(of site: String, as shapes: [[Int]], _ name: String) throws(Problem) -> GraphValue? {
        func made(_ name: String) -> NetworkGraph.Node? { graph.nodes.last { $0.name == name } }
        /// What a node is in another shape; nil if it is something else.
        func origin(_ node: NetworkGraph.Node?) -> String? {
            node.flatMap { $0.operation is Reshape || $0.operation is Flatten ? $0.inputs.first : nil }
        }
        var last = site
        for _ in 0..<4 { last = origin(made(last)) ?? last }
        guard let norm = made(last), let own = norm.operation as? GroupNorm, norm.parameters.isEmpty,
            let rows = shapesOfSites[norm.name], let rank = shapes.first?.count, rank > 1
        else { return nil }
        let groups = rows[0][1]
        guard own.groups == nil || own.groups == groups else { return nil }
        guard
            zip(shapes, rows).allSatisfy({ shape, row in
                shape.count == rank && shape[0] == row[0] && row[1] == groups && shape[1] % groups == 0
            })
        else { return nil }
        var input = norm.inputs.first
        for _ in 0..<4 {
            input = origin(input.flatMap(made))
            guard let input, let before = shapesOfSites[input] else { return nil }
            guard before == shapes else { continue }
            let isOfChannels = rank == 4 && shapes.allSatisfy { $0[1] == groups }
            return try add(name, GroupNorm(groups: isOfChannels ? nil : groups, epsilon: own.epsilon), [input])
        }
        return nil
    }

    /// Whether a value is no tensor of the model: an exporter must write factors and summands for norms that have none.
    private func isMadeUp(_ value: GraphValue) -> Bool {
        guard let stored = value.parameter else { return true }
        return stored.isLearned != true && ConstantTensors.isExporters(stored.tensor) && !stored.tensor.hasPrefix("onnx::")
    }
}
