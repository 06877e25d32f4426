import Tensors
import Text

/// Runs a network on batches of one shape, reusing the same memory.
///
/// The values of a run are in the executor's arena, and the next run overwrites them. One executor serves one caller at a time.
package final class Executor {
    package let network: Network
    package let request: RunRequest
    package let batch: BatchShape
    let plan: RunPlan
    let team: Team
    private let arena: Arena
    private lazy var memory = StepMemory(plan, arena.memory())
    private(set) var values: [NodeID: Tensor] = [:]
    private(set) var lastRun: (batch: Batch, parameters: ParameterValues, interventions: [Intervention])?

    /// - Parameter arena: the memory of the values; a shared one holds the values of the executor that ran last.
    /// - Throws: ``Problem`` if the batch does not fit the network.
    package init(
        _ network: Network, batch: BatchShape, request: RunRequest, team: Team, arena: Arena = Arena()
    ) throws(Problem) {
        self.network = network
        self.request = request
        self.batch = batch
        self.team = team
        plan = try RunPlan(network, batch: batch, request: request, teamSize: team.size)
        self.arena = arena
        arena.reserve(plan.arenaSize)
    }

    /// The size of the values of such a run in bytes, without allocating it.
    package static func memory(_ network: Network, batch: BatchShape, request: RunRequest) throws(Problem) -> Int {
        try RunPlan(network, batch: batch, request: request, teamSize: 1).arenaSize * MemoryLayout<Float>.size
    }

    /// The size of a run's values in bytes.
    package var byteCount: Int { plan.arenaSize * MemoryLayout<Float>.size }

    /// Computes what the request names.
    ///
    /// - Parameters:
    ///   - batch: of the shape that the executor was made for.
    ///   - parameters: the network's own if nil.
    ///   - interventions: on nodes that the request names; applied in their order.
    ///   - base: a run of the same batch with what the request's base names.
    package func run(
        _ batch: Batch, parameters: ParameterValues? = nil, interventions: [Intervention] = [], base: RecordedRun? = nil
    ) -> RecordedRun {
        precondition(batch.shape == self.batch, "\(batch.shape) for \(self.batch)")
        precondition(
            plan.atAsked.isEmpty || batch.askedCount == request.askedCount, "\(batch.askedCount) positions for \(request.askedCount)")
        precondition(interventions.allSatisfy { request.intervened.contains($0.node) }, "an intervention that was not requested")
        let parameters = parameters ?? network.values
        var changes = [InterventionChange](repeating: InterventionChange(), count: interventions.count)
        values.removeAll(keepingCapacity: true)
        for (node, place) in plan.places {
            guard case .base = place else { continue }
            let source = plan.baseValues[node] ?? node
            guard let value = base?[source] else { preconditionFailure("the base run has no '\(network.nodes[source.index].site)'") }
            values[node] = value
        }
        let tokens: TokenBatch? = if case .tokens(let tokens) = batch { tokens } else { nil }
        for (index, step) in plan.steps.enumerated() {
            let raw = memory.raws[index]
            if step.copiesBase {
                guard let value = base?[step.node] else {
                    preconditionFailure("the base run has no '\(network.nodes[step.node.index].site)'")
                }
                raw.copy(from: value)
            } else if step.operation is InputOperation {
                guard case .values(let given) = batch else { preconditionFailure("tokens for an input of numbers") }
                // For the way back the input is kept: nobody works in its place.
                if request.gradients != nil, !step.isIntervened {
                    values[step.node] = given
                    continue
                }
                raw.copy(from: given)
            } else {
                step.operation.forward(
                    ForwardPass(
                        inputs: step.inputs.map { values[$0]! }, parameters: step.parameters.map { parameters.tensor($0, team: team) },
                        output: raw,
                        scratch: memory.scratch[index], tokens: tokens, mode: request.mode, team: team))
            }
            if step.raw != nil { memory.outputs[index].copy(from: raw) }
            if step.isIntervened {
                for (place, intervention) in interventions.enumerated() where intervention.node == step.node {
                    changes[place] += intervention.apply(to: memory.outputs[index], network.neuronDimensions[step.node])
                }
            }
            values[step.node] = memory.outputs[index]
        }
        lastRun = (batch, parameters, interventions)
        let recorded = values.filter { request.recorded.contains($0.key) }
        return RecordedRun(values: recorded, changes: changes, atAsked: plan.atAsked)
    }

    /// The output of a step's operation before interventions.
    func rawOutput(ofStep index: Int) -> Tensor { memory.raws[index] }
}

/// Memory shared by executors that run one after the other: as large as the largest needs, allocated when the first one runs.
package final class Arena {
    private var size = 0
    private var made: MutableTensor?

    package init() {}

    func reserve(_ count: Int) { size = max(size, count) }

    /// The memory; made again if an executor that came later needs more.
    func memory() -> MutableTensor {
        if let made, made.count >= size { return made }
        let memory = MutableTensor(uninitialized: [size])
        made = memory
        return memory
    }
}

/// The tensors of a plan's steps in an arena.
private struct StepMemory {
    let outputs: [MutableTensor]
    let raws: [MutableTensor]
    let scratch: [MutableTensor]

    init(_ plan: RunPlan, _ arena: MutableTensor) {
        outputs = plan.steps.map { arena.view(at: $0.output, shape: $0.shape) }
        raws = zip(plan.steps, outputs).map { step, output in step.raw.map { arena.view(at: $0, shape: step.shape) } ?? output }
        scratch = plan.steps.map { arena.view(at: $0.scratch.count > 0 ? $0.scratch.offset : 0, shape: [$0.scratch.count]) }
    }
}

/// The recorded values of a run. The tensors belong to the executor and are valid until its next run; copy those that must live longer.
package struct RecordedRun: Sendable {
    private let values: [NodeID: Tensor]
    /// The change made by each intervention, in their order.
    package let changes: [InterventionChange]

    /// The nodes of which only the positions that the batch asks about were computed.
    private let atAsked: Set<NodeID>

    package init(values: [NodeID: Tensor], changes: [InterventionChange] = [], atAsked: Set<NodeID> = []) {
        self.values = values
        self.changes = changes
        self.atAsked = atAsked
    }

    /// The recorded output of a node.
    package subscript(node: NodeID) -> Tensor? { values[node] }

    /// Whether the output of a node is that at the positions that the batch asks about, [samples, asked, width], in place of all.
    package func hasAskedAlone(_ node: NodeID) -> Bool { atAsked.contains(node) }
}
