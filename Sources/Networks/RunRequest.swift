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
    /// The positions of the sequences at which the interventions change something, for runs of a causal network: before them everything is as
    /// in the base run, after them all that no attention has carried on. Nil for all positions.
    package var changedPositions: Range<Int>?
    /// The gradients of the backward pass; nil for a run without one.
    package var gradients: GradientRequest?
    package var mode = RunMode.inference

    package init(recorded: Set<NodeID>) { self.recorded = recorded }
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
