import Tensors
import Text

/// What passes its input on and lets no gradient back: PyTorch's `detach()`.
package struct Detachment: Operation {
    package init() {}

    package var name: String { "detach" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) { pass.output.copy(from: pass.inputs[0]) }

    /// The input's gradient stays as it is.
    package func backward(_ pass: BackwardPass) {}
}

extension Detachment: PositionwiseOperation {}
