/// What a run computes and which values it keeps.
package struct RunRequest: Sendable {
    /// The nodes whose outputs the caller reads.
    package var recorded: Set<NodeID>
    /// The nodes whose outputs the run's interventions change.
    package var intervened: Set<NodeID> = []
    /// The parameters whose values differ from the base run's.
    package var changedParameters: Set<ParameterID> = []
    /// The nodes whose outputs a base run has recorded: only nodes downstream of a change are computed again.
    package var base: Set<NodeID> = []
    /// The nodes that the caller reads at the last position of each sequence alone, outputs and gradients: the run may give no others, [samples, 1,
    /// width].
    package var readAtEnd: Set<NodeID> = []
    /// The positions of the sequences at which the interventions change something, for runs of a causal network: before them everything is as
    /// in the base run, after them all that no attention has carried on. Nil for all positions.
    package var changedPositions: Range<Int>?
    /// The gradients of the backward pass; nil for a run without one.
    package var gradients: GradientRequest?
    package var mode = RunMode.inference
    /// The recorded nodes that the caller reads at the positions that a batch asks about alone: the run may give no others, [samples,
    /// ``askedCount``, width], as ``RecordedRun/hasAskedAlone(_:)`` tells.
    package var readAsked: Set<NodeID> = []
    /// The number of positions that a batch asks about in each sequence; if it is 0, all are read.
    package var askedCount = 0

    package init(recorded: Set<NodeID>) { self.recorded = recorded }

    /// The request for a batch that asks about as many positions.
    package func asking(_ count: Int) -> RunRequest {
        var request = self
        request.askedCount = readAsked.isEmpty ? 0 : count
        return request
    }
}

/// The gradients that a backward pass computes.
package struct GradientRequest: Sendable {
    /// The parameters whose gradients are computed.
    package var parameters: Set<ParameterID>
    /// Of which nodes' outputs, as the nodes downstream see them.
    package var nodes: Set<NodeID>
    /// The nodes through which the caller goes back itself, each with the nodes whose gradients it reads then.
    ///
    /// Where a node is not among those that are read at its turn, nothing computes its gradient.
    package var detours: [NodeID: Set<NodeID>]

    package init(parameters: Set<ParameterID> = [], nodes: Set<NodeID> = [], detours: [NodeID: Set<NodeID>] = [:]) {
        self.parameters = parameters
        self.nodes = nodes
        self.detours = detours
    }

    /// Whether nothing computes a node's gradient, since the caller goes back through it from others.
    func leavesOut(_ node: NodeID) -> Bool { detours[node].map { !$0.contains(node) } ?? false }

    /// The nodes that a run must compute as they are because of their gradients.
    var observed: Set<NodeID> { detours.reduce(nodes) { $0.union($1.value).union([$1.key]) } }
}
