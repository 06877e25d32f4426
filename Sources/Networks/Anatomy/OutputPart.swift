/// The output of a model of tokens: from the stream to the logits.
package struct OutputPart: Sendable {
    package let reading: Stream.Reader
    /// The linear layer that makes a score for each token; the network's output, unless something follows.
    package let layer: NodeID
    /// The addition of scores that follow from the token at each position, the network's output; nil if there is none.
    package private(set) var tokenScores: NodeID?

    init(reading: Stream.Reader, layer: NodeID, tokenScores: NodeID? = nil) {
        self.reading = reading
        self.layer = layer
        self.tokenScores = tokenScores
    }
}
