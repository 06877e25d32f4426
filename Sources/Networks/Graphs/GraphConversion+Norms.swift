import Checkpoints
import Tensors
import Text

/// Operators that normalise.
extension GraphConversion {
    /// Each feature less an offset, times a factor: scikit-learn's scalers.
    mutating func scaler(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("offset", "scale")
        var current = try required(node, 0)
        let width = current.shapes[0].last ?? 1
        for (name, function) in [("offset", Arithmetic.Function.subtract), ("scale", .multiply)] {
            guard case .reals(let numbers)? = node.attributes[name] else { continue }
            guard numbers.count == 1 || numbers.count == width else {
                throw Problem("'\(name)' is not one number for each feature", expected: "\(width)", found: "\(numbers.count)")
            }
            let known = GraphValue(
                source: .numbers([GraphNumbers([numbers.count], numbers)]), type: .float, shapes: probes.map { _ in [numbers.count] })
            current = try arithmetic(site(node, name == "offset" ? "offset" : ""), function, current, known)
        }
        return current
    }

    mutating func batchNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("epsilon", "momentum", "training_mode", "spatial")
        guard node.integer("training_mode") ?? 0 == 0, node.integer("spatial") ?? 1 == 1 else {
            throw Problem("measures what it reads, which is not run")
        }
        let input = try required(node, 0)
        var parameters: [NetworkGraph.Parameter?] = []
        for place in 1...4 {
            let value = try required(node, place)
            guard value.shapes.allSatisfy({ $0.count == 1 }) else {
                throw Problem("its parameters are no lists of one number for each channel", found: words(value.shapes[0]))
            }
            parameters.append(value.parameter.flatMap { $0.type.isWhole ? nil : parameter($0) })
        }
        let statistics = parameters.suffix(2).compactMap(\.self)
        guard statistics.count == 2 else {
            keptStatistics.append(site(node))
            return try writtenOutNorm(node)
        }
        let isWhole = parameters.allSatisfy { $0 != nil }
        let own = isWhole ? parameters.compactMap(\.self) : statistics
        let operation = BatchNorm(epsilon: Float(node.real("epsilon") ?? 1e-5), momentum: Float(1 - (node.real("momentum") ?? 0.9)))
        let rank = input.shapes[0].count
        guard (2...4).contains(rank) else { throw Problem("reads rows, sequences or images", found: words(input.shapes[0])) }
        let (weight, bias) = (try required(node, 1), try required(node, 2))
        // A bias of zeros that is stored is trained.
        let isScaled = !isWhole && (weight.parameter != nil || !isPlain(weight, 1))
        let isMoved = !isWhole && (bias.parameter != nil || !isPlain(bias, 0))
        let name = isScaled || isMoved ? site(node, "norm") : site(node)
        var result: GraphValue
        if rank == 2 {
            result = try add(name, operation, [try site(of: input, for: name)], parameters: own)
        } else {
            result = try sequences(operation, try images(input, node), own, node, name: name, isSequence: rank == 3)
        }
        // A weight and a bias that are computed are applied after the norm, which measures its batches nevertheless.
        if isScaled {
            result = try arithmetic(site(node, isMoved ? "weighted" : ""), .multiply, result, try column(node, 1, "weight", rank: rank))
        }
        return isMoved ? try arithmetic(site(node), .add, result, try column(node, 2, "bias", rank: rank)) : result
    }

    /// A list of numbers of a norm, one for each channel, as what goes with the norm's input.
    private mutating func column(_ node: ONNXModel.Node, _ place: Int, _ name: String, rank: Int) throws(Problem) -> GraphValue {
        let value = try required(node, place)
        let places = [Int](repeating: 1, count: max(0, rank - 2))
        return try reshaped(value, to: value.shapes.map { $0 + places }, site(node, name))
    }

    /// (x - mean) / root(variance + epsilon) weight + bias, step by step: of statistics that are not stored.
    private mutating func writtenOutNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        let site = try site(of: input, for: site(node))
        let mean = try column(node, 3, "mean", rank: rank)
        let variance = try column(node, 4, "variance", rank: rank)
        let epsilon = ElementCurve(.shift(Float(node.real("epsilon") ?? 1e-5)), name: "add")
        let sum = try add(self.site(node, "sum"), epsilon, [try self.site(of: variance, for: self.site(node, "variance"))])
        let root = try add(self.site(node, "root"), ElementCurve(.squareRoot, name: "sqrt"), [sum.site!])
        let centred = try arithmetic(
            self.site(node, "centred"), .subtract, GraphValue(source: .node(site), type: input.type, shapes: input.shapes), mean)
        let scaled = try arithmetic(self.site(node, "scaled"), .divide, centred, root)
        let weighted = try arithmetic(self.site(node, "weighted"), .multiply, scaled, try column(node, 1, "weight", rank: rank))
        return try arithmetic(self.site(node), .add, weighted, try column(node, 2, "bias", rank: rank))
    }

    mutating func layerNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis", "epsilon", "stash_type")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? -1, rank), rank > 0 else { throw Problem("has no such dimension") }
        let operation = LayerNorm(epsilon: Float(node.real("epsilon") ?? 1e-5))
        let site = try site(of: input, for: site(node))
        // Several dimensions are one.
        let isFlat = axis == rank - 1
        let flat = isFlat ? input.shapes : input.shapes.map { Array($0[..<axis]) + [$0[axis...].reduce(1, *)] }
        // What is stored is read as a node, too.
        let whole = GraphValue(source: .node(site), type: input.type, shapes: input.shapes)
        let rows = isFlat ? whole : try reshaped(whole, to: flat, self.site(node, "rows"))
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
        if let weight = try value(node, 1), !isPlain(weight, 1) {
            normed = try arithmetic(self.site(node, "scaled"), .multiply, normed, weight)
        }
        if let bias = try value(node, 2), !isPlain(bias, 0) { normed = try arithmetic(self.site(node), .add, normed, bias) }
        return normed
    }

    /// Whether all numbers of a value are one that has no effect: ones and zeros are those of a norm without parameters. Those of a parameter that
    /// is still what it began with are trained.
    func isPlain(_ value: GraphValue, _ number: Double) -> Bool {
        if let stored = value.parameter, Self.mayBeLearned(stored) { return false }
        guard let numbers = numbers(value, isSetting: true), numbers.count == 1 else { return false }
        return numbers[0].values.allSatisfy { $0 == number }
    }

    mutating func rootMeanSquareNorm(_ node: ONNXModel.Node) throws(Problem) -> GraphValue {
        try node.checkAttributes("axis", "epsilon", "stash_type")
        let input = try required(node, 0)
        let rank = input.shapes[0].count
        guard let axis = GraphFolding.axis(node.integer("axis") ?? -1, rank), rank > 0 else { throw Problem("has no such dimension") }
        let epsilon = Float(node.real("epsilon") ?? 1e-5)
        let weight = try required(node, 1)
        let x = GraphValue(source: .node(try site(of: input, for: site(node))), type: input.type, shapes: input.shapes)
        if axis == rank - 1, let stored = weight.parameter, stored.shape == [input.shapes[0].last ?? 0], let own = parameter(stored) {
            return try add(site(node), RMSNorm(epsilon: epsilon), [x.site!], parameters: [own])
        }
        let square = try add(site(node, "square"), ElementCurve(.power(2), name: "power"), [x.site!])
        let mean = try add(
            site(node, "mean"), Reduction(.mean, axes: Array(axis..<rank), keepsDimensions: true, rank: rank), [square.site!])
        let moved = try add(site(node, "moved"), ElementCurve(.shift(epsilon), name: "add"), [mean.site!])
        let root = try add(site(node, "root"), ElementCurve(.squareRoot, name: "sqrt"), [moved.site!])
        return try arithmetic(site(node), .multiply, try arithmetic(site(node, "norm"), .divide, x, root), weight)
    }
}
