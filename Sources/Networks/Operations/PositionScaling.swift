import Glibc
import Tensors
import Text

/// y = x times a factor that grows with the position: 1 + slope log(1 + floor((position + 1) / step)), positions counted from 0.
///
/// Queries times it make attention sharper where there are many keys (Nakanishi, arXiv 2501.19399). Input: [samples, length, width].
package struct PositionScaling: Operation {
    package let slope: Float
    package let step: Float
    /// The position of the first row of a sequence.
    let firstPosition: Int

    package init(slope: Float, step: Float, firstPosition: Int = 0) {
        self.slope = slope
        self.step = step
        self.firstPosition = firstPosition
    }

    package var name: String { "position scaling" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count == 3 else {
            throw Problem("the rows have no positions", expected: "samples x length x width", found: words(inputs[0]))
        }
        guard step > 0 else { throw Problem("the step of positions is not above 0", found: "\(step)") }
        return inputs[0]
    }

    /// The factor of a row of [samples, length, width].
    private func factor(row: Int, length: Int) -> Float {
        let position = Float(firstPosition + row % length)
        return log1pf(((position + 1) / step).rounded(.down)) * slope + 1
    }

    package func forward(_ pass: ForwardPass) {
        let (length, width) = (pass.output.shape[1], pass.output.shape[2])
        for row in 0..<pass.output.rows where width > 0 {
            Elementwise.scale(
                pass.inputs[0].view(at: row * width, shape: [width]), by: factor(row: row, length: length),
                into: pass.output.view(at: row * width, shape: [width]), team: pass.team)
        }
    }

    /// dx += factor dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (length, width) = (pass.outputGradient.shape[1], pass.outputGradient.shape[2])
        for row in 0..<pass.outputGradient.rows where width > 0 {
            Elementwise.addScaled(
                pass.outputGradient.view(at: row * width, shape: [width]), by: factor(row: row, length: length),
                to: gradient.view(at: row * width, shape: [width]), team: pass.team)
        }
    }

    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? {
        PartialOperation(PositionScaling(slope: slope, step: step, firstPosition: positions.lowerBound))
    }
}
