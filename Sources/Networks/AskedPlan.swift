/// The steps of a run that computes, of what nobody reads elsewhere, the positions that a batch asks about alone.
///
/// A step does so, [samples, asked, width], if each position follows from the same position of its inputs, or, as in an attention that sees
/// every key alike, also from all positions of some of them. The positions of an input that is computed as a whole are taken from it.
struct AskedPlan {
    private(set) var order: [NodeSelection.Planned] = []
    /// Shapes of all nodes, then of the values between the steps.
    private(set) var shapes: [[Int]]
    /// The nodes of which only these positions are computed.
    private(set) var atAsked: Set<NodeID> = []

    init(_ selection: NodeSelection, shapes: [[Int]], request: RunRequest) {
        self.shapes = shapes
        let asked = request.askedCount
        guard asked > 0 else { return }
        // The nodes of which somebody reads other positions.
        var whole = request.recorded.subtracting(request.readAsked).union(request.gradients?.observed ?? [])
        var parts: [NodeID: PartialOperation] = [:]
        for planned in selection.order.reversed() {
            let node = planned.node
            if let length = length(of: node), asked < length, !whole.contains(node), !planned.copiesBase,
                !request.intervened.contains(node),
                planned.inputs.allSatisfy({ self.length(of: $0) == length }),
                let part = planned.operation.part(asked: asked, of: length)
            {
                parts[node] = part
                for place in part.whole { whole.insert(planned.inputs[place]) }
            } else {
                whole.formUnion(planned.inputs)
            }
        }
        guard !parts.isEmpty else { return }
        atAsked = Set(parts.keys)
        var taken: [NodeID: NodeID] = [:]
        for planned in selection.order {
            guard let part = parts[planned.node] else {
                order.append(planned)
                continue
            }
            var inputs: [NodeID] = []
            for (place, input) in planned.inputs.enumerated() {
                let hasAll = part.whole.contains(place)
                inputs.append(hasAll || parts[input] != nil ? input : takenPositions(of: input, asked, &taken))
            }
            self.shapes[planned.node.index][1] = asked
            order.append(
                NodeSelection.Planned(
                    node: planned.node, operation: part.operation, inputs: inputs, parameters: planned.parameters, copiesBase: false))
        }
    }

    /// The number of positions of a node's output; nil if it is no sequence.
    private func length(of node: NodeID) -> Int? { shapes[node.index].count == 3 ? shapes[node.index][1] : nil }

    /// The positions of a value that is computed as a whole.
    private mutating func takenPositions(of node: NodeID, _ asked: Int, _ taken: inout [NodeID: NodeID]) -> NodeID {
        if let known = taken[node] { return known }
        let made = NodeID(shapes.count)
        shapes.append([shapes[node.index][0], asked, shapes[node.index][2]])
        order.append(
            NodeSelection.Planned(node: made, operation: AskedPositions(count: asked), inputs: [node], parameters: [], copiesBase: false))
        taken[node] = made
        return made
    }
}
