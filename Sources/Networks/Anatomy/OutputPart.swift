/// The output of a model of tokens: from the stream to the logits.
package struct OutputPart: Sendable {
    package let reading: Stream.Reader
    /// The linear layer that makes a score for each token; the network's output, unless something follows.
    package let layer: NodeID
}
