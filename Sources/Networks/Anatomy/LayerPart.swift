import Tensors

/// A layer of a plain chain, which reads the layer before it.
package struct LayerPart: Sendable {
    /// What a layer is to those who look for neurons.
    package enum Kind: Sendable {
        /// Weights that make neurons: a linear layer or a convolution.
        case weights
        case norm
        /// A function of each neuron alone.
        case activation
        case pool
        /// What changes shapes, or nothing at all.
        case passage
    }

    package let node: NodeID
    package let operation: any LayerOperation

    package var kind: Kind { operation.kind }
}

/// An operation that can be part of a plain chain.
package protocol LayerOperation: Operation {
    var kind: LayerPart.Kind { get }

    /// What the layer does to the features of a sample; nil if a run in another precision cannot follow it.
    ///
    /// - Parameters:
    ///   - input: the shape of what it reads, the samples first.
    ///   - parameters: the layer's.
    func rule(input: [Int], parameters: [Tensor]) -> LayerRule?
}

/// What a layer of a plain chain does to the features of one sample, in terms that a run in another precision can follow.
package enum LayerRule: Sendable {
    /// A weight [out, in] and a bias, on rows.
    case linear
    case convolution(ConvolutionShape)
    case activation(ActivationFunction)
    /// The largest of each window: rows, then columns.
    case maxima(WindowAxis, WindowAxis)
    /// The mean of each window: rows, then columns.
    case means(Pooling.Means, Pooling.Means)
    /// scale x + shift, with one of each for a channel.
    case affine(scale: [Double], shift: [Double])
    /// The same numbers in the same order.
    case same
}
