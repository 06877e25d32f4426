/// What a run computes, from what, and what of it is kept.
public struct RunRequest: Sendable {
    /// The nodes whose outputs the caller reads.
    public var recorded: Set<NodeID>
    /// The nodes whose outputs the run's interventions change.
    public var intervened: Set<NodeID> = []
    /// The parameters whose values differ from the base run's.
    public var changedParameters: Set<ParameterID> = []
    /// The nodes whose outputs a base run has recorded: only what lies downstream of a change is computed again.
    public var base: Set<NodeID> = []
    /// What the gradients are taken with respect to; nil for a run without a backward pass.
    public var gradients: GradientRequest?
    public var mode = RunMode.inference

    public init(recorded: Set<NodeID>) { self.recorded = recorded }
}

/// What gradients a backward pass gives.
public struct GradientRequest: Sendable {
    /// Of which parameters.
    public var parameters: Set<ParameterID>
    /// Of which nodes' outputs, as the nodes downstream see them.
    public var nodes: Set<NodeID>

    public init(parameters: Set<ParameterID> = [], nodes: Set<NodeID> = []) {
        self.parameters = parameters
        self.nodes = nodes
    }
}
