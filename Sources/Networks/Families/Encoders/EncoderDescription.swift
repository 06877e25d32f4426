/// The blocks of a transformer whose positions see each other, as data: ``EncoderBuilder`` makes the nodes of any of them.
struct EncoderDescription: Sendable {
    /// Where the norms of a block are.
    enum NormOrder: Sendable {
        /// Before attention and MLP, which add to an unnormalised stream.
        case before
        /// After each sum: the stream itself is normalised.
        case after
    }

    /// How a block makes queries, keys and values.
    enum Projections: Sendable {
        case separate(query: LinearTensors, key: LinearTensors, value: LinearTensors)
        /// One product: all queries, all keys, all values.
        case fused(LinearTensors)
    }

    var width: Int
    var blocks: Int
    /// The beginning of the names of a block's tensors, and what is between its number and the rest.
    var blockPrefix: String
    var heads: Int
    var order: NormOrder
    var epsilon: Float
    var activation: Activation.Function
    /// The number of an MLP's neurons.
    var mlpWidth: Int
    /// Names of modules and tensors are relative to the block.
    var attentionNorm: NormTensors
    var projections: Projections
    var attentionOutput: LinearTensors
    var mlpNorm: NormTensors
    var mlpInput: LinearTensors
    var mlpOutput: LinearTensors
    /// The factors of what attention and MLP add, one for each element; nil if there are none.
    var scales: (attention: String, mlp: String)?
}
