import Checkpoints
import Tensors
import Text

/// Operators that reduce dimensions.
extension GraphConversion {
    static let reducing: [String: Operator] = {
        var operators: [String: Operator] = [:]
        let reductions: [String: Reduction.Function] = [
            "ReduceMean": .mean, "ReduceSum": .sum, "ReduceMax": .maximum, "ReduceMin": .minimum, "ReduceL2": .length,
            "ReduceSumSquare": .sumOfSquares, "ReduceProd": .product,
        ]
        for (name, function) in reductions {
            operators[name] = { conversion, _, node in [try conversion.reduce(node, function)] }
        }
        operators["ReduceL1"] = { conversion, _, node in
            let input = try conversion.required(node, 0)
            let name = conversion.site(node, "absolute")
            let sizes = try conversion.add(
                name, ElementCurve(.absolute, name: "abs"), [try conversion.site(of: input, for: name)], type: input.type)
            return [try conversion.reduce(node, .sum, of: sizes)]
        }
        operators["ReduceLogSumExp"] = { conversion, _, node in [try conversion.logarithmOfSum(node)] }
        return operators
    }()

    /// - Parameter value: what is reduced; the operator's first input if nil.
    mutating func reduce(
        _ node: ONNXModel.Node, _ function: Reduction.Function, of value: GraphValue? = nil
    ) throws(Problem) -> GraphValue {
        let input: GraphValue
        if let value { input = value } else { input = try required(node, 0) }
        guard let (axes, keeps) = try reducedAxes(node, input) else { return input }
        let rank = input.shapes[0].count
        let name = site(node)
        let source = try site(of: input, for: name)
        if function == .mean, rank == 4, keeps, axes == [2, 3] {
            return try add(name, AdaptiveAveragePool(output: (1, 1)), [source], type: input.type)
        }
        return try add(name, Reduction(function, axes: axes, keepsDimensions: keeps, rank: rank), [source], type: input.type)
    }

    /// The dimensions that an operator reduces, in order, all of them if none; nil if it reduces nothing.
    private func reducedAxes(_ node: ONNXModel.Node, _ input: GraphValue) throws(Problem) -> (axes: [Int], keeps: Bool)? {
        try node.checkAttributes("axes", "keepdims", "noop_with_empty_axes")
        let rank = input.shapes[0].count
        let given = try setting(node, 1, "list of axes")?.integers ?? node.integers("axes") ?? []
        if given.isEmpty, node.integer("noop_with_empty_axes") ?? 0 != 0 { return nil }
        var axes: [Int] = []
        for axis in given {
            guard let place = GraphFolding.axis(axis, rank), rank > 0 else { throw Problem("has no such dimension", found: "\(axis)") }
            axes.append(place)
        }
        return (axes.sorted(), node.integer("keepdims") ?? 1 != 0)
    }

    /// log(sum e^x) along dimensions, as max + log(sum e^(x - max)).
    private mutating func logarithmOfSum(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        let input = try required(node, 0)
        guard let (axes, keeps) = try reducedAxes(node, input) else { return input }
        let source = try site(of: input, for: site(node))
        let most = try add(site(node, "max"), Reduction(.maximum, axes: axes, keepsDimensions: true), [source])
        let below = try add(site(node, "difference"), Arithmetic(.subtract), [source, most.site!])
        let powers = try add(site(node, "exp"), ElementCurve(.exponential, name: "exp"), [below.site!])
        let sum = try add(site(node, "sum"), Reduction(.sum, axes: axes, keepsDimensions: true), [powers.site!])
        let logarithm = try add(site(node, "log"), ElementCurve(.logarithm, name: "log"), [sum.site!])
        let result = try add(site(node, keeps ? "" : "kept"), Sum(), [most.site!, logarithm.site!], type: input.type)
        guard !keeps else { return result }
        let shapes = input.shapes.map { shape in axes.isEmpty ? [] : shape.indices.filter { !axes.contains($0) }.map { shape[$0] } }
        return try reshaped(result, to: shapes, site(node))
    }
}
