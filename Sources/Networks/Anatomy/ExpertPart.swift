/// A mixture of experts in place of a block's MLP: a router selects, for each position, the MLPs that process it.
package struct ExpertPart: Sendable {
    package let reading: Stream.Reader
    /// The layer that gives each expert a score.
    package let router: NodeID
    /// The weight of each expert at each position, 0 for those that are not selected.
    package let choice: NodeID
    /// In the order of the router's scores. An expert's written node is its output before it is weighted.
    package let experts: [MLPPart]
    /// The MLP that works on every position; nil if there is none.
    package let shared: MLPPart?
    /// The weighted sum of the experts' outputs, plus the shared expert's.
    package let output: NodeID
    /// Norms after the output, inside the branch.
    package let norms: [NodeID]

    /// The node whose output is added to the stream.
    package var written: NodeID { norms.last ?? output }
}
