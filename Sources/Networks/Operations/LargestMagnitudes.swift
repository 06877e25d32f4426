import Tensors
import Text

/// y = x at the `count` entries of each row that are largest without their sign, 0 at the others; of equal ones the first are kept.
///
/// The choice itself has no gradient. Source: AbsTopK in Gao et al. 2025, "Weight-sparse transformers have interpretable circuits" (arXiv
/// 2511.13653).
package struct LargestMagnitudes: Operation {
    package let count: Int
    /// The entries of a row.
    package let width: Int

    package init(count: Int, width: Int) {
        precondition((0...width).contains(count), "\(count) of \(width)")
        self.count = count
        self.width = width
    }

    package var name: String { "largest magnitudes" }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .mixes }

    /// Only all neurons, since each depends on the others.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        neurons.elementsEqual(0..<width) ? RestrictedOperation(operation: self, parameters: parameters, reading: .same) : nil
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].last == width else {
            throw Problem("rows of another width", expected: "\(width) entries", found: words(inputs[0]))
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        LargestEntries.keep(count, of: pass.inputs[0], into: pass.output, team: pass.team)
    }

    /// dx += dy where the entry is kept.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        LargestEntries.addGradient(
            keeping: count, of: pass.inputs[0], outputGradient: pass.outputGradient, to: gradient, team: pass.team)
    }
}

extension LargestMagnitudes: PositionwiseOperation {}
