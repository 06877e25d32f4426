import Tensors

extension NetworkGraph {
    /// Replaces what exporters write out step by step by the operation that a person would name: GELU, SiLU, layer norm.
    ///
    /// The site of the last step becomes that of the operation; steps that nothing else reads are left out.
    mutating func nameDecompositions() {
        var search = DecompositionSearch(self)
        search.run()
        nodes = search.nodes
    }
}

/// Looks for known sequences of operations.
private struct DecompositionSearch {
    private(set) var nodes: [NetworkGraph.Node]
    private let output: String
    private var places: [String: Int] = [:]
    private var readers: [String: Int] = [:]
    private var removed: Set<Int> = []

    init(_ graph: NetworkGraph) {
        nodes = graph.nodes
        output = graph.output
        for (place, node) in nodes.enumerated() {
            places[node.name] = place
            for input in node.inputs { readers[input, default: 0] += 1 }
        }
        readers[output, default: 0] += 1
    }

    mutating func run() {
        for place in nodes.indices {
            if let found = geluOfError(place) ?? geluOfTangent(place) ?? silu(place) ?? layerNorm(place) {
                replace(place, found)
            }
        }
        nodes = nodes.indices.filter { !removed.contains($0) }.map { nodes[$0] }
    }

    /// An operation that takes the place of the last of some steps.
    private struct Found {
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

    private func maker(_ site: String) -> Int? { places[site] }

    /// The place and the input of the node of a site, if it is a curve that fits.
    private func curve(_ site: String, _ fits: (ElementCurve.Function) -> Bool) -> (place: Int, input: String)? {
        guard let place = maker(site), let curve = nodes[place].operation as? ElementCurve, fits(curve.function) else { return nil }
        return (place, nodes[place].inputs[0])
    }

    private func scaled(_ site: String, by factor: Float) -> (place: Int, input: String)? {
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
    private func factors(_ place: Int) -> [(String, String)] {
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

    /// x / 2 (1 + tanh(root(2 / pi) (x + 0.044715 x^3))).
    private func geluOfTangent(_ place: Int) -> Found? {
        for (part, other) in factors(place) {
            guard let half = scaled(part, by: 0.5), let sum = shifted(other, by: 1), let tangent = activated(sum.input, .tanh),
                let outer = scaled(tangent.input, by: Float(0.636_619_77).squareRoot()), let inner = maker(outer.input),
                nodes[inner].operation is Sum, nodes[inner].inputs.count == 2,
                let x = nodes[inner].inputs.first(where: { $0 == half.input }),
                let cubic = nodes[inner].inputs.first(where: { $0 != x }), let term = scaled(cubic, by: 0.044715),
                let cube = curve(term.input, { $0 == .power(3) }), cube.input == x
            else { continue }
            return Found(
                operation: Activation(.geluTanh), input: x,
                steps: [half.place, cube.place, term.place, inner, outer.place, tangent.place, sum.place].sorted())
        }
        return nil
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

    /// The mean over the last dimension, which remains.
    private func mean(_ site: String) -> (place: Int, input: String)? {
        guard let place = maker(site), let reduction = nodes[place].operation as? Reduction, reduction.function == .mean,
            reduction.keepsDimensions, reduction.isOverLast
        else { return nil }
        return (place, nodes[place].inputs[0])
    }
}
