import Tensors

/// How the neurons of an operation's output depend on those of its inputs: how they change if the neurons of an input change
/// places or are removed.
///
/// The neurons of an output are its last dimension, or its channels if it holds images.
package enum NeuronRule: Sendable, Equatable {
    /// Weights produce them.
    case produces(NeuronWeights)
    /// Each number is a function of the number at the same position of the input; all have the same function.
    case elementwise
    /// Each number is the product of the numbers at the same position of the inputs.
    case multiplies
    /// Windows over images combine positions of each neuron.
    ///
    /// - Parameter keepsConstants: whether a constant image stays constant.
    case windows(keepsConstants: Bool)
    /// Each neuron has its own number in every parameter.
    case perChannel
    /// All neurons are combined, in any order; each has its own number in every parameter.
    case mixes
    /// Neurons at the same position of the inputs are added.
    case adds
    /// The positions of each channel become consecutive neurons; inputs without positions do not change.
    case flattens
    /// The order of the neurons is significant: heads side by side, parts of a product.
    case fixed
}

/// The weights that produce neurons, and their position in the first parameter. A second parameter, the bias, has a number for each neuron.
package struct NeuronWeights: Sendable, Equatable {
    /// The form of the neurons.
    package enum Form: Sendable {
        /// Elements of rows.
        case rows
        /// Channels of images.
        case images
    }

    /// The dimension of the weight that the neurons produced belong to.
    package let outDimension: Int
    /// The dimension that the neurons read belong to; nil for tables, which read none.
    package let inDimension: Int?
    package let form: Form
    /// Each group of neurons reads a group of the input's.
    package var groups = 1
    /// Whether positions around an image count as zeros.
    package var padsWithZeros = false
}

/// An operation that produces some neurons of another one's output.
package struct RestrictedOperation: Sendable {
    /// Which neurons of its inputs it reads.
    package enum Reading: Sendable, Equatable {
        /// All.
        case all
        /// Those that it produces.
        case same
        /// These neurons of each input.
        case each([[Int]])
    }

    package let operation: any Operation
    /// Its parts of the parameters, copied unless they are the whole ones.
    package let parameters: [Tensor]
    package let reading: Reading
}
