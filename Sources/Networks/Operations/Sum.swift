import Tensors
import Text

/// The sum of any number of inputs of one shape, added from the first to the last: the residual stream before a reader.
package struct Sum: Operation {
    package init() {}
    package var name: String { "sum" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .adds }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let first = inputs[0]
        if let other = inputs.first(where: { $0 != first }) {
            throw Problem("summands of different shapes", expected: words(first), found: words(other))
        }
        return first
    }

    package func forward(_ pass: ForwardPass) {
        pass.output.copy(from: pass.inputs[0])
        for input in pass.inputs.dropFirst() { Elementwise.add(input, to: pass.output, team: pass.team) }
    }

    /// dx_i += dy for every i.
    package func backward(_ pass: BackwardPass) {
        for case let gradient? in pass.inputGradients { Elementwise.add(pass.outputGradient, to: gradient, team: pass.team) }
    }
}
