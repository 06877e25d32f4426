/// The steps of a run that computes only some positions of sequences: those that are read, and of what a change moves those that it
/// reaches; the others are the base run's.
///
/// A step computes consecutive positions, [samples, positions, width]. Where another needs fewer of them, they are taken; where it needs
/// more, as the keys and values of an attention, the others come from the base run. Until the first attention after it, a change reaches
/// its own positions alone. Of a token that a head selects, nothing else is computed from the last attention on.
struct PositionPlan {
    private(set) var order: [NodeSelection.Planned] = []
    /// Shapes of all nodes, then of the values between the steps.
    private(set) var shapes: [[Int]]
    /// The values that are a node's of the base run under a number of their own.
    private(set) var baseValues: [NodeID: NodeID] = [:]

    /// The positions that a step computes if they are not all; none where the base run has all that is read.
    private var computed: [NodeID: Range<Int>] = [:]
    private var taken: [Pair: NodeID] = [:]
    private var basePlaces: [NodeID: NodeID] = [:]

    /// Whether any step computes fewer positions than there are.
    var leavesOut: Bool { !computed.isEmpty }

    private struct Pair: Hashable {
        let node: NodeID
        let positions: Range<Int>
    }

    init(_ selection: NodeSelection, shapes: [[Int]], request: RunRequest) {
        self.shapes = shapes
        var parts: [NodeID: PartialOperation] = [:]
        var needed: [NodeID: Range<Int>] = [:]
        for node in request.recorded {
            guard let length = length(of: node) else { continue }
            needed[node] = request.readAtEnd.contains(node) ? length - 1..<length : 0..<length
        }
        for node in request.gradients?.nodes ?? [] { needed[node] = length(of: node).map { 0..<$0 } }
        var reach: PositionReach?
        if request.changedPositions != nil, request.changedParameters.isEmpty {
            reach = PositionReach(selection, intervened: request.intervened)
        }
        for planned in selection.order.reversed() {
            let node = planned.node
            let own = length(of: node)
            var operation: PartialOperation?
            if let own, own > 1, let read = needed[node], !planned.copiesBase, !request.intervened.contains(node),
                planned.inputs.allSatisfy({ length(of: $0) == own })
            {
                var positions = read
                // What a change does not reach the base run has.
                if let reach, let changed = request.changedPositions, request.base.contains(node), !request.recorded.contains(node) {
                    positions = read.clamped(to: reach.positions(of: node, changed: changed, length: own))
                }
                if positions.isEmpty {
                    computed[node] = 0..<0
                    continue
                }
                // An operation may know its positions by the end of the sequence alone.
                for positions in [positions, positions.lowerBound..<own] where operation == nil && positions.count < own {
                    guard let part = planned.operation.part(positions, of: own) else { continue }
                    (operation, parts[node], computed[node]) = (part, part, positions)
                }
            }
            for (place, input) in planned.inputs.enumerated() {
                guard let length = length(of: input) else { continue }
                let wanted = wanted(ofInput: place, by: planned, operation, length: length)
                needed[input] =
                    needed[input].map { min($0.lowerBound, wanted.lowerBound)..<max($0.upperBound, wanted.upperBound) } ?? wanted
            }
        }
        guard !computed.isEmpty else { return }
        for planned in selection.order where computed[planned.node]?.isEmpty != true {
            let operation = parts[planned.node]
            var (inputs, selected): ([NodeID], Bool) = ([], false)
            for (place, input) in planned.inputs.enumerated() {
                guard let length = length(ofWhole: input, shapes) else {
                    inputs.append(input)
                    continue
                }
                let wanted = wanted(ofInput: place, by: planned, operation, length: length)
                inputs.append(value(of: input, wanted, length: length))
                selected = selected || operation == nil && wanted.count < length
            }
            if let positions = computed[planned.node] { self.shapes[planned.node.index][1] = positions.count }
            order.append(
                NodeSelection.Planned(
                    node: planned.node, operation: selected ? SelectedRow() : operation?.operation ?? planned.operation, inputs: inputs,
                    parameters: planned.parameters, copiesBase: planned.copiesBase))
        }
    }

    /// The positions of an input that a step reads.
    private func wanted(
        ofInput place: Int, by planned: NodeSelection.Planned, _ operation: PartialOperation?, length: Int
    ) -> Range<Int> {
        if let operation, let positions = computed[planned.node] { return operation.whole.contains(place) ? 0..<length : positions }
        if !planned.copiesBase, let row = planned.operation.selectedPosition, row < length { return row..<row + 1 }
        return 0..<length
    }

    /// The number of positions of a node's output; nil if it is no sequence.
    private func length(of node: NodeID) -> Int? { length(ofWhole: node, shapes) }

    private func length(ofWhole node: NodeID, _ shapes: [[Int]]) -> Int? {
        shapes[node.index].count == 3 ? shapes[node.index][1] : nil
    }

    /// A node's value at some positions.
    private mutating func value(of node: NodeID, _ wanted: Range<Int>, length: Int) -> NodeID {
        let available = computed[node] ?? 0..<length
        if available == wanted { return node }
        if let known = taken[Pair(node: node, positions: wanted)] { return known }
        let (samples, width) = (shapes[node.index][0], shapes[node.index][2])
        let own = available.clamped(to: wanted)
        let made: NodeID
        if own == wanted {
            made = add(SomePositions(first: wanted.lowerBound - available.lowerBound, count: wanted.count), [node])
        } else {
            let base = basePlace(of: node, shape: [samples, length, width])
            if !own.isEmpty {
                made = add(JoinedPositions(positions: wanted, own: available), [base, node])
            } else if wanted.count < length {
                made = add(SomePositions(first: wanted.lowerBound, count: wanted.count), [base])
            } else {
                made = base
            }
        }
        shapes[made.index] = [samples, wanted.count, width]
        taken[Pair(node: node, positions: wanted)] = made
        return made
    }

    /// A node's value in the base run, beside its own.
    private mutating func basePlace(of node: NodeID, shape: [Int]) -> NodeID {
        if let known = basePlaces[node] { return known }
        let base = NodeID(shapes.count)
        shapes.append(shape)
        (baseValues[base], basePlaces[node]) = (node, base)
        return base
    }

    private mutating func add(_ operation: some Operation, _ inputs: [NodeID]) -> NodeID {
        let id = NodeID(shapes.count)
        shapes.append([])
        order.append(NodeSelection.Planned(node: id, operation: operation, inputs: inputs, parameters: [], copiesBase: false))
        return id
    }
}

extension Network {
    /// Whether no position of a sequence depends on those after it: a language model all of whose attention is causal.
    package var isCausal: Bool {
        guard case .tokens = input, anatomy.output != nil, !anatomy.blocks.isEmpty else { return false }
        return anatomy.blocks.compactMap(\.attention).allSatisfy { part in
            guard let attention = nodes[part.mixed.index].fusion?.operation as? Attention else { return false }
            return attention.mask != .none
        }
    }
}
