/// How far along sequences a change at some positions reaches, node by node, in a causal network.
struct PositionReach {
    /// The positions at which a node's output can differ from the base run's.
    enum Extent: Int, Comparable {
        case nowhere
        /// The changed positions alone.
        case changed
        /// The first changed position and all after it.
        case onwards

        static func < (a: Extent, b: Extent) -> Bool { a.rawValue < b.rawValue }
    }

    private var extents: [NodeID: Extent] = [:]

    init(_ selection: NodeSelection, intervened: Set<NodeID>) {
        for planned in selection.order {
            let inputs = planned.inputs.map { extents[$0] ?? .nowhere }
            var extent = intervened.contains(planned.node) ? Extent.changed : .nowhere
            if let widest = inputs.max(), widest > .nowhere {
                let whole = Self.whole(planned.operation)
                // An operation that is not known to work position by position may carry a change on.
                let isCarried = whole.map { places in places.contains { inputs[$0] > .nowhere } } ?? true
                extent = max(extent, isCarried ? .onwards : widest)
            }
            if extent > .nowhere { extents[planned.node] = extent }
        }
    }

    subscript(node: NodeID) -> Extent { extents[node] ?? .nowhere }

    /// Which inputs an operation reads at all positions; nil if it does not tell.
    static func whole(_ operation: any Operation) -> Set<Int>? { operation.part(1..<2, of: 2)?.whole }

    /// The positions of sequences of a length that a node's output can differ at.
    func positions(of node: NodeID, changed: Range<Int>, length: Int) -> Range<Int> {
        switch self[node] {
        case .nowhere: 0..<0
        case .changed: changed.clamped(to: 0..<length)
        case .onwards: min(changed.lowerBound, length)..<length
        }
    }
}

extension Network {
    /// The nodes of which a run after a change at some positions of `node` reads other positions from its base run: keys and values before the
    /// change, queries and the residual stream after it.
    ///
    /// - Parameter reading: the node that the run records.
    package func positionFrontier(intervened node: NodeID, reading: NodeID) -> Set<NodeID> {
        var request = RunRequest(recorded: [reading])
        (request.intervened, request.base) = ([node], frontier(intervened: [node]))
        let selection = NodeSelection(self, request: request)
        let reach = PositionReach(selection, intervened: [node])
        var found: Set<NodeID> = []
        for planned in selection.order where reach[planned.node] == .onwards {
            guard let whole = PositionReach.whole(planned.operation) else { continue }
            for (place, input) in planned.inputs.enumerated() where input != node {
                let isReadElsewhere = reach[input] == .changed || whole.contains(place) && reach[input] == .onwards
                if isReadElsewhere { found.insert(input) }
            }
        }
        return found
    }
}
