import Tensors
import Text

/// y = factor x, element by element: a constant that a model multiplies its logits or its branches by.
package struct Scaling: Operation {
    package let factor: Float

    package init(_ factor: Float) { self.factor = factor }

    package var name: String { "scaling" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { Elementwise.scale(pass.inputs[0], by: factor, into: pass.output, team: pass.team) }

    /// dx += factor dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        Elementwise.addScaled(pass.outputGradient, by: factor, to: gradient, team: pass.team)
    }
}
