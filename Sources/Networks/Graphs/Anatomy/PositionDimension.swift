import Text

/// Gives positions a dimension of their own: what exporters compute on rows [samples * length, width], or on [length, samples, width], is
/// computed on [samples, length, width], and the steps between the forms are left out.
///
/// Sites keep their names.
struct PositionDimension {
    private let graph: ShapedGraph
    private(set) var nodes: [NetworkGraph.Node] = []
    /// What a name of the old graph stands for.
    private var meanings: [String: Meaning] = [:]
    /// The shapes of the nodes of the new graph.
    private var shapes: [String: [[Int]]] = [:]
    private var names: Set<String> = []

    private enum Meaning {
        /// The node of the new graph that holds it, as it is.
        case node(String)
        /// The elements of a node [samples, length, width] in another order; `maker` makes them of `input`, both of the old graph, if a node
        /// reads them so.
        case view(of: String, [ElementLayout], maker: NetworkGraph.Node?, made: String?)
    }

    /// The nodes of a graph in that form; nil if it has none of the other.
    static func nodes(of graph: ShapedGraph) -> (nodes: [NetworkGraph.Node], output: String)? {
        var rows = PositionDimension(graph)
        for node in graph.nodes { guard rows.add(node) else { return nil } }
        guard let output = rows.written(graph.output) else { return nil }
        return (rows.nodes, output)
    }

    private init(_ graph: ShapedGraph) {
        self.graph = graph
        names = Set(graph.places.keys)
    }

    // MARK: Names

    private mutating func append(_ node: NetworkGraph.Node, _ shape: [[Int]]) {
        nodes.append(node)
        shapes[node.name] = shape
    }

    /// A node of the new graph that holds a value of the old one in its shape.
    private mutating func written(_ name: String) -> String? {
        switch meanings[name] {
        case .node(let known)?: return known
        case .view(_, _, _, let made?)?: return made
        case .view(let base, let layouts, let maker, nil)?:
            guard let old = graph.shapes[name] else { return nil }
            var made: String
            if let maker {
                var copy = maker
                guard let input = written(maker.inputs[0]) else { return nil }
                copy.inputs = [input]
                made = maker.name
                append(copy, old)
            } else {
                guard let order = Self.order(layouts[0]), let template = ShapeTemplate(old, graph.probes), let shape = shapes[base] else {
                    return nil
                }
                made = base
                if order == [1, 0] {
                    let turned = unused("\(name).turned")
                    append(
                        .init(turned, Rearrangement(.transposed([1, 0, 2])), inputs: [base]), shape.map { [$0[1], $0[0], $0[2]] })
                    made = turned
                }
                if shapes[made] != old {
                    let rows = unused("\(name).rows")
                    append(.init(rows, Reshape(template), inputs: [made]), old)
                    made = rows
                }
            }
            meanings[name] = .view(of: base, layouts, maker: maker, made: made)
            return made
        case nil: return nil
        }
    }

    private mutating func unused(_ name: String) -> String {
        var (candidate, number) = (name, 2)
        while names.contains(candidate) {
            candidate = "\(name)#\(number)"
            number += 1
        }
        names.insert(candidate)
        return candidate
    }

    /// The order in which a layout has the first two dimensions; nil if it divides one.
    private static func order(_ layout: ElementLayout) -> [Int]? {
        let axes = layout.dimensions.dropLast().joined().compactMap(\.axis)
        return axes == [0, 1] || axes == [1, 0] ? axes : axes == [0] || axes == [1] || axes.isEmpty ? [0, 1] : nil
    }

    // MARK: Nodes

    private mutating func add(_ node: NetworkGraph.Node) -> Bool {
        guard let old = graph.shapes[node.name] else { return false }
        if addOnRows(node) || addView(node, old) || addHeads(node, old) { return true }
        var copy = node
        copy.inputs = []
        for input in node.inputs {
            guard let name = written(input) else { return false }
            copy.inputs.append(name)
        }
        meanings[node.name] = .node(node.name)
        append(copy, old)
        return true
    }

    /// The node and the layouts of a value that is there in another form.
    private func view(_ name: String) -> (base: String, layouts: [ElementLayout])? {
        if case .view(let base, let layouts, _, _)? = meanings[name] { return (base, layouts) }
        return nil
    }

    /// Whether an operation works on each row alone.
    private static func worksOnRows(_ node: NetworkGraph.Node) -> Bool {
        switch node.operation {
        case is Linear, is LayerNorm, is RMSNorm, is Activation, is ElementCurve, is Scaling, is Identity, is ChannelScale, is Slice: true
        case is Arithmetic: node.parameters.allSatisfy { $0.shape.count <= 1 }
        case is Sum, is GatedProduct: node.parameters.isEmpty
        default: false
        }
    }

    /// An operation on rows whose inputs are there as [samples, length, width] too.
    private mutating func addOnRows(_ node: NetworkGraph.Node) -> Bool {
        guard Self.worksOnRows(node), let first = node.inputs.first.flatMap(view), Self.order(first.layouts[0]) != nil,
            let base = shapes[first.base]
        else { return false }
        var copy = node
        copy.inputs = []
        for input in node.inputs {
            guard let other = view(input), other.layouts == first.layouts, shapes[other.base] == base else { return false }
            copy.inputs.append(other.base)
        }
        var made: [[Int]] = []
        for (place, probe) in graph.probes.enumerated() {
            guard
                let shape = try? node.operation.outputShape(
                    inputs: copy.inputs.map { shapes[$0]![place] }, parameters: node.parameters.map(\.shape), batch: probe)
            else { return false }
            made.append(shape)
        }
        guard made.allSatisfy({ $0.count == 3 && $0[2] > 0 }) else { return false }
        var layouts = first.layouts
        for place in layouts.indices {
            let last = layouts[place].dimensions.count - 1
            layouts[place].dimensions[last] = ElementLayout(made[place]).dimensions[2]
        }
        append(copy, made)
        meanings[node.name] = .view(of: node.name, layouts, maker: nil, made: nil)
        return true
    }

    /// An operation that moves rows without dividing them.
    private mutating func addView(_ node: NetworkGraph.Node, _ old: [[Int]]) -> Bool {
        guard node.inputs.count == 1, node.parameters.isEmpty, !(node.operation is Identity), !(node.operation is Scaling) else {
            return false
        }
        let base: String
        let before: [ElementLayout]
        switch meanings[node.inputs[0]] {
        case .view(let own, let layouts, _, _)?: (base, before) = (own, layouts)
        case .node(let own)?:
            guard let shape = shapes[own], shape.allSatisfy({ $0.count == 3 && $0.allSatisfy { $0 > 0 } }) else { return false }
            (base, before) = (own, shape.map(ElementLayout.init))
        case nil: return false
        }
        guard let shape = shapes[base] else { return false }
        var after: [ElementLayout] = []
        for (layout, output) in zip(before, old) {
            guard let moved = layout.moved(by: node.operation, to: output), moved.starts.allSatisfy({ $0 == 0 }),
                output.reduce(1, *) == layout.shape.reduce(1, *)
            else { return false }
            after.append(moved)
        }
        guard zip(after, shape).allSatisfy({ $0.dimensions.last == ElementLayout($1).dimensions[2] && $0.dimensions.count > 1 }),
            after.allSatisfy({ layout in layout.dimensions.joined().allSatisfy { $0.axis != nil } && Self.order(layout) != nil })
        else { return false }
        if zip(after, shape).allSatisfy({ $0 == ElementLayout($1) }) {
            meanings[node.name] = .node(base)
        } else {
            meanings[node.name] = .view(of: base, after, maker: node, made: nil)
        }
        return true
    }

    /// Heads that are laid side by side: [samples, length, heads, width] as rows, or with the positions first; or [length, samples * heads,
    /// width], as PyTorch's multi-head attention has them.
    private mutating func addHeads(_ node: NetworkGraph.Node, _ old: [[Int]]) -> Bool {
        guard node.operation is Reshape || node.operation is Flatten,
            view(node.inputs[0]) == nil
                || zip(graph.shapes[node.inputs[0]] ?? [], old).contains(where: { $0.count == 3 && $0.last != $1.last }),
            let input = written(node.inputs[0]),
            let whole = shapes[input], let rank = whole.first?.count, rank >= 3
        else { return false }
        var rows: [[Int]] = []
        for (shape, output) in zip(whole, old) {
            var shape = shape
            var width = shape[2...].reduce(1, *)
            if rank == 3 {
                guard width > 0, let wide = output.last, wide > width, wide % width == 0, shape[1] % (wide / width) == 0 else {
                    return false
                }
                shape[1] /= wide / width
                width = wide
            }
            guard output == [shape[0] * shape[1], width] || output == [shape[0], shape[1], width], output.allSatisfy({ $0 > 0 }) else {
                return false
            }
            rows.append([shape[0], shape[1], width])
        }
        func isFirst(_ axis: Int) -> Bool { zip(rows, graph.probes).allSatisfy { $0[axis] == $1.samples } }
        let isTurned = !isFirst(0) && isFirst(1)
        guard isTurned || (isFirst(0) && rows != old), let template = ShapeTemplate(rows, graph.probes) else { return false }
        var layouts = rows.map(ElementLayout.init)
        if isTurned {
            let side = unused("\(node.name).rows")
            append(.init(side, Reshape(template), inputs: [input]), rows)
            append(.init(node.name, Rearrangement(.transposed([1, 0, 2])), inputs: [side]), rows.map { [$0[1], $0[0], $0[2]] })
            layouts = rows.map { ElementLayout([$0[1], $0[0], $0[2]]) }.compactMap { $0.transposed([1, 0, 2]) }
        } else {
            append(.init(node.name, Reshape(template), inputs: [input]), rows)
        }
        layouts = zip(layouts, old).compactMap { $0.reshaped(to: $1) }
        guard layouts.count == old.count else { return false }
        meanings[node.name] = .view(of: node.name, layouts, maker: nil, made: nil)
        return true
    }
}
