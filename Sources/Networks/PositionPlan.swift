/// The steps of a run that computes only some positions of sequences: those that are read, and of what a change moves those from its
/// position on; the others are the base run's.
///
/// A step computes the positions from one on, [samples, length - first, width]. Where another needs fewer of them, they are taken; where it
/// needs all, as the keys and values of an attention, those before come from the base run.
struct PositionPlan {
    private(set) var order: [NodeSelection.Planned] = []
    /// Shapes of all nodes, then of the values between the steps.
    private(set) var shapes: [[Int]]
    /// The values that are a node's of the base run under a number of their own.
    private(set) var baseValues: [NodeID: NodeID] = [:]

    /// The first position that each step computes.
    private var first: [NodeID: Int] = [:]
    private var taken: [Pair: NodeID] = [:]

    private struct Pair: Hashable {
        let node: NodeID
        let first: Int
    }

    init(_ selection: NodeSelection, shapes: [[Int]], length: Int, request: RunRequest) {
        self.shapes = shapes
        var late: [NodeID: LateOperation] = [:]
        var needed: [NodeID: Int] = [:]
        for node in request.recorded { needed[node] = length - 1 }
        for planned in selection.order.reversed() {
            let node = planned.node
            // Before its position a change moves nothing; what is read there the base run must have.
            let read = needed[node] ?? 0
            let start = request.base.contains(node) ? max(read, request.firstPosition) : read
            let isWhole = planned.copiesBase || request.intervened.contains(node) || start == 0 || !isSequence(node, length)
            let operation = isWhole ? nil : planned.operation.late(from: start)
            if let operation, planned.inputs.allSatisfy({ isSequence($0, length) }) {
                (late[node], first[node]) = (operation, start)
            }
            for (place, input) in planned.inputs.enumerated() {
                let from = late[node].map { $0.whole.contains(place) ? 0 : start } ?? 0
                needed[input] = min(needed[input] ?? length, from)
            }
        }
        for planned in selection.order {
            let start = first[planned.node] ?? 0
            let operation = late[planned.node]
            var inputs: [NodeID] = []
            for (place, input) in planned.inputs.enumerated() {
                let from = operation.map { $0.whole.contains(place) ? 0 : start } ?? 0
                inputs.append(value(of: input, from: from, length: length))
            }
            if start > 0 { self.shapes[planned.node.index][1] = length - start }
            order.append(
                NodeSelection.Planned(
                    node: planned.node, operation: operation?.operation ?? planned.operation, inputs: inputs,
                    parameters: planned.parameters, copiesBase: planned.copiesBase))
        }
    }

    private func isSequence(_ node: NodeID, _ length: Int) -> Bool {
        shapes[node.index].count == 3 && shapes[node.index][1] == length
    }

    /// A node's value from a position on.
    private mutating func value(of node: NodeID, from wanted: Int, length: Int) -> NodeID {
        let available = first[node] ?? 0
        if available == wanted { return node }
        if let known = taken[Pair(node: node, first: wanted)] { return known }
        let made: NodeID
        if available < wanted {
            made = add(LaterPositions(dropped: wanted - available), [node])
            shapes[made.index] = [shapes[node.index][0], length - wanted, shapes[node.index][2]]
        } else {
            precondition(wanted == 0, "positions from \(wanted) of '\(node.index)', which begins at \(available)")
            let base = NodeID(shapes.count)
            shapes.append([shapes[node.index][0], length, shapes[node.index][2]])
            baseValues[base] = node
            made = add(JoinedPositions(first: available), [base, node])
            shapes[made.index] = shapes[base.index]
        }
        taken[Pair(node: node, first: wanted)] = made
        return made
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
