import Tensors
import Text

/// y = e^x / sum e^x over the last dimension; minus infinity becomes exactly 0.
package struct Softmax: LayerOperation {
    package init() {}
    package var name: String { "softmax" }
    package var gradientReading: GradientReading { .output }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .mixes }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { RowSoftmax.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    package var kind: LayerPart.Kind { .norm }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { nil }

    /// dx += y (dy - sum y dy).
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        RowSoftmax.addGradient(of: pass.output, outputGradient: pass.outputGradient, to: gradient, team: pass.team)
    }
}
