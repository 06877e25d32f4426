import Kernels
import KernelsV3

/// One step of an optimiser on contiguous weights, in pieces on a team.
package enum ParameterUpdate {
    /// The numbers of a step of Adam, as PyTorch's `Adam` and `AdamW` define it.
    package struct Adam: Sendable {
        /// Multiplies the gradient before all else.
        package var gradientFactor = 1.0
        /// Weight decay that is added to the gradient.
        package var coupledDecay = 0.0
        /// The factor of the weights before the step: 1 - rate * decay if the decay is decoupled.
        package var keptShare = 1.0
        package var beta1: Double
        package var beta2: Double
        package var epsilon: Double
        package var learningRate: Double
        /// beta1 and beta2 to the power of the step, counted from 1.
        package var beta1Power: Double
        package var beta2Power: Double

        package init(beta1: Double, beta2: Double, epsilon: Double, learningRate: Double, beta1Power: Double, beta2Power: Double) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.learningRate = learningRate
            self.beta1Power = beta1Power
            self.beta2Power = beta2Power
        }
    }

    /// The numbers of a step of gradient descent with momentum, as PyTorch's `SGD` without dampening defines it.
    package struct Momentum: Sendable {
        package var gradientFactor = 1.0
        /// Weight decay that is added to the gradient.
        package var coupledDecay = 0.0
        package var momentum: Double
        /// The factors of the step's direction: rate * sum, or with Nesterov's momentum rate * (gradient + momentum * sum).
        package var sumShare: Double
        package var gradientShare: Double

        package init(momentum: Double, sumShare: Double, gradientShare: Double) {
            self.momentum = momentum
            self.sumShare = sumShare
            self.gradientShare = gradientShare
        }
    }

    /// The elements that one thread processes at a time: few, so that no thread waits long for the last.
    private static let share = 1 << 13

    /// weights, mean and squares are changed; all have the same number of elements.
    package static func step(
        _ adam: Adam, weights: MutableTensor, gradients: Tensor, mean: MutableTensor, squares: MutableTensor, team: Team
    ) {
        precondition(
            weights.count == gradients.count && weights.count == mean.count && weights.count == squares.count,
            "\(weights.count) weights, \(gradients.count), \(mean.count) and \(squares.count) of the others")
        let numbers = [
            adam.gradientFactor, adam.coupledDecay, adam.keptShare, 1 - adam.beta1, adam.beta2, 1 - adam.beta2,
            adam.learningRate / (1 - adam.beta1Power), 1 / (1 - adam.beta2Power).squareRoot(), adam.epsilon,
        ].map { Float($0) }
        team.forEach(weights.count, step: share) { range in
            let place = range.lowerBound
            (Elementwise.isWide ? KernelsV3.adamStep : Kernels.adamStep)(
                weights.mutablePointer + place, gradients.pointer + place, mean.mutablePointer + place, squares.mutablePointer + place,
                range.count, numbers)
        }
    }

    /// weights and sums are changed; all have the same number of elements.
    package static func step(_ momentum: Momentum, weights: MutableTensor, gradients: Tensor, sums: MutableTensor, team: Team) {
        precondition(
            weights.count == gradients.count && weights.count == sums.count,
            "\(weights.count) weights, \(gradients.count) and \(sums.count) of the others")
        let numbers = [
            momentum.gradientFactor, momentum.coupledDecay, momentum.momentum, momentum.sumShare, momentum.gradientShare,
        ].map { Float($0) }
        team.forEach(weights.count, step: share) { range in
            let place = range.lowerBound
            (Elementwise.isWide ? KernelsV3.momentumStep : Kernels.momentumStep)(
                weights.mutablePointer + place, gradients.pointer + place, sums.mutablePointer + place, range.count, numbers)
        }
    }

    /// The sum of all squares, in double precision beyond runs of 512; not finite if an element is not.
    package static func sumOfSquares(_ tensor: Tensor, team: Team) -> Double {
        let pieces = (tensor.count + share - 1) / share
        var sums = [Double](repeating: 0, count: pieces)
        sums.withUnsafeMutableBufferPointer { sums in
            nonisolated(unsafe) let sums = sums
            team.forEach(pieces) { piece in
                let start = piece * share
                let count = min(share, tensor.count - start)
                sums[piece] = (Elementwise.isWide ? KernelsV3.sumOfSquares : Kernels.sumOfSquares)(tensor.pointer + start, count)
            }
        }
        return sums.reduce(0, +)
    }
}
