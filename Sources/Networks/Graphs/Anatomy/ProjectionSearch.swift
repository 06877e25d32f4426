/// Follows the rearranged heads of queries, keys or values back to where they are side by side.
struct ProjectionSearch {
    private let graph: ShapedGraph
    private let numbers: FixedNumbers

    init(_ graph: ShapedGraph, _ numbers: FixedNumbers) {
        self.graph = graph
        self.numbers = numbers
    }

    struct Heads: Equatable {
        /// The heads, those that have vectors of their own, and the length of a vector.
        let count: Int
        let own: Int
        let dimension: Int
    }

    struct Found {
        let projection: FoundAttention.Projection
        let heads: Heads
        /// By what they are multiplied.
        let factor: Float
    }

    /// Where the heads cannot be followed any more.
    struct Gap: Error {
        let reason: String
    }

    /// One of the nodes between the heads and where they are side by side.
    private enum Link {
        case move(NetworkGraph.Node)
        case norm(NetworkGraph.Node)
        /// Everything between two nodes of one shape, of which the first is `origin`.
        case positions(origin: String, NetworkGraph.Node)
    }

    static func isMove(_ operation: any Operation) -> Bool {
        operation is Identity || operation is Reshape || operation is Flatten || operation is Rearrangement || operation is Slice
            || operation is EntryLookup
    }

    /// - Parameter order: which dimension of the operand is that of the samples, heads, positions and elements.
    func projection(_ operand: String, order: [Int]) -> Result<Found, Gap> {
        guard let shapes = graph.shapes[operand] else { return .failure(Gap(reason: "'\(operand)' are made by nothing")) }
        var chain: [Link] = []
        var name = operand
        var factor: Float = 1
        var isNormed = false
        search: while let node = graph.node(name), chain.count < 48 {
            if let scaling = node.operation as? Scaling {
                // What a norm reads may have any size.
                guard !isNormed else { break }
                factor *= scaling.factor
                name = node.inputs[0]
            } else if node.inputs.count == 1, node.parameters.isEmpty, Self.isMove(node.operation) {
                chain.append(.move(node))
                name = node.inputs[0]
            } else if node.operation is RMSNorm || node.operation is LayerNorm || node.operation is HeadNorm {
                chain.append(.norm(node))
                isNormed = true
                name = node.inputs[0]
            } else if !(node.operation is Linear), let origin = numbers.origin(of: name), graph.shapes[origin] == graph.shapes[name] {
                chain.append(.positions(origin: origin, node))
                name = origin
            } else {
                break search
            }
        }
        guard let sources = graph.shapes[name], sources.allSatisfy({ $0.count == 3 && $0.allSatisfy { $0 > 0 } }) else {
            let operation = graph.node(name).map { " (\($0.operation.name))" } ?? ""
            return .failure(Gap(reason: "'\(operand)' come from '\(name)'\(operation), which has no heads side by side"))
        }
        chain.reverse()
        var heads: Heads?
        var place: (start: Int, step: Int)?
        var steps: [FoundAttention.Step] = []
        for (probe, source) in sources.enumerated() {
            var layout = ElementLayout(source)
            for link in chain {
                switch link {
                case .move(let node):
                    guard let moved = layout.moved(by: node.operation, to: graph.shapes[node.name]![probe]) else {
                        return .failure(Gap(reason: "'\(operand)' pass '\(node.name)' (\(node.operation.name)), which divides heads"))
                    }
                    layout = moved
                case .norm(let node):
                    guard let step = norm(node, layout) else {
                        return .failure(
                            Gap(reason: "'\(operand)' pass '\(node.name)' (\(node.operation.name)), which is no norm of whole heads"))
                    }
                    if probe == 0 { steps.append(step) }
                case .positions(let origin, let node):
                    guard probe == 0 else { continue }
                    guard let last = layout.dimensions.last, last.count == 1, last[0].axis == 2, last[0].step == 1,
                        let rotary = RotarySearch(numbers: numbers, origin: origin, layout: layout, end: node.name)
                            .rotary(dimension: last[0].length)
                    else {
                        return .failure(
                            Gap(reason: "'\(operand)' pass '\(node.name)' (\(node.operation.name)), which is no rotary position"))
                    }
                    steps.append(.init(name: node.name, operation: rotary, parameters: []))
                }
            }
            guard graph.probes[probe].samples == source[0],
                let four = shapes[probe].count == 4
                    ? layout
                    : layout.reshaped(to: [source[0], shapes[probe][0] / source[0]] + shapes[probe].dropFirst()),
                let turned = four.transposed(order), let (own, found) = read(turned, source), heads == nil || heads == own,
                place == nil || place! == found
            else { return .failure(Gap(reason: "'\(operand)' are no heads side by side")) }
            (heads, place) = (own, found)
        }
        guard let heads, let place else { return .failure(Gap(reason: "'\(operand)' are no heads side by side")) }
        // Norms of the whole row read it where it is.
        for step in steps {
            if let rotary = step.operation as? Rotary, rotary.headDimension != heads.dimension {
                return .failure(Gap(reason: "'\(operand)' pass '\(step.name)', whose heads are of another size"))
            }
            let isWhole = step.operation is RMSNorm || step.operation is LayerNorm
            if isWhole, !step.parameters.allSatisfy({ $0.shape == [heads.own * heads.dimension] }) {
                return .failure(Gap(reason: "'\(operand)' pass '\(step.name)', which reads others too"))
            }
            if let norm = step.operation as? HeadNorm, norm.headDimension != heads.dimension {
                return .failure(Gap(reason: "'\(operand)' pass '\(step.name)', whose heads are of another size"))
            }
        }
        let own = chain.lazy.compactMap { link -> String? in
            guard case .move(let node) = link else { return nil }
            let isSliced = (node.operation as? Rearrangement).map { if case .sliced = $0.kind { true } else { false } } ?? false
            guard node.operation is Slice || isSliced else { return nil }
            return graph.onlyReader(node.name) == nil ? nil : node.name
        }.first
        var last = name
        for link in chain { if case .move(let node) = link { last = node.name } else { break } }
        return .success(
            Found(
                projection: .init(source: name, start: place.start, step: place.step, name: own ?? last, steps: steps), heads: heads,
                factor: factor))
    }

    /// A norm as it is on rows of heads side by side.
    private func norm(_ node: NetworkGraph.Node, _ layout: ElementLayout) -> FoundAttention.Step? {
        guard let last = layout.dimensions.last, last.count == 1, last[0].axis == 2, last[0].step == 1 else { return nil }
        let dimension = last[0].length
        guard node.parameters.allSatisfy({ $0.shape == [dimension] }) else { return nil }
        // All heads together, before they are divided.
        if layout.dimensions.count == 3 {
            return .init(name: node.name, operation: node.operation, parameters: node.parameters)
        }
        let kind: HeadNorm.Kind
        let epsilon: Float
        switch node.operation {
        case let norm as RMSNorm: (kind, epsilon) = (.rootMeanSquare(offset: norm.offset), norm.epsilon)
        case let norm as LayerNorm: (kind, epsilon) = (.layer, norm.epsilon)
        default: return nil
        }
        return .init(
            name: node.name, operation: HeadNorm(headDimension: dimension, kind: kind, epsilon: epsilon), parameters: node.parameters)
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
