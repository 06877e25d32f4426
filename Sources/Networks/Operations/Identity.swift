import Tensors
import Text

/// What passes its input on: layers without effect, and dropout, which is switched off.
package struct Identity: LayerOperation {
    package let name: String
    package init(name: String) { self.name = name }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.inputs[0]) }

    package var kind: LayerPart.Kind { .passage }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { .same }

    /// dx += dy.
    package func backward(_ pass: BackwardPass) {
        if let gradient = pass.inputGradients[0] { Elementwise.add(pass.outputGradient, to: gradient, team: pass.team) }
    }
}
