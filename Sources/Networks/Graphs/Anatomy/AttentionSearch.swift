import Checkpoints
import Tensors
import Text

/// Attention that an exporter wrote out, as a person would name it: the products of queries and keys, the softmax, the mixed values.
struct FoundAttention {
    /// An operation on queries or keys before the products: a norm of each head, or of all together, or rotary positions.
    struct Step {
        var name: String
        let operation: any Operation
        let parameters: [NetworkGraph.Parameter]
    }

    /// Queries, keys or values: the node that they are taken from, and their elements in it.
    struct Projection {
        let source: String
        /// The first element, and how far the heads are apart.
        let start: Int
        let step: Int
        /// The name of their own node.
        var name: String
        /// What is done to them before the products, in order.
        var steps: [Step] = []
        /// The node in the new form of the graph that they are before the steps.
        var node = ""
    }

    var query: Projection
    var key: Projection
    var value: Projection
    let heads: AttentionHeads
    let scale: Float
    let adjustment: ScoreAdjustment
    let mask: AttentionMask
    /// The sites of the scores, of the pattern and of what it mixes.
    let scores: String
    let pattern: String
    let mixed: String
}

struct AttentionSearch {
    let graph: ShapedGraph
    let numbers: FixedNumbers
    /// Masks that are known already: attentions share them.
    var masks: [String: AttentionMask?] = [:]
    private(set) var found: [FoundAttention] = []
    /// Why the first softmax over scores that is no attention is none.
    private(set) var failure: String?

    init(_ graph: ShapedGraph, _ checkpoint: Checkpoint, _ input: Network.Input) {
        self.graph = graph
        numbers = FixedNumbers(graph, checkpoint, input)
        for node in graph.nodes where node.operation is Softmax {
            guard let shape = graph.shapes[node.name]?[0], shape.count == 4 || shape.count == 3, shape.count == 4 || shape[1] == shape[2]
            else { continue }
            switch named(node) ?? attention(node) {
            case .found(let attention): found.append(attention)
            case .failed(let reason): failure = failure ?? "'\(node.name)': \(reason)"
            }
        }
    }

    private enum Result {
        case found(FoundAttention)
        case failed(String)
    }

    /// Attention that has the operations of one already, as words have.
    private func named(_ softmax: NetworkGraph.Node) -> Result? {
        guard let scores = graph.node(softmax.inputs[0]), let operation = scores.operation as? AttentionScores, scores.inputs.count == 2
        else { return nil }
        guard let mixed = graph.onlyReader(softmax.name), mixed.operation is AttentionValues, mixed.inputs.first == softmax.name,
            graph.onlyReader(scores.name) != nil
        else { return .failed("its shares are read by something else than the values") }
        let sizes = operation.heads
        guard let query = rows(scores.inputs[0]), let key = rows(scores.inputs[1]), let value = rows(mixed.inputs[1]) else {
            return .failed("its queries, keys or values are no neighbouring elements of a node")
        }
        func projection(_ rows: Rows) -> FoundAttention.Projection {
            .init(source: rows.source, start: rows.start, step: sizes.headDimension, name: rows.name)
        }
        return .found(
            FoundAttention(
                query: projection(query), key: projection(key), value: projection(value), heads: sizes, scale: operation.scale,
                adjustment: operation.adjustment, mask: operation.mask, scores: scores.name, pattern: softmax.name, mixed: mixed.name))
    }

    private mutating func attention(_ softmax: NetworkGraph.Node) -> Result {
        // Forward: guards against rows without numbers, the product with the values, the heads side by side.
        guard let (product, shares) = productAfter(softmax) else { return .failed("its shares multiply nothing") }
        guard let mixed = sideBySide(product) else {
            return .failed("the heads that '\(product.name)' mixes are not laid side by side")
        }
        // Backward: masks and scales, the product of queries and keys.
        var (scale, mask, adjustment): (Float, AttentionMask, ScoreAdjustment) = (1, .none, .none)
        /// What masks hide, all of them together.
        func hide(_ other: AttentionMask) -> Bool {
            if other == .none || other == mask { return true }
            guard mask == .none || mask == .causal else { return other == .causal }
            mask = other
            return true
        }
        var site = softmax.inputs[0]
        var products: NetworkGraph.Node?
        // Whether the scores have a row for each key, as Keras computes them.
        var isTurned = false
        while products == nil {
            guard let node = graph.node(site) else { return .failed("its scores are made by nothing") }
            if case .cap = adjustment, node.operation is Sum || node.operation is Where {
                return .failed("'\(node.name)' masks scores before they are capped")
            }
            let isScale = node.operation is Scaling || node.operation is Identity || node.operation is MatrixProduct
            if isTurned, !isScale { return .failed("'\(node.name)' (\(node.operation.name)) reads scores that have a row for each key") }
            switch node.operation {
            case let scaling as Scaling:
                scale *= scaling.factor
                site = node.inputs[0]
            case is Identity: site = node.inputs[0]
            case is Reshape where keepsSquares(node): site = node.inputs[0]
            case is Reshape where orderedSquares(before: node) != nil, is Rearrangement where orderedSquares(before: node) != nil:
                site = orderedSquares(before: node) ?? node.inputs[0]
            case let rearrangement as Rearrangement where turnsSquares(rearrangement):
                isTurned = true
                site = node.inputs[0]
            case let curve as ElementCurve where curve.function == .shift(0): site = node.inputs[0]
            case is Sum where node.inputs.count == 2,
                is Arithmetic where (node.operation as? Arithmetic)?.function == .add && node.inputs.count == 2:
                if let (other, slopes) = slopes(node, adjustment) {
                    adjustment = .slopes(slopes.map { $0 * scale })
                    site = other
                    continue
                }
                guard let (other, kind) = summand(node), hide(kind) else {
                    return .failed("'\(node.name)' adds to the scores what is no mask")
                }
                site = other
            case is Arithmetic where node.inputs.count == 1 && (node.operation as? Arithmetic)?.function == .add:
                guard graph.shapes[node.inputs[0]] == graph.shapes[node.name], let stored = node.parameters.first,
                    let kind = numbers.mask(stored, .summand), hide(kind)
                else { return .failed("'\(node.name)' adds to the scores what is no mask") }
                site = node.inputs[0]
            case let activation as Activation where activation.kernel == .tanh && adjustment == .none && scale > 0:
                adjustment = .cap(scale)
                scale = 1
                site = node.inputs[0]
            case is Where:
                guard let (other, kind) = choice(node) else { return .failed("'\(node.name)' replaces scores by what is no mask") }
                guard hide(kind) else { return .failed("'\(node.name)' replaces scores by what is no mask") }
                site = other
            case is GatedProduct,
                is Arithmetic where (node.operation as? Arithmetic)?.function == .multiply:
                // Hidden scores are made 0 before a number far below takes their place.
                guard let (other, kind) = factor(node), kind == .none || kind == mask else {
                    return .failed("'\(node.name)' multiplies the scores by what is no mask")
                }
                site = other
            case let multiplication as MatrixProduct where node.inputs.count == 2:
                scale *= multiplication.scale
                products = node
            default: return .failed("its scores pass '\(node.name)' (\(node.operation.name)), which is no scale and no mask")
            }
        }
        guard let products, let query = graph.node(products.inputs[isTurned ? 1 : 0]),
            let key = graph.node(products.inputs[isTurned ? 0 : 1]), let value = graph.node(product.inputs[1])
        else { return .failed("its scores are no product") }
        guard shares == .none || shares == mask else { return .failed("its shares are masked otherwise than its scores") }
        let queries: ProjectionSearch.Found
        let keys: ProjectionSearch.Found
        let values: ProjectionSearch.Found
        switch ProjectionSearch(graph, numbers).projection(query.name, order: isTurned ? [0, 1, 3, 2] : [0, 1, 2, 3]) {
        case .success(let found): queries = found
        case .failure(let gap): return .failed("the queries \(gap.reason)")
        }
        switch ProjectionSearch(graph, numbers).projection(key.name, order: isTurned ? [0, 1, 2, 3] : [0, 1, 3, 2]) {
        case .success(let found): keys = found
        case .failure(let gap): return .failed("the keys \(gap.reason)")
        }
        switch ProjectionSearch(graph, numbers).projection(value.name, order: [0, 1, 2, 3]) {
        case .success(let found): values = found
        case .failure(let gap): return .failed("the values \(gap.reason)")
        }
        let (heads, keyHeads) = (queries.heads, keys.heads)
        guard keyHeads == values.heads, heads.count == keyHeads.count, heads.own == heads.count, heads.dimension == keyHeads.dimension
        else {
            return .failed("queries, keys and values have heads of different sizes")
        }
        scale *= queries.factor * keys.factor
        if case .cap(let cap) = adjustment { scale *= cap }
        guard values.factor == 1, scale > 0 else { return .failed("its heads are scaled in a way that is not known") }
        guard values.projection.steps.isEmpty else { return .failed("its values pass a norm or positions") }
        return .found(
            FoundAttention(
                query: queries.projection, key: keys.projection, value: values.projection,
                heads: AttentionHeads(heads: heads.count, keyHeads: keyHeads.own, headDimension: heads.dimension), scale: scale,
                adjustment: adjustment, mask: mask, scores: softmax.inputs[0], pattern: softmax.name, mixed: mixed))
    }

    // MARK: After the softmax

    /// The product of the shares with the values, and the mask that makes shares 0 which are 0 already.
    private mutating func productAfter(_ softmax: NetworkGraph.Node) -> (product: NetworkGraph.Node, mask: AttentionMask)? {
        var name = softmax.name
        var mask = AttentionMask.none
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
            // Where(nothing is seen, 0, p).
            if next.operation is Where, next.inputs[2] == name, next.inputs[0] != name, graph.mask(next.inputs[1])?.uniform == 0,
                graph.shapes[next.name] == graph.shapes[name], numbers.tellsUnseenRows(next.inputs[0], of: softmax.inputs[0])
            {
                name = next.name
                continue
            }
            if next.operation is Identity || (next.operation is Reshape && keepsSquares(next)) {
                name = next.name
                continue
            }
            if let (other, kind) = factor(next), other == name, mask == .none {
                mask = kind
                name = next.name
                continue
            }
            if isSum(next), let other = next.inputs.first(where: { $0 != name }), graph.mask(other)?.uniform == 0,
                graph.shapes[next.name] == graph.shapes[name]
            {
                name = next.name
                continue
            }
            // Dimensions of length 1, and turns of dimensions that others undo, as sums over named dimensions have them.
            if ProjectionSearch.isMove(next.operation), let last = orderedSquares(after: next, from: name) {
                name = last
                continue
            }
            guard let product = next.operation as? MatrixProduct, product.scale == 1, next.inputs.count == 2, next.inputs[0] == name,
                next.inputs[1] != name
            else { return nil }
            return (next, mask)
        }
    }

    /// Whether a node only divides the samples and heads of what it reads otherwise.
    private func keepsSquares(_ node: NetworkGraph.Node) -> Bool {
        guard let own = graph.shapes[node.name], let read = graph.shapes[node.inputs[0]] else { return false }
        return zip(own, read).allSatisfy { $0.count >= 3 && $0.suffix(2) == $1.suffix(2) }
    }

    /// Whether operations that only move elements leave squares as they are, one after the other, whatever dimensions are before them.
    private func keepsSquares(_ moves: [NetworkGraph.Node], of base: String) -> Bool {
        guard let end = moves.last, let ends = graph.shapes[end.name], let starts = graph.shapes[base] else { return false }
        for probe in starts.indices {
            let (start, end) = (starts[probe], ends[probe])
            guard start.count >= 3, end.count >= 3, start.allSatisfy({ $0 > 0 }), start.suffix(2) == end.suffix(2) else { return false }
            let whole = ElementLayout(start)
            var layout = whole
            for move in moves {
                guard let moved = layout.moved(by: move.operation, to: graph.shapes[move.name]![probe]) else { return false }
                layout = moved
            }
            let squares = [start.dropLast(2).reduce(1, *)] + start.suffix(2)
            guard let ordered = layout.reshaped(to: squares), ordered == whole.reshaped(to: squares) else { return false }
        }
        return true
    }

    /// The last of some moves, each the only reader of the one before, that together leave the squares of a node as they are.
    private func orderedSquares(after first: NetworkGraph.Node, from base: String) -> String? {
        var moves = [first]
        while moves.count < 8 {
            if keepsSquares(moves, of: base) { return moves.last?.name }
            guard let next = graph.onlyReader(moves[moves.count - 1].name), next.inputs.count == 1, ProjectionSearch.isMove(next.operation)
            else { return nil }
            moves.append(next)
        }
        return nil
    }

    /// The node whose squares some moves leave as they are, of which the last is given.
    private func orderedSquares(before last: NetworkGraph.Node) -> String? {
        var moves = [last]
        while moves.count < 8 {
            let base = moves[0].inputs[0]
            if keepsSquares(moves, of: base) { return base }
            guard let node = graph.node(base), node.inputs.count == 1, ProjectionSearch.isMove(node.operation),
                graph.onlyReader(base) != nil
            else { return nil }
            moves.insert(node, at: 0)
        }
        return nil
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

    // MARK: Rows

    private struct Rows {
        let source: String
        let start: Int
        let name: String
    }

    /// The node that has rows [samples, length, width], of which others take neighbouring elements.
    private func rows(_ name: String) -> Rows? {
        var chain: [NetworkGraph.Node] = []
        var source = name
        while let node = graph.node(source), node.inputs.count == 1, node.parameters.isEmpty, chain.count < 32,
            ProjectionSearch.isMove(node.operation)
        {
            chain.append(node)
            source = node.inputs[0]
        }
        guard let sources = graph.shapes[source], sources.allSatisfy({ $0.count == 3 && $0.allSatisfy { $0 > 0 } }) else { return nil }
        var start: Int?
        for (probe, shape) in sources.enumerated() {
            var layout = ElementLayout(shape)
            for node in chain.reversed() {
                guard let moved = layout.moved(by: node.operation, to: graph.shapes[node.name]![probe]) else { return nil }
                layout = moved
            }
            let whole = ElementLayout(shape)
            guard layout.dimensions.count == 3, layout.dimensions[0] == whole.dimensions[0], layout.dimensions[1] == whole.dimensions[1],
                layout.starts[0] == 0, layout.starts[1] == 0, layout.dimensions[2].count <= 1,
                layout.dimensions[2].allSatisfy({ $0.axis == 2 && $0.step == 1 }), start == nil || start == layout.starts[2]
            else { return nil }
            start = layout.starts[2]
        }
        return start.map { Rows(source: source, start: $0, name: name) }
    }
}
