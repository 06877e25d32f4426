import Tensors
import Text

/// y = f(x), element by element, for a function with settings.
package struct CurvedActivation: LayerOperation {
    package let name: String
    package let curve: ScalarCurve

    package init(_ curve: ScalarCurve, name: String) {
        self.curve = curve
        self.name = name
    }

    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }
    package var overwritesGradients: Bool { true }

    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { curve.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    package var kind: LayerPart.Kind { .activation }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { nil }

    /// dx += f'(x) dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        curve.addGradient(at: pass.inputs[0], outputGradient: pass.outputGradient, to: gradient, pass.inputTargets[0], team: pass.team)
    }
}
