import Tensors
import Text

/// The numbers that the network is given. The executor copies them; there is nothing to compute.
package struct InputOperation: Operation {
    package init() {}
    package var name: String { "input" }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard case .values(let shape) = batch else {
            throw Problem("the model reads numbers", expected: "samples of numbers", found: "token ids")
        }
        return shape
    }

    package func forward(_ pass: ForwardPass) {}
    package func backward(_ pass: BackwardPass) {}
}
