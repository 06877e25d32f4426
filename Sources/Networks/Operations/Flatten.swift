import Tensors
import Text

/// Each sample's numbers in one row: [B, ...] becomes [B, n].
package struct Flatten: LayerOperation {
    package init() {}
    package var name: String { "flatten" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }
    package var overwritesGradients: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .flattens }

    /// The neurons are all places of some channels.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count >= 2 else {
            throw Problem("there is nothing to flatten", expected: "samples of at least one dimension", found: words(inputs[0]))
        }
        return [inputs[0][0], inputs[0].dropFirst().reduce(1, *)]
    }

    package func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.inputs[0]) }

    package var kind: LayerPart.Kind { .passage }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { .same }

    /// dx += dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        switch pass.inputTargets[0] {
        case .overwrite: gradient.copy(from: pass.outputGradient)
        case .add: Elementwise.add(pass.outputGradient, to: gradient, team: pass.team)
        }
    }
}
