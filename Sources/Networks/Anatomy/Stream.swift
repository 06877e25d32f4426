/// A residual stream: a sum that parts of a model read and to which they add their outputs.
///
/// It has a new state each time something is added; a state may also exist to give the stream a separate name at the beginning of a block.
package struct Stream: Sendable {
    /// Who adds to a stream.
    package struct Writer: Sendable, Equatable {
        /// The node whose output is added.
        package let node: NodeID
        /// The first state that holds it.
        package let state: NodeID
    }

    /// How a part reads a stream.
    package struct Reader: Sendable, Equatable {
        /// The state that is read.
        package let state: NodeID
        /// The norm between the stream and the part; nil if the part reads the stream directly.
        package let norm: NodeID?
        /// What is done to each position after the norm, in order: each reads the one before it alone.
        package internal(set) var steps: [NodeID] = []

        /// The node whose output the part's layers read.
        package var node: NodeID { steps.last ?? norm ?? state }
    }

    /// The nodes whose sum is the first state: the embeddings.
    package let beginning: [NodeID]
    /// The sums, each after all before it.
    package internal(set) var states: [NodeID]
    /// In the order in which they add.
    package internal(set) var writers: [Writer] = []
    /// In the order in which they read.
    package internal(set) var readers: [Reader] = []

    /// The number of writers whose output a state holds: the first ones.
    package func writerCount(in state: NodeID) -> Int { writers.prefix { $0.state <= state }.count }
}
