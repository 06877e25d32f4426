import Tensors
import Text

/// The steps of a run for one shape of batch, and the offsets of their values in one arena, by liveness.
struct RunPlan {
    /// Where a value is.
    enum Place {
        case arena(Int)
        /// In the base run.
        case base
    }

    /// One operation to run.
    struct Step {
        let node: NodeID
        let operation: any Operation
        let inputs: [NodeID]
        let parameters: [ParameterID]
        let shape: [Int]
        /// Where the output is, as the nodes downstream see it.
        let output: Int
        /// Where the operation writes if a backward pass must see what an intervention changed.
        let raw: Int?
        let scratch: (offset: Int, count: Int)
        let isIntervened: Bool
        /// Whether the output is the base run's, taken over to be changed.
        let copiesBase: Bool
    }

    let steps: [Step]
    let shapes: [[Int]]
    let places: [NodeID: Place]
    /// The nodes whose values of the base run some values are.
    let baseValues: [NodeID: NodeID]
    let arenaSize: Int
    /// The nodes of which only the positions that a batch asks about are computed.
    let atAsked: Set<NodeID>

    init(_ network: Network, batch: BatchShape, request: RunRequest, teamSize: Int) throws(Problem) {
        var shapes = try network.shapes(for: batch)
        let selection = NodeSelection(network, request: request)
        var order = selection.order
        var baseValues: [NodeID: NodeID] = [:]
        let plan = PositionPlan(selection, shapes: shapes, request: request)
        var atAsked: Set<NodeID> = []
        if plan.leavesOut {
            (order, shapes, baseValues) = (plan.order, plan.shapes, plan.baseValues)
        } else {
            let plan = AskedPlan(selection, shapes: shapes, request: request)
            if !plan.atAsked.isEmpty { (order, shapes, atAsked) = (plan.order, plan.shapes, plan.atAsked) }
        }
        self.atAsked = atAsked
        self.shapes = shapes
        self.baseValues = baseValues

        // The last step that reads a value; what is recorded, or read again by a backward pass, is kept for ever.
        var lastUse: [NodeID: Int] = [:]
        for (step, planned) in order.enumerated() {
            for input in planned.inputs { lastUse[input] = step }
        }
        let hasGradients = request.gradients != nil
        let kept = request.recorded.union(request.gradients.map { Self.readBackward(order, $0) } ?? [])

        var planner = ArenaPlanner()
        var places: [NodeID: Place] = [:]
        for node in selection.given.union(baseValues.keys) { places[node] = .base }
        var steps: [Step] = []
        for (index, planned) in order.enumerated() {
            let shape = shapes[planned.node.index]
            let count = shape.reduce(1, *)
            let inputShapes = planned.inputs.map { shapes[$0.index] }
            let isIntervened = request.intervened.contains(planned.node)
            var output: Int?
            if planned.operation.worksInPlace, !planned.copiesBase, let first = planned.inputs.first, !kept.contains(first),
                lastUse[first] == index,
                case .arena(let offset)? = places[first], shapes[first.index].reduce(1, *) == count,
                planned.inputs.filter({ $0 == first }).count == 1
            {
                output = offset
                places[first] = nil
            }
            let place = output ?? planner.allocate(count)
            let raw = isIntervened && hasGradients ? planner.allocate(count) : nil
            let needed =
                planned.copiesBase ? 0 : planned.operation.forwardScratch(inputs: inputShapes, output: shape, team: teamSize)
            let scratch = needed > 0 ? planner.allocate(needed) : 0
            if needed > 0 { planner.release(scratch, needed) }
            places[planned.node] = .arena(place)
            steps.append(
                Step(
                    node: planned.node, operation: planned.operation, inputs: planned.inputs, parameters: planned.parameters, shape: shape,
                    output: place, raw: raw, scratch: (scratch, needed), isIntervened: isIntervened, copiesBase: planned.copiesBase))
            for input in Set(planned.inputs) where lastUse[input] == index && !kept.contains(input) {
                if case .arena(let offset)? = places[input] {
                    planner.release(offset, shapes[input.index].reduce(1, *))
                    places[input] = nil
                }
            }
            // A value that nobody reads: an intervention's site after which nothing is requested.
            if lastUse[planned.node] == nil, !kept.contains(planned.node) {
                planner.release(place, count)
                places[planned.node] = nil
            }
        }
        self.steps = steps
        self.places = places
        arenaSize = planner.size
    }

    /// The nodes whose values a backward pass reads.
    private static func readBackward(_ order: [NodeSelection.Planned], _ gradients: GradientRequest) -> Set<NodeID> {
        var read: Set<NodeID> = []
        for planned in order {
            let reading = planned.operation.gradientReading
            let hasParameters = planned.parameters.contains(where: gradients.parameters.contains)
            if reading.contains(.inputs) || reading.contains(.inputsForParameters) && hasParameters { read.formUnion(planned.inputs) }
            // What the network is given is the caller's.
            if reading.contains(.output) || planned.operation is InputOperation { read.insert(planned.node) }
        }
        return read
    }
}

/// The nodes that a run computes, in order, and those whose values it reuses from its base run.
struct NodeSelection {
    /// A node to compute: alone, or with those that its fusion replaces.
    struct Planned {
        let node: NodeID
        let operation: any Operation
        let inputs: [NodeID]
        let parameters: [ParameterID]
        let copiesBase: Bool
    }

    let order: [Planned]
    /// The nodes whose values the base run gives.
    let given: Set<NodeID>

    init(_ network: Network, request: RunRequest) {
        // What differs from the base run: what is changed, and all downstream of it.
        var isDirty = [Bool](repeating: false, count: network.nodes.count)
        var hasDirtyInput = isDirty
        for (index, node) in network.nodes.enumerated() {
            hasDirtyInput[index] =
                node.inputs.contains { isDirty[$0.index] } || node.parameters.contains { request.changedParameters.contains($0) }
            isDirty[index] = hasDirtyInput[index] || request.intervened.contains(NodeID(index))
        }
        let observed = request.recorded.union(request.intervened).union(request.gradients?.observed ?? [])
        var planned: [NodeID: Planned] = [:]
        var given: Set<NodeID> = []
        var waiting = Array(request.recorded) + Array(request.gradients?.observed ?? [])
        while let id = waiting.popLast() {
            guard planned[id] == nil, !given.contains(id) else { continue }
            let node = network.nodes[id.index]
            let isInBase = request.base.contains(id)
            // A recorded value is the run's own: it is copied if the base has it.
            if isInBase, !isDirty[id.index], !observed.contains(id) {
                given.insert(id)
                continue
            }
            if isInBase, !hasDirtyInput[id.index], request.gradients == nil {
                planned[id] = Planned(node: id, operation: node.operation, inputs: [], parameters: [], copiesBase: true)
                continue
            }
            let fusion = node.fusion.flatMap { fusion in fusion.replaces.contains(where: observed.contains) ? nil : fusion }
            let inputs = fusion?.inputs ?? node.inputs
            planned[id] = Planned(
                node: id, operation: fusion?.operation ?? node.operation, inputs: inputs,
                parameters: fusion?.parameters ?? node.parameters, copiesBase: false)
            waiting += inputs
        }
        order = planned.keys.sorted().compactMap { planned[$0] }
        self.given = given
    }
}
