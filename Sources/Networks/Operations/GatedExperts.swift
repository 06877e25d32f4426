import Tensors
import Text

/// The gate of each expert at each position, 0 for those that are not chosen: [..., experts] from the router's scores.
///
/// The logistic function of the `count` largest scores. Of equal scores the first are chosen. The choice itself has no gradient.
package struct ExpertGates: Operation {
    package let count: Int

    package init(count: Int) { self.count = count }

    package var name: String { "expert gates" }
    package var gradientReading: GradientReading { .output }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try ExpertChoice(count: count, isNormalized: false).outputShape(inputs: inputs, parameters: parameters, batch: batch)
    }

    package func forward(_ pass: ForwardPass) {
        ExpertShares.chooseGates(count, from: pass.inputs[0], into: pass.output, team: pass.team)
    }

    /// dx += w (1 - w) dw.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        ExpertShares.addGateGradient(weights: pass.output, outputGradient: pass.outputGradient, to: gradient, team: pass.team)
    }
}

/// 1 for each expert that has a gate at a position, 0 for the others: how often each one's output counts whose input has the gate already.
package struct ExpertMarks: Operation {
    package init() {}

    package var name: String { "expert marks" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) {
        let count = pass.output.count
        let marks = pass.inputs[0].withElements { gates in gates[..<count].map { $0 == 0 ? Float(0) : 1 } }
        pass.output.copy(from: Tensor(shape: pass.output.shape, marks))
    }

    /// The marks are constant where they have a derivative.
    package func backward(_ pass: BackwardPass) {}
}

/// What an expert reads whose gate multiplies its input: y = w_e x.
///
/// Inputs: x [..., width], the gates of the experts [..., experts]. Where the gate is 0 the output is, whatever x holds.
package struct GatedInput: Operation {
    package let expert: Int

    package init(expert: Int) { self.expert = expert }

    package var name: String { "gated input" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs.count == 2, inputs[0].dropLast() == inputs[1].dropLast(), expert >= 0, expert < inputs[1].last ?? 0 else {
            throw Problem("the experts' gates do not fit the positions", expected: words(inputs[0]), found: inputs.last.map(words))
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        ExpertShares.scale(pass.inputs[0], by: pass.inputs[1], of: expert, into: pass.output, team: pass.team)
    }

    /// dx += w_e dy, dw_e += the sum of x dy over the width, where w_e is not 0.
    package func backward(_ pass: BackwardPass) {
        ExpertShares.addScaleGradients(
            pass.inputs[0], by: pass.inputs[1], of: expert, outputGradient: pass.outputGradient, toSource: pass.inputGradients[0],
            toWeights: pass.inputGradients[1], team: pass.team)
    }
}

extension ExpertGates: PositionwiseOperation {}
extension ExpertMarks: PositionwiseOperation {}
extension GatedInput: PositionwiseOperation {}
