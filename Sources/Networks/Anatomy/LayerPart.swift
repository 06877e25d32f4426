import Tensors

/// A layer of a plain chain, which reads the layer before it.
package struct LayerPart: Sendable {
    /// The role of a layer with respect to neurons.
    package enum Kind: Sendable {
        /// Weights that produce neurons: a linear layer or a convolution.
        case weights
        case norm
        /// A function of each neuron separately.
        case activation
        case pool
        /// An operation that changes only the shape, or nothing.
        case passage
    }

    package let node: NodeID
    package let operation: any LayerOperation

    package var kind: Kind { operation.kind }
}

/// An operation that can be part of a plain chain.
package protocol LayerOperation: Operation {
    var kind: LayerPart.Kind { get }

    /// The computation of the layer on the features of a sample; nil if it cannot be done in another precision.
    ///
    /// - Parameters:
    ///   - input: the shape of what it reads, the samples first.
    ///   - parameters: the layer's.
    func rule(input: [Int], parameters: [Tensor]) -> LayerRule?
}

/// The computation of a plain chain's layer on the features of one sample, described so that it can be done in another precision.
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
