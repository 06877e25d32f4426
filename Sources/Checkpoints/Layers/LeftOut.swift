/// Why a tensor is not among the selected layers.
package enum LeftOut: String, CaseIterable, Sendable {
    /// Its elements are integers or Booleans.
    case integers
    /// It has no elements.
    case empty
    /// It has fewer than two dimensions with more than one element: a bias, a norm's weights, a list.
    case vector
    /// It claims more neurons than any layer has.
    case tooLarge
    /// Its shape contradicts those beside it, or they leave open what it is: experts of several shapes, gate and input that do not fit the output
    /// matrix, decoders whose layers cannot be told from their latents.
    case misfit
    /// A bias of several dimensions, such as the biases of all experts.
    case bias
    /// The weights or biases of a norm, whatever their dimensions.
    case norm
    /// A factor for each channel, head or position, such as a layer scale.
    case scale
    /// One of the two factors that weight normalisation stores.
    case factor
    /// A learned token, query or state that is added to the inputs.
    case token
    /// A causal or padding mask.
    case mask
    /// A table that is not learned: rotary angles, indices of positions.
    case table
    /// Running means and variances collected during training.
    case statistics
    /// The fixed basis of a spectrogram or of a filter bank.
    case basis
    /// A buffer, as the file says, that no operation multiplies by or looks entries up in: masks and fixed factors of weights.
    case buffer
    /// A lookup table for tokens or other entries.
    case embedding
    /// A table of learned positions.
    case positions
    /// A table of biases indexed by distance.
    case relativePositions
    /// The router of a mixture of experts.
    case router
    /// A convolution in which each filter reads one channel.
    case depthwise
    /// A matrix of one row or one column, whose clusterability is always 1.
    case oneNeuron
    /// It is a layer under another name that it has too.
    case tied
    /// A matrix of a transformer that is not the MLP input matrix of a block.
    case notMLPInput
    /// The first or the last matrix of a plain chain.
    case chainEnd
    /// Layers were selected by name, and this one was not among them.
    case notNamed

    /// Whether the tensor can be selected by name.
    var isLayer: Bool {
        switch self {
        case .empty, .vector, .tooLarge, .misfit, .bias, .norm, .scale, .factor, .token: false
        default: isMatrix || [.integers, .mask, .table, .statistics, .basis, .buffer].contains(self)
        }
    }

    /// Whether the pattern `all` selects the tensor: it is a weight matrix, but not a default layer.
    var isMatrix: Bool {
        switch self {
        case .embedding, .positions, .relativePositions, .router, .depthwise, .oneNeuron, .tied, .notMLPInput, .chainEnd, .notNamed: true
        case .integers, .empty, .vector, .tooLarge, .misfit, .bias, .norm, .scale, .factor, .token, .mask, .table, .statistics, .basis,
            .buffer:
            false
        }
    }

    /// Whether a note counts the tensor: a default selection of every matrix would include it but for this reason.
    package var isNoted: Bool {
        switch self {
        case .embedding, .positions, .relativePositions, .router, .depthwise, .oneNeuron: true
        default: false
        }
    }

    /// The count and the kind, for a note: `2 embeddings`.
    package func counted(_ count: Int) -> String {
        let (one, many) =
            switch self {
            case .integers: ("tensor of integers", "tensors of integers")
            case .empty: ("empty tensor", "empty tensors")
            case .vector: ("vector", "vectors")
            case .tooLarge: ("tensor that is too large", "tensors that are too large")
            case .misfit: ("tensor that does not fit others", "tensors that do not fit others")
            case .bias: ("bias", "biases")
            case .norm: ("norm", "norms")
            case .scale: ("scale", "scales")
            case .factor: ("factor of a weight", "factors of weights")
            case .token: ("token", "tokens")
            case .mask: ("mask", "masks")
            case .table: ("fixed table", "fixed tables")
            case .statistics: ("running statistic", "running statistics")
            case .basis: ("fixed basis", "fixed bases")
            case .buffer: ("buffer", "buffers")
            case .embedding: ("embedding", "embeddings")
            case .positions: ("position table", "position tables")
            case .relativePositions: ("table of relative positions", "tables of relative positions")
            case .router: ("router", "routers")
            case .depthwise: ("depthwise convolution", "depthwise convolutions")
            case .oneNeuron: ("matrix of one row or column", "matrices of one row or column")
            case .tied: ("second name of a layer", "second names of layers")
            case .notMLPInput: ("matrix that is not a MLP input", "matrices that are not MLP inputs")
            case .chainEnd: ("end of the chain", "ends of the chain")
            case .notNamed: ("layer that was not named", "layers that were not named")
            }
        return "\(count) \(count == 1 ? one : many)"
    }
}
