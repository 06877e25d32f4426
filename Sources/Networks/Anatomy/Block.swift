/// A block of a transformer: its parts, and the states of the stream around them.
package struct Block: Sendable {
    /// The state of the stream where the block begins.
    package let before: NodeID
    /// The state between the block's parts; nil if they read the same state or there is one part alone.
    package let middle: NodeID?
    /// The state where the block ends.
    package let after: NodeID
    package let attention: AttentionPart?
    /// nil in blocks of attention alone and in those with experts.
    package let mlp: MLPPart?
    /// nil but in mixtures of experts.
    package let experts: ExpertPart?
}
