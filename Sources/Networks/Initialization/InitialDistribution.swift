import Tensors

/// How the numbers of a new parameter are drawn.
package enum InitialDistribution: Sendable, Equatable {
    case constant(Float)
    /// Uniform between -bound and bound.
    case uniform(bound: Double)
    /// Normal around 0.
    case normal(deviation: Double)
    /// Ones on and below the diagonal of a square matrix: a causal mask.
    case lowerTriangle

    /// PyTorch's default for the weights and biases of linear layers and convolutions, `kaiming_uniform` with a = sqrt(5): U(-b, b) with
    /// b = 1 / sqrt(fan-in).
    ///
    /// - Parameter fanIn: the inputs of one output: of a convolution its kernel's size times the channels it reads.
    package static func torchDefault(fanIn: Int) -> InitialDistribution { .uniform(bound: 1 / Double(fanIn).squareRoot()) }

    /// A tensor of fresh numbers in row-major order.
    ///
    /// - Parameter generator: the stream of this tensor.
    package func tensor(shape: [Int], generator: inout SeededGenerator) -> Tensor {
        let tensor = MutableTensor(uninitialized: shape)
        tensor.withMutableElements { elements in
            switch self {
            case .constant(let value): elements.update(repeating: value)
            case .uniform(let bound):
                for place in elements.indices { elements[place] = Float((2 * generator.uniform() - 1) * bound) }
            case .normal(let deviation):
                for place in elements.indices { elements[place] = Float(generator.normal() * deviation) }
            case .lowerTriangle:
                let width = shape.last ?? 1
                for place in elements.indices { elements[place] = place % width <= place / width ? 1 : 0 }
            }
        }
        return tensor
    }
}
