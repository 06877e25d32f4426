/// A mixture of experts in place of a block's MLP: a router selects, for each position, the MLPs that process it.
package struct ExpertPart: Sendable {
    package let reading: Stream.Reader
    /// The layer that gives each expert a score.
    package let router: NodeID
    /// The weight of each expert at each position, 0 for those that are not selected.
    package let choice: NodeID
    /// In the order of the router's scores. An expert's written node is its output before it is weighted.
    package let experts: [MLPPart]
    /// What each expert reads: the positions as the part reads them. In a run in which nobody looks at it, the expert reads them there.
    package let inputs: [NodeID]
    /// The experts' outputs times their weights, side by side.
    package let contributions: NodeID
    /// The sum of the contributions.
    package let sum: NodeID
    /// The MLP that works on every position; nil if there is none.
    package let shared: MLPPart?
    /// What the MLP that works on every position adds to the sum; nil if there is none.
    package let sharedContribution: NodeID?
    /// The layer that gives the MLP for every position its score; nil if there is none.
    package let sharedRouter: NodeID?
    /// The weighted sum of the experts' outputs, plus the shared expert's.
    package let output: NodeID
    /// Norms after the output, inside the branch.
    package let norms: [NodeID]

    /// The number of elements that an expert adds at a position.
    package func width(in network: Network) -> Int {
        guard let layer = experts.first?.output, case .produces(let weights) = network.nodes[layer.index].operation.neurons,
            let weight = network.nodes[layer.index].parameters.first
        else { return 0 }
        return network.parameters[weight.index].shape[weights.outDimension]
    }

    /// The node whose output is added to the stream.
    package var written: NodeID { norms.last ?? output }
}
