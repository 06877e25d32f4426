import Tensors
import Text

/// The weight of each expert at each position, 0 for those that are not chosen: [..., experts] from the router's scores.
///
/// The scores' softmax over all experts; the `count` largest keep their share, divided by the sum of them if `isNormalized`. Of equal scores
/// the first are chosen. The choice itself has no gradient.
package struct ExpertChoice: Operation {
    package let count: Int
    package let isNormalized: Bool

    package init(count: Int, isNormalized: Bool) {
        self.count = count
        self.isNormalized = isNormalized
    }

    package var name: String { "expert choice" }
    package var gradientReading: GradientReading { [.inputs, .output] }

    /// The experts' layers know their place.
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let experts = inputs[0].last ?? 0
        guard count >= 1, count <= experts else {
            throw Problem(
                "the router chooses more experts than there are", expected: "from 1 to \(experts)", found: "\(count)")
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        ExpertShares.choose(count, isNormalized: isNormalized, from: pass.inputs[0], into: pass.output, team: pass.team)
    }

    /// With the shares p of all and the weights w = p / s of the chosen, s their sum or 1: dp = (dw - sum w dw) / s or dw of the chosen, 0
    /// of the others, and dx += p (dp - sum p dp).
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        ExpertShares.addGradient(
            isNormalized: isNormalized, at: pass.inputs[0], weights: pass.output, outputGradient: pass.outputGradient, to: gradient,
            team: pass.team)
    }
}
