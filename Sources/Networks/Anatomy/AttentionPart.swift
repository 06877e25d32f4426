/// The attention of a block, from the stream that it reads to what it adds.
package struct AttentionPart: Sendable {
    /// Queries, keys or values: the layer that produces them, and the steps applied to each head.
    package struct Projection: Sendable {
        /// The linear layer whose output contains them, possibly along with others.
        package let layer: NodeID
        /// Their slice of the layer's output; nil if they are all of it.
        package let slice: Slice?
        /// The node whose output they are, with the heads side by side, before any of the steps.
        package let node: NodeID
        /// The operations before the products, in order: norms of each head or of all heads together, rotary positions, a choice of the
        /// entries that are kept.
        package let steps: [NodeID]

        /// The node that the attention reads.
        package var read: NodeID { steps.last ?? node }

        /// The layer's out-neuron that is an element of ``node``.
        package func row(_ element: Int) -> Int { slice?.input(of: element) ?? element }
    }

    package let reading: Stream.Reader
    package let query: Projection
    package let key: Projection
    package let value: Projection
    /// How many heads share a key, and how long a head's vectors are.
    package let heads: AttentionHeads
    /// The products of queries and keys, capped or lowered by the distance where the family does so, [samples, heads, length, length].
    package let scores: NodeID
    /// How the heads attend, [samples, heads, length, length].
    package let pattern: NodeID
    /// The values mixed by the pattern, with the heads side by side.
    package let mixed: NodeID
    /// The linear layer after ``mixed``.
    package let output: NodeID
    /// Norms after the output, or a choice of what is kept of it, inside the branch, which combine all heads.
    package let norms: [NodeID]
    /// The multiplication with a constant, or with one for each channel, at the end of the branch; nil if there is none.
    package let scaling: NodeID?

    /// The node whose output is added to the stream.
    package var written: NodeID { scaling ?? norms.last ?? output }

    /// Queries, keys, values.
    package var projections: [Projection] { [query, key, value] }
}
