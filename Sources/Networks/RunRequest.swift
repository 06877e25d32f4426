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
    /// The recorded nodes that the caller reads at the last position of each sequence alone: the run may give no others, [samples, 1, width].
    package var readAtEnd: Set<NodeID> = []
    /// The position of the sequences at which the changes begin, for runs of a causal network: before it everything is as in the base run.
    package var firstPosition = 0
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

    package init(parameters: Set<ParameterID> = [], nodes: Set<NodeID> = []) {
        self.parameters = parameters
        self.nodes = nodes
    }
}
