import Tensors

extension NetworkGraph {
    /// Replaces what exporters write out step by step by the operation that a person would name: GELU, SiLU, layer norm, a layer with its
    /// bias.
    ///
    /// The site of the last step becomes that of the operation; steps that nothing else reads are left out.
    ///
    /// - Parameter shapes: those of each node's output, one for each probe.
    mutating func nameDecompositions(shapes: [String: [[Int]]]) {
        var search = DecompositionSearch(self, shapes)
        search.run()
        nodes = search.nodes
    }

    /// Leaves out what neither the output nor another node needs any more, but the input.
    mutating func leaveOutUnread(but input: String) {
        let needed = Set(ShapedGraph.needed(nodes, output: output).map(\.name))
        nodes = nodes.filter { needed.contains($0.name) || $0.name == input }
    }
}

/// Looks for known sequences of operations.
struct DecompositionSearch {
    private(set) var nodes: [NetworkGraph.Node]
    private let output: String
    /// Those of the nodes' outputs.
    let shapes: [String: [[Int]]]
    private var places: [String: Int] = [:]
    private(set) var readers: [String: Int] = [:]
    /// How often tensors are read.
    private(set) var uses: [String: Int] = [:]
    private var removed: Set<Int> = []

    init(_ graph: NetworkGraph, _ shapes: [String: [[Int]]]) {
        self.shapes = shapes
        nodes = graph.nodes
        output = graph.output
        places.reserveCapacity(nodes.count)
        readers.reserveCapacity(nodes.count)
        for (place, node) in nodes.enumerated() {
            places[node.name] = place
            for input in node.inputs { readers[input, default: 0] += 1 }
            for parameter in node.parameters { uses[parameter.tensor, default: 0] += 1 }
        }
        readers[output, default: 0] += 1
    }

    mutating func run() {
        for place in nodes.indices {
            if let found = geluOfError(place) ?? geluOfComplement(place) ?? geluOfTangent(place) ?? silu(place) ?? layerNorm(place)
                ?? layerNormOfMoments(place) ?? rootMeanSquareNorm(place) ?? biased(place) ?? groupNorm(place)
                ?? softplus(place)
            {
                replace(place, found)
            } else if let (layer, bias) = biasedBehindReshaping(place), let between = maker(nodes[place].inputs[0]) {
                // The layer gets the bias, and what reshapes its output follows in the bias's place.
                nodes[layer].parameters.append(bias)
                replace(place, Found(operation: nodes[between].operation, input: nodes[between].inputs[0], steps: [between]))
            }
        }
        nodes = nodes.indices.filter { !removed.contains($0) }.map { nodes[$0] }
    }

    /// An operation that takes the place of the last of some steps.
    struct Found {
        let operation: any Operation
        let input: String
        var parameters: [NetworkGraph.Parameter] = []
        /// The steps before the last, each after those that it reads.
        let steps: [Int]
    }

    private mutating func replace(_ place: Int, _ found: Found) {
        for input in nodes[place].inputs { readers[input, default: 1] -= 1 }
        nodes[place] = .init(nodes[place].name, found.operation, inputs: [found.input], parameters: found.parameters)
        readers[found.input, default: 0] += 1
        for step in found.steps.reversed() where readers[nodes[step].name] == 0 && removed.insert(step).inserted {
            for input in nodes[step].inputs { readers[input, default: 1] -= 1 }
        }
    }

    // MARK: Single steps

    func maker(_ site: String) -> Int? { places[site] }

    /// The place and the input of the node of a site, if it is a curve that fits.
    func curve(_ site: String, _ fits: (ElementCurve.Function) -> Bool) -> (place: Int, input: String)? {
        guard let place = maker(site), let curve = nodes[place].operation as? ElementCurve, fits(curve.function) else { return nil }
        return (place, nodes[place].inputs[0])
    }

    func scaled(_ site: String, by factor: Float) -> (place: Int, input: String)? {
        guard let place = maker(site), let scaling = nodes[place].operation as? Scaling, abs(scaling.factor - factor) < 1e-5 * abs(factor)
        else { return nil }
        return (place, nodes[place].inputs[0])
    }

    private func activated(_ site: String, _ name: ActivationFunction) -> (place: Int, input: String)? {
        guard let place = maker(site), let activation = nodes[place].operation as? Activation, activation.name == name.rawValue else {
            return nil
        }
        return (place, nodes[place].inputs[0])
    }

    private func shifted(_ site: String, by number: Float) -> (place: Int, input: String)? {
        curve(site) { if case .shift(let own) = $0 { abs(own - number) < 1e-6 } else { false } }
    }

    /// The two inputs of a product, in both orders.
    func factors(_ place: Int) -> [(String, String)] {
        let node = nodes[place]
        let isProduct = node.operation is GatedProduct || (node.operation as? Arithmetic)?.function == .multiply
        guard isProduct, node.inputs.count == 2, node.parameters.isEmpty else { return [] }
        return [(node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])]
    }

    // MARK: Sequences

    /// x / 2 (1 + erf(x / root 2)), the half before, in or after the product.
    private func geluOfError(_ place: Int) -> Found? {
        if let half = scaled(nodes[place].name, by: 0.5), let product = maker(half.input) {
            for (x, other) in factors(product) {
                if let steps = errorPart(other, of: x) {
                    return Found(operation: Activation(.gelu), input: x, steps: steps + [product])
                }
            }
        }
        for (part, other) in factors(place) {
            guard let half = scaled(part, by: 0.5) else { continue }
            if let steps = errorPart(other, of: half.input) {
                return Found(operation: Activation(.gelu), input: half.input, steps: steps + [half.place])
            }
            if let steps = errorPart(half.input, of: other) {
                return Found(operation: Activation(.gelu), input: other, steps: steps + [half.place])
            }
        }
        return nil
    }

    /// The steps of 1 + erf(x / root 2).
    private func errorPart(_ site: String, of x: String) -> [Int]? {
        guard let sum = shifted(site, by: 1), let error = curve(sum.input, { $0 == .error }),
            let scaled = scaled(error.input, by: Float(0.5).squareRoot()), scaled.input == x
        else { return nil }
        return [scaled.place, error.place, sum.place]
    }

    /// x / 2 (1 + tanh(root(2 / pi) (x + 0.044715 x^3))), the half before, in or after the product.
    private func geluOfTangent(_ place: Int) -> Found? {
        func found(_ x: String, _ steps: [Int]) -> Found { Found(operation: Activation(.geluTanh), input: x, steps: steps.sorted()) }
        if let half = scaled(nodes[place].name, by: 0.5), let product = maker(half.input) {
            for (x, other) in factors(product) {
                if let steps = tangentPart(other, of: x) { return found(x, steps + [product]) }
            }
        }
        for (part, other) in factors(place) {
            guard let half = scaled(part, by: 0.5) else { continue }
            if let steps = tangentPart(other, of: half.input) { return found(half.input, steps + [half.place]) }
            if let steps = tangentPart(half.input, of: other) { return found(other, steps + [half.place]) }
        }
        return nil
    }

    /// The steps of 1 + tanh(root(2 / pi) (x + 0.044715 x^3)).
    private func tangentPart(_ site: String, of x: String) -> [Int]? {
        guard let sum = shifted(site, by: 1), let tangent = activated(sum.input, .tanh) else { return nil }
        // The root may multiply x first.
        if let product = maker(tangent.input) {
            for (factor, other) in factors(product) {
                if let outer = scaled(factor, by: Float(0.636_619_77).squareRoot()), outer.input == x,
                    let moved = shifted(other, by: 1), let steps = square(moved.input, of: x)
                {
                    return steps + [moved.place, outer.place, product, tangent.place, sum.place]
                }
            }
        }
        guard
            let outer = scaled(tangent.input, by: Float(0.636_619_77).squareRoot()), let inner = maker(outer.input)
        else { return nil }
        let last = [inner, outer.place, tangent.place, sum.place]
        // x (1 + 0.044715 x^2).
        for (factor, other) in factors(inner) where factor == x {
            if let moved = shifted(other, by: 1), let steps = square(moved.input, of: x) { return steps + [moved.place] + last }
        }
        guard nodes[inner].operation is Sum, nodes[inner].inputs.count == 2, nodes[inner].inputs.contains(x),
            let cubic = nodes[inner].inputs.first(where: { $0 != x }), let term = scaled(cubic, by: 0.044715)
        else { return nil }
        if let cube = curve(term.input, { $0 == .power(3) }), cube.input == x { return [cube.place, term.place] + last }
        guard let cube = maker(term.input) else { return nil }
        for (factor, other) in factors(cube) where factor == x {
            if let square = squared(other), square.input == x { return [square.place, cube, term.place] + last }
        }
        return nil
    }

    /// The steps of 0.044715 x^2, in any order.
    private func square(_ site: String, of x: String) -> [Int]? {
        if let term = scaled(site, by: 0.044715), let square = squared(term.input), square.input == x { return [square.place, term.place] }
        guard let product = maker(site) else { return nil }
        for (factor, other) in factors(product) where factor == x {
            if let term = scaled(other, by: 0.044715), term.input == x { return [term.place, product] }
        }
        return nil
    }

    /// A product with a stored matrix, plus a bias that nothing else reads; in a layer that is applied several times both are read as often.
    private func biased(_ place: Int) -> Found? {
        guard (nodes[place].operation as? Arithmetic)?.function == .add, nodes[place].inputs.count == 1,
            let bias = nodes[place].parameters.first, let product = maker(nodes[place].inputs[0]),
            let layer = nodes[product].operation as? Linear, nodes[product].parameters.count == 1,
            let weight = nodes[product].parameters.first, readers[nodes[product].name] == 1,
            bias.shape == [layer.layout == .outIn ? weight.shape[0] : weight.shape[1]],
            uses[bias.tensor] == 1 || uses[bias.tensor] == uses[weight.tensor]
        else { return nil }
        return Found(operation: layer, input: nodes[product].inputs[0], parameters: [weight, bias], steps: [product])
    }

    /// x times its logistic function.
    private func silu(_ place: Int) -> Found? {
        for (x, other) in factors(place) {
            guard let gate = activated(other, .sigmoid), gate.input == x else { continue }
            return Found(operation: Activation(.silu), input: x, steps: [gate.place])
        }
        return nil
    }

    /// (x - mean) / root(mean of its square + epsilon), times a weight, plus a bias.
    private func layerNorm(_ place: Int) -> Found? {
        guard let sum = nodes[place].operation as? Arithmetic, sum.function == .add, let bias = nodes[place].parameters.first,
            bias.shape.count == 1, let product = maker(nodes[place].inputs[0]),
            (nodes[product].operation as? Arithmetic)?.function == .multiply, let weight = nodes[product].parameters.first,
            weight.shape == bias.shape, let quotient = maker(nodes[product].inputs[0]),
            (nodes[quotient].operation as? Arithmetic)?.function == .divide, nodes[quotient].inputs.count == 2,
            let difference = maker(nodes[quotient].inputs[0]), (nodes[difference].operation as? Arithmetic)?.function == .subtract,
            nodes[difference].inputs.count == 2, let root = curve(nodes[quotient].inputs[1], { $0 == .squareRoot }),
            let moved = maker(root.input), case .shift(let epsilon)? = (nodes[moved].operation as? ElementCurve)?.function,
            let variance = mean(nodes[moved].inputs[0]), let square = curve(variance.input, { $0 == .power(2) }),
            square.input == nodes[difference].name, let mean = mean(nodes[difference].inputs[1]),
            mean.input == nodes[difference].inputs[0]
        else { return nil }
        return Found(
            operation: LayerNorm(epsilon: epsilon), input: mean.input, parameters: [weight, bias],
            steps: [mean.place, difference, square.place, variance.place, moved, root.place, quotient, product].sorted())
    }

    /// x times or divided by root(mean of its square + epsilon), times a weight.
    private func rootMeanSquareNorm(_ place: Int) -> Found? {
        guard let product = nodes[place].operation as? Arithmetic, product.function == .multiply, nodes[place].inputs.count == 1,
            let weight = nodes[place].parameters.first, weight.shape.count == 1, let normed = maker(nodes[place].inputs[0]),
            nodes[normed].inputs.count == 2, nodes[normed].parameters.isEmpty
        else { return nil }
        var candidates: [(x: String, root: String, steps: [Int])] = []
        if (nodes[normed].operation as? Arithmetic)?.function == .divide {
            candidates.append((nodes[normed].inputs[0], nodes[normed].inputs[1], []))
        }
        for (x, other) in factors(normed) {
            if let inverse = curve(other, { $0 == .reciprocal || $0 == .power(-1) }) {
                candidates.append((x, inverse.input, [inverse.place]))
            } else if let inverse = maker(other), (nodes[inverse].operation as? Arithmetic)?.function == .divide,
                nodes[inverse].inputs.count == 2, let one = maker(nodes[inverse].inputs[0]),
                let number = (nodes[one].operation as? StoredValues)?.numbers, number.elements == [1]
            {
                candidates.append((x, nodes[inverse].inputs[1], [one, inverse]))
            } else if let inverse = curve(other, { $0 == .power(-0.5) }) {
                candidates.append((x, inverse.input, [inverse.place]))
            }
        }
        for (x, last, steps) in candidates {
            let isRooted = steps.contains { (nodes[$0].operation as? ElementCurve)?.function == .power(-0.5) }
            let root = isRooted ? nil : curve(last, { $0 == .squareRoot || $0 == .power(0.5) })
            guard isRooted || root != nil, let moved = maker(root?.input ?? last),
                case .shift(let epsilon)? = (nodes[moved].operation as? ElementCurve)?.function,
                let square = mean(nodes[moved].inputs[0]), let squared = squared(square.input), squared.input == x
            else { continue }
            return Found(
                operation: RMSNorm(epsilon: epsilon), input: x, parameters: [weight],
                steps: ([squared.place, square.place, moved] + (root.map { [$0.place] } ?? []) + steps + [normed]).sorted())
        }
        return nil
    }

    /// The square of a node.
    func squared(_ site: String) -> (place: Int, input: String)? {
        if let square = curve(site, { $0 == .power(2) }) { return square }
        guard let place = maker(site), let pair = factors(place).first, pair.0 == pair.1 else { return nil }
        return (place, pair.0)
    }

    /// The mean over the last dimension, which remains.
    func mean(_ site: String) -> (place: Int, input: String)? {
        guard let place = maker(site), let reduction = nodes[place].operation as? Reduction, reduction.function == .mean,
            reduction.keepsDimensions, reduction.isOverLast
        else { return nil }
        return (place, nodes[place].inputs[0])
    }
}
