import Tensors

/// How the neurons of an operation's output depend on those of its inputs: what happens to them if the neurons of an input change
/// places or are removed.
///
/// The neurons of an output are its last dimension, of images its channels.
package enum NeuronRule: Sendable, Equatable {
    /// Weights make them.
    case produces(NeuronWeights)
    /// Each number follows from the number in its place in the input, by one function for all.
    case elementwise
    /// Each number is the product of the numbers in its place in the inputs.
    case multiplies
    /// Each neuron's places are taken together by windows over images.
    ///
    /// - Parameter keepsConstants: whether an image of one number stays that.
    case windows(keepsConstants: Bool)
    /// Each neuron has a number of its own in every parameter.
    case perChannel
    /// All neurons are taken together, in whatever order; each has a number of its own in every parameter.
    case mixes
    /// Neurons of the inputs are added, each to those in its place.
    case adds
    /// The places of each channel become neurons that follow each other; what has no places stays.
    case flattens
    /// The order of the neurons means something: heads side by side, parts of a product.
    case fixed
}

/// The weights that produce neurons, and their position in the first parameter. A second parameter, the bias, has a number for each neuron.
package struct NeuronWeights: Sendable, Equatable {
    /// What the neurons are.
    package enum Form: Sendable {
        /// Elements of rows.
        case rows
        /// Channels of images.
        case images
    }

    /// The dimension of the weight along which the neurons lie.
    package let outDimension: Int
    /// The dimension along which the neurons that are read lie; nil for tables, which read none.
    package let inDimension: Int?
    package let form: Form
    /// Each group of neurons reads a group of the input's.
    package var groups = 1
    /// Whether places around an image count as zeros.
    package var padsWithZeros = false
}

/// An operation that makes some neurons of another one's output.
package struct RestrictedOperation: Sendable {
    /// Which neurons of its inputs it reads.
    package enum Reading: Sendable, Equatable {
        /// All.
        case all
        /// Those that it makes.
        case same
        /// Of each input those.
        case each([[Int]])
    }

    package let operation: any Operation
    /// Its parts of the parameters, in their own memory where they are not all of them.
    package let parameters: [Tensor]
    package let reading: Reading
}
