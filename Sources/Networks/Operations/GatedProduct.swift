import Tensors
import Text

/// y = a b, element by element: the activated gate and the up projection of a gated MLP.
package struct GatedProduct: Operation {
    package init() {}
    package var name: String { "gated product" }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .multiplies }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0] == inputs[1] else {
            throw Problem("factors of different shapes", expected: words(inputs[0]), found: words(inputs[1]))
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        Elementwise.multiply(pass.inputs[0], pass.inputs[1], into: pass.output, team: pass.team)
    }

    /// da += dy b, db += dy a.
    package func backward(_ pass: BackwardPass) {
        for (place, other) in [(0, 1), (1, 0)] {
            guard let gradient = pass.inputGradients[place] else { continue }
            Elementwise.addProduct(pass.outputGradient, pass.inputs[other], to: gradient, team: pass.team)
        }
    }
}
