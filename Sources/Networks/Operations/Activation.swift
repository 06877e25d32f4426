import Tensors
import Text

/// y = f(x), element by element.
package struct Activation: LayerOperation {
    package typealias Function = ActivationFunction

    package let function: Function

    package init(_ function: Function) { self.function = function }

    package var name: String { function.rawValue }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }
    package var overwritesGradients: Bool { true }

    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { function.apply(to: pass.inputs[0], into: pass.output, team: pass.team) }

    package var kind: LayerPart.Kind { .activation }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { .activation(function) }

    /// dx += f'(x) dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        function.addGradient(at: pass.inputs[0], outputGradient: pass.outputGradient, to: gradient, pass.inputTargets[0], team: pass.team)
    }
}
