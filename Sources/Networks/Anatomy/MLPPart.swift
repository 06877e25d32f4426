/// The MLP of a block, from the stream that it reads to what it adds.
package struct MLPPart: Sendable {
    package let reading: Stream.Reader
    /// The layer whose activated output is multiplied by that of the input; nil in plain MLPs.
    package let gate: NodeID?
    /// The layer that produces the neurons; in gated MLPs, the one without the activation.
    package let input: NodeID
    /// The neurons after the activation, after the product of gated MLPs, and after the choice of those that are kept.
    package let post: NodeID
    /// The layer that reads ``post``.
    package let output: NodeID
    /// Norms after the output, or a choice of what is kept of it, inside the branch, which combine all neurons.
    package let norms: [NodeID]
    /// The multiplication with a constant, or with one for each channel, at the end of the branch; nil if there is none.
    package let scaling: NodeID?

    /// The layers that read the stream: the gate before the input.
    package var layers: [NodeID] { (gate.map { [$0] } ?? []) + [input] }

    /// The node whose output is added to the stream.
    package var written: NodeID { scaling ?? norms.last ?? output }
}
