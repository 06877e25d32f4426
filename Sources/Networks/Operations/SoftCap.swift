import Tensors
import Text

/// y = cap tanh(x / cap), element by element: no number exceeds the cap (Gemma 2's logits).
package struct SoftCap: Operation {
    package let cap: Float

    package init(_ cap: Float) {
        precondition(cap > 0 && cap.isFinite, "a cap of \(cap)")
        self.cap = cap
    }

    package var name: String { "soft cap" }
    package var gradientReading: GradientReading { .output }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { Elementwise.cap(pass.inputs[0], at: cap, into: pass.output, team: pass.team) }

    /// dx += (1 - (y / cap)^2) dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        Elementwise.addCapGradient(at: pass.output, cap: cap, outputGradient: pass.outputGradient, to: gradient, team: pass.team)
    }
}
