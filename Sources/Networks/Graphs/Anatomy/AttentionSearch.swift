import Tensors
import Text

/// Attention that an exporter wrote out, as a person would name it: the products of queries and keys, the softmax, the mixed values.
struct FoundAttention {
    /// Queries, keys or values: the node that they are taken from, and their elements in it.
    struct Projection: Equatable {
        let source: String
        /// The first element, and how far the heads are apart.
        let start: Int
        let step: Int
        /// The name of their own node.
        var name: String
    }

    var query: Projection
    var key: Projection
    var value: Projection
    let heads: AttentionHeads
    let scale: Float
    let mask: AttentionMask
    /// The sites of the scores, of the pattern and of what it mixes.
    let scores: String
    let pattern: String
    let mixed: String
}

/// Looks for attention in a graph.
struct AttentionSearch {
    private let graph: ShapedGraph
    private(set) var found: [FoundAttention] = []
    /// Why the first softmax over scores that is no attention is none.
    private(set) var failure: String?

    init(_ graph: ShapedGraph) {
        self.graph = graph
        for node in graph.nodes where node.operation is Softmax {
            guard let shape = graph.shapes[node.name]?[0], shape.count == 4 || shape.count == 3, shape.count == 4 || shape[1] == shape[2]
            else { continue }
            switch attention(node) {
            case .found(let attention): found.append(attention)
            case .failed(let reason): failure = failure ?? "'\(node.name)': \(reason)"
            }
        }
    }

    private enum Result {
        case found(FoundAttention)
        case failed(String)
    }

    private func attention(_ softmax: NetworkGraph.Node) -> Result {
        // Forward: guards against rows without numbers, the product with the values, the heads side by side.
        guard let product = productAfter(softmax) else { return .failed("its shares multiply nothing") }
        guard let mixed = sideBySide(product) else {
            return .failed("the heads that '\(product.name)' mixes are not laid side by side")
        }
        // Backward: masks and scales, the product of queries and keys.
        var (scale, mask): (Float, AttentionMask) = (1, .none)
        var site = softmax.inputs[0]
        var products: NetworkGraph.Node?
        while products == nil {
            guard let node = graph.node(site) else { return .failed("its scores are made by nothing") }
            switch node.operation {
            case let scaling as Scaling:
                scale *= scaling.factor
                site = node.inputs[0]
            case is Identity: site = node.inputs[0]
            case is Reshape where keepsSquares(node): site = node.inputs[0]
            case let curve as ElementCurve where curve.function == .shift(0): site = node.inputs[0]
            case is Sum where node.inputs.count == 2,
                is Arithmetic where (node.operation as? Arithmetic)?.function == .add && node.inputs.count == 2:
                guard let (other, kind) = summand(node) else { return .failed("'\(node.name)' adds to the scores what is no mask") }
                if kind == .causal { mask = .causal }
                site = other
            case is Where:
                guard let (other, kind) = choice(node) else { return .failed("'\(node.name)' replaces scores by what is no mask") }
                if kind == .causal { mask = .causal }
                site = other
            case let multiplication as MatrixProduct where node.inputs.count == 2:
                scale *= multiplication.scale
                products = node
            default: return .failed("its scores pass '\(node.name)' (\(node.operation.name)), which is no scale and no mask")
            }
        }
        guard let products, let query = graph.node(products.inputs[0]), let key = graph.node(products.inputs[1]),
            let value = graph.node(product.inputs[1])
        else { return .failed("its scores are no product") }
        guard let (queries, heads) = projection(query.name, order: [0, 1, 2, 3], what: "q") else {
            return .failed("the queries '\(query.name)' are no heads side by side")
        }
        guard let (keys, keyHeads) = projection(key.name, order: [0, 1, 3, 2], what: "k") else {
            return .failed("the keys '\(key.name)' are no heads side by side")
        }
        guard let (values, valueHeads) = projection(value.name, order: [0, 1, 2, 3], what: "v") else {
            return .failed("the values '\(value.name)' are no heads side by side")
        }
        guard keyHeads == valueHeads, heads.count == keyHeads.count, heads.own == heads.count, heads.dimension == keyHeads.dimension else {
            return .failed("queries, keys and values have heads of different sizes")
        }
        scale *= queries.factor * keys.factor
        guard values.factor == 1, scale > 0 else { return .failed("its heads are scaled in a way that is not known") }
        return .found(
            FoundAttention(
                query: queries.projection, key: keys.projection, value: values.projection,
                heads: AttentionHeads(heads: heads.count, keyHeads: keyHeads.own, headDimension: heads.dimension), scale: scale, mask: mask,
                scores: softmax.inputs[0], pattern: softmax.name, mixed: mixed))
    }

    // MARK: After the softmax

    private func productAfter(_ softmax: NetworkGraph.Node) -> NetworkGraph.Node? {
        var name = softmax.name
        while true {
            let reading = Set(graph.readers[name] ?? []).map { graph.nodes[$0] }.sorted { graph.places[$0.name]! < graph.places[$1.name]! }
            // Where(isNaN(p), 0, p): rows that see nothing.
            if reading.count == 2, let isNaN = reading.first(where: { ($0.operation as? ElementCurve)?.function == .isNaN }),
                let choice = reading.first(where: { $0.operation is Where }), choice.inputs == [isNaN.name, choice.inputs[1], name],
                graph.mask(choice.inputs[1])?.uniform == 0, graph.onlyReader(isNaN.name)?.name == choice.name
            {
                name = choice.name
                continue
            }
            guard name != graph.output, reading.count == 1 else { return nil }
            let next = reading[0]
            if next.operation is Identity || (next.operation is Reshape && keepsSquares(next)) {
                name = next.name
                continue
            }
            guard let product = next.operation as? MatrixProduct, product.scale == 1, next.inputs.count == 2, next.inputs[0] == name,
                next.inputs[1] != name
            else { return nil }
            return next
        }
    }

    /// Whether a node only divides the samples and heads of what it reads otherwise.
    private func keepsSquares(_ node: NetworkGraph.Node) -> Bool {
        guard let own = graph.shapes[node.name], let read = graph.shapes[node.inputs[0]] else { return false }
        return zip(own, read).allSatisfy { $0.count >= 3 && $0.suffix(2) == $1.suffix(2) }
    }

    /// The node that has the mixed heads side by side: [samples, length, heads * dimension].
    private func sideBySide(_ product: NetworkGraph.Node) -> String? {
        guard let shapes = graph.shapes[product.name], let probes = headShapes(shapes) else { return nil }
        var layouts = zip(probes, shapes).compactMap { ElementLayout($0).reshaped(to: $1) }
        guard layouts.count == shapes.count else { return nil }
        var node = product
        for _ in 0..<16 {
            if zip(layouts, probes).allSatisfy({ layout, shape in
                layout.shape == [shape[0], shape[2], shape[1] * shape[3]]
                    && ElementLayout(shape).transposed([0, 2, 1, 3])?.reshaped(to: layout.shape) == layout
            }), graph.shapes[node.name]?[0].count == 3 {
                return node.name
            }
            guard let next = graph.onlyReader(node.name), next.inputs.count == 1, !(next.operation is Scaling),
                let after = graph.shapes[next.name]
            else { return nil }
            layouts = zip(layouts, after).compactMap { $0.moved(by: next.operation, to: $1) }
            guard layouts.count == shapes.count else { return nil }
            node = next
        }
        return nil
    }

    /// Shapes [samples, heads, length, dimension] of heads that may share a dimension with the samples.
    private func headShapes(_ shapes: [[Int]]) -> [[Int]]? {
        guard shapes.allSatisfy({ $0.allSatisfy { $0 > 0 } }) else { return nil }
        if shapes[0].count == 4 { return shapes }
        var result: [[Int]] = []
        for (shape, probe) in zip(shapes, graph.probes) {
            guard shape.count == 3, probe.samples > 0, shape[0] % probe.samples == 0 else { return nil }
            result.append([probe.samples, shape[0] / probe.samples, shape[1], shape[2]])
        }
        return result
    }

    // MARK: Masks

    private func summand(_ node: NetworkGraph.Node) -> (other: String, kind: AttentionMask)? {
        for (mask, other) in [(node.inputs[1], node.inputs[0]), (node.inputs[0], node.inputs[1])] {
            guard let numbers = graph.mask(mask), graph.shapes[other] == graph.shapes[node.name] else { continue }
            if numbers.uniform == 0 { return (other, .none) }
            if numbers.isCausalSummand { return (other, .causal) }
        }
        return nil
    }

    private func choice(_ node: NetworkGraph.Node) -> (other: String, kind: AttentionMask)? {
        guard let condition = graph.mask(node.inputs[0]) else { return nil }
        let (first, second) = (node.inputs[1], node.inputs[2])
        func isHidden(_ name: String) -> Bool { (graph.mask(name)?.uniform).map { $0 <= GraphMask.hidden } ?? false }
        func fits(_ name: String) -> Bool { graph.shapes[name] == graph.shapes[node.name] }
        if let always = condition.uniform {
            let chosen = always != 0 ? first : second
            return fits(chosen) ? (chosen, .none) : nil
        }
        if condition.below != 0, condition.diagonal != 0, condition.above == 0, isHidden(second), fits(first) { return (first, .causal) }
        if condition.below == 0, condition.diagonal == 0, condition.above != 0, isHidden(first), fits(second) { return (second, .causal) }
        return nil
    }

    // MARK: Queries, keys and values

    private struct Heads: Equatable {
        /// The heads, those that have vectors of their own, and the length of a vector.
        let count: Int
        let own: Int
        let dimension: Int
    }

    private struct Found {
        let projection: FoundAttention.Projection
        let factor: Float
    }

    /// Follows the rearranged heads of an operand back to where they are side by side.
    ///
    /// - Parameter order: which dimension of the operand is that of the samples, heads, positions and elements.
    private func projection(_ operand: String, order: [Int], what: String) -> (Found, Heads)? {
        guard let shapes = graph.shapes[operand] else { return nil }
        var chain: [NetworkGraph.Node] = []
        var name = operand
        var factor: Float = 1
        while let node = graph.node(name), node.inputs.count == 1, node.parameters.isEmpty, chain.count < 32 {
            if let scaling = node.operation as? Scaling {
                factor *= scaling.factor
            } else if !isMove(node.operation) {
                break
            }
            chain.append(node)
            name = node.inputs[0]
        }
        chain.reverse()
        guard let sources = graph.shapes[name], sources.allSatisfy({ $0.count == 3 && $0.allSatisfy { $0 > 0 } }) else { return nil }
        var heads: Heads?
        var place: (start: Int, step: Int)?
        for (probe, source) in sources.enumerated() {
            var layout = ElementLayout(source)
            for node in chain {
                guard let output = graph.shapes[node.name]?[probe], let moved = layout.moved(by: node.operation, to: output) else {
                    return nil
                }
                layout = moved
            }
            guard graph.probes[probe].samples == source[0],
                let four = shapes[probe].count == 4
                    ? layout
                    : layout.reshaped(to: [source[0], shapes[probe][0] / source[0]] + shapes[probe].dropFirst()),
                let turned = four.transposed(order.map { $0 }), let (own, found) = read(turned, source)
            else { return nil }
            guard heads == nil || heads == own, place == nil || place! == found else { return nil }
            (heads, place) = (own, found)
        }
        guard let heads, let place else { return nil }
        // The site of the slice that takes them out, if they have one alone.
        let slice = chain.first {
            $0.operation is Slice || ($0.operation as? Rearrangement).map { if case .sliced = $0.kind { true } else { false } } ?? false
        }
        let own = slice.flatMap { graph.onlyReader($0.name) == nil ? nil : $0.name } ?? chain.last?.name ?? name
        return (Found(projection: .init(source: name, start: place.start, step: place.step, name: own), factor: factor), heads)
    }

    private func isMove(_ operation: any Operation) -> Bool {
        operation is Identity || operation is Reshape || operation is Flatten || operation is Rearrangement || operation is Slice
            || operation is EntryLookup
    }

    /// The heads of a layout [samples, heads, length, dimension] of a source [samples, length, width].
    private func read(_ layout: ElementLayout, _ source: [Int]) -> (Heads, (start: Int, step: Int))? {
        let shape = layout.shape
        let whole = ElementLayout(source)
        guard shape.count == 4, shape[0] == source[0], shape[2] == source[1], layout.dimensions[0] == whole.dimensions[0],
            layout.dimensions[2] == whole.dimensions[1], layout.starts[0] == 0, layout.starts[1] == 0
        else { return nil }
        switch layout.dimensions[3].count {
        case 0: break
        case 1: guard layout.dimensions[3][0].axis == 2, layout.dimensions[3][0].step == 1 else { return nil }
        default: return nil
        }
        var digits = layout.dimensions[1]
        var own = shape[1]
        // Heads that share a key head are its repetitions.
        if let last = digits.last, last.axis == nil {
            own /= last.length
            digits.removeLast()
        }
        guard digits.count <= 1, digits.allSatisfy({ $0.axis == 2 && $0.step > 0 }) else { return nil }
        let step = digits.first?.step ?? shape[3]
        guard step >= shape[3] else { return nil }
        return (Heads(count: shape[1], own: own, dimension: shape[3]), (layout.starts[2], step))
    }
}
