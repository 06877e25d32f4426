/// The steps of a run that computes only some positions of sequences: those that are read, and of what a change moves those from its
/// position on; the others are the base run's.
///
/// A step computes consecutive positions, or those that a batch asks about, [samples, positions, width]. Where another needs fewer of them, they are taken; where it needs all, as
/// the keys and values of an attention, those before come from the base run. Of a token that a head selects, nothing else is computed from
/// the last attention on.
struct PositionPlan {
    private(set) var order: [NodeSelection.Planned] = []
    /// Shapes of all nodes, then of the values between the steps.
    private(set) var shapes: [[Int]]
    /// The values that are a node's of the base run under a number of their own.
    private(set) var baseValues: [NodeID: NodeID] = [:]

    /// The positions that a step computes if they are not all.
    private var computed: [NodeID: Positions] = [:]
    private var taken: [Pair: NodeID] = [:]

    /// Whether any step computes fewer positions than there are.
    var leavesOut: Bool { !computed.isEmpty }

    /// The nodes of which only the positions that a batch asks about are computed.
    var atAsked: Set<NodeID> {
        Set(computed.filter { if case .asked = $0.value { true } else { false } }.keys)
    }

    private struct Pair: Hashable {
        let node: NodeID
        let positions: Positions
    }

    /// Some positions of sequences.
    private enum Positions: Hashable {
        case range(Range<Int>)
        /// Those that a batch asks about, this many in each sequence.
        case asked(Int)

        var count: Int {
            switch self {
            case .range(let range): range.count
            case .asked(let count): count
            }
        }

        /// What has these positions and others; which ones are asked about is not known.
        func joined(with other: Positions, of length: Int) -> Positions {
            switch (self, other) {
            case (.range(let own), .range(let other)):
                .range(min(own.lowerBound, other.lowerBound)..<max(own.upperBound, other.upperBound))
            case (.asked, .asked): self
            default: .range(0..<length)
            }
        }
    }

    init(_ selection: NodeSelection, shapes: [[Int]], request: RunRequest) {
        self.shapes = shapes
        var parts: [NodeID: PartialOperation] = [:]
        var needed: [NodeID: Positions] = [:]
        for node in request.recorded {
            guard let length = length(of: node) else { continue }
            needed[node] = .range(request.readAtEnd.contains(node) ? length - 1..<length : 0..<length)
            if request.readAsked.contains(node), 0..<length ~= request.askedCount - 1 { needed[node] = .asked(request.askedCount) }
        }
        for node in request.gradients?.observed ?? [] { needed[node] = length(of: node).map { .range(0..<$0) } }
        for planned in selection.order.reversed() {
            let node = planned.node
            let own = length(of: node)
            var operation: PartialOperation?
            if let own, own > 1, let read = needed[node], !planned.copiesBase, !request.intervened.contains(node),
                planned.inputs.allSatisfy({ length(of: $0) == own })
            {
                var positions = read
                if case .range(let range) = read, request.base.contains(node) {
                    // Before its position a change moves nothing; what is read there the base run must have.
                    let start = max(range.lowerBound, min(request.firstPosition, own - 1))
                    positions = .range(min(start, range.upperBound - 1)..<range.upperBound)
                }
                if positions.count < own, let part = Self.part(planned.operation, positions, of: own) {
                    (operation, parts[node], computed[node]) = (part, part, positions)
                }
            }
            for (place, input) in planned.inputs.enumerated() {
                guard let length = length(of: input) else { continue }
                let wanted = wanted(ofInput: place, by: planned, operation, length: length)
                needed[input] = needed[input]?.joined(with: wanted, of: length) ?? wanted
            }
        }
        guard !computed.isEmpty else { return }
        for planned in selection.order {
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
    ) -> Positions {
        if let operation, let positions = computed[planned.node] { return operation.whole.contains(place) ? .range(0..<length) : positions }
        if !planned.copiesBase, let row = planned.operation.selectedPosition, row < length { return .range(row..<row + 1) }
        return .range(0..<length)
    }

    private static func part(_ operation: any Operation, _ positions: Positions, of length: Int) -> PartialOperation? {
        switch positions {
        case .range(let range): operation.part(range, of: length)
        case .asked(let count): operation.part(asked: count, of: length)
        }
    }

    /// The number of positions of a node's output; nil if it is no sequence.
    private func length(of node: NodeID) -> Int? { length(ofWhole: node, shapes) }

    private func length(ofWhole node: NodeID, _ shapes: [[Int]]) -> Int? {
        shapes[node.index].count == 3 ? shapes[node.index][1] : nil
    }

    /// A node's value at some positions.
    private mutating func value(of node: NodeID, _ wanted: Positions, length: Int) -> NodeID {
        let available = computed[node] ?? .range(0..<length)
        if available == wanted { return node }
        if let known = taken[Pair(node: node, positions: wanted)] { return known }
        let made: NodeID
        let (samples, width) = (shapes[node.index][0], shapes[node.index][2])
        switch (available, wanted) {
        case (.range(0..<length), .asked(let count)):
            made = add(AskedPositions(count: count), [node])
            shapes[made.index] = [samples, count, width]
        case (.range(let available), .range(let wanted))
        where available.lowerBound <= wanted.lowerBound && available.upperBound >= wanted.upperBound:
            made = add(SomePositions(first: wanted.lowerBound - available.lowerBound, count: wanted.count), [node])
            shapes[made.index] = [samples, wanted.count, width]
        case (.range(let available), .range(0..<length)) where available.upperBound == length:
            let base = NodeID(shapes.count)
            shapes.append([samples, length, width])
            baseValues[base] = node
            made = add(JoinedPositions(first: available.lowerBound), [base, node])
            shapes[made.index] = shapes[base.index]
        default: preconditionFailure("positions \(wanted) of '\(node.index)', which has \(available)")
        }
        taken[Pair(node: node, positions: wanted)] = made
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
