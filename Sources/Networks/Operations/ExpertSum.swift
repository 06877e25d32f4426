import Tensors
import Text

/// The outputs of experts, each times its weight at each position, added up.
///
/// Inputs: the weights [..., experts], then the output of each expert [..., width], which is not read where its weight is 0.
package struct ExpertSum: Operation {
    package init() {}

    package var name: String { "expert sum" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs.count >= 2, inputs[0].last == inputs.count - 1,
            inputs.dropFirst().allSatisfy({ $0 == inputs[1] && $0.dropLast() == inputs[0].dropLast() })
        else {
            throw Problem(
                "the experts do not fit their weights", expected: "\(inputs[0].last ?? 0) experts' outputs", found: "\(inputs.count - 1)")
        }
        return inputs[1]
    }

    package func forward(_ pass: ForwardPass) {
        ExpertShares.sum(Array(pass.inputs.dropFirst()), weights: pass.inputs[0], into: pass.output, team: pass.team)
    }

    /// dy_e += w_e dz, dw_e += the sum of y_e dz over the width, where w_e is not 0.
    package func backward(_ pass: BackwardPass) {
        ExpertShares.addSumGradients(
            Array(pass.inputs.dropFirst()), weights: pass.inputs[0], outputGradient: pass.outputGradient,
            to: Array(pass.inputGradients.dropFirst()), weightGradient: pass.inputGradients[0], team: pass.team)
    }
}
