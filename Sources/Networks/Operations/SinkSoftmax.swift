import Tensors
import Text

/// y = e^x / (e^s + sum e^x) over the last dimension of scores [samples, heads, length, length], with a learned number s for each head, its
/// sink: what a row gives to the sink, it gives to no position. Minus infinity becomes exactly 0.
///
/// Parameters: the sinks [heads].
///
/// Source: transformers' `models/gpt_oss`.
package struct SinkSoftmax: Operation {
    package init() {}
    package var name: String { "softmax with sinks" }
    package var gradientReading: GradientReading { .output }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    /// The neurons are heads.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(
            operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count == 4, parameters == [[inputs[0][1]]] else {
            throw Problem(
                "the sinks do not fit the scores", expected: "one for each head of \(words(inputs[0]))", found: parameters.first.map(words))
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        RowSoftmax.apply(
            to: pass.inputs[0], sinks: pass.parameters[0], rowsOfSink: pass.output.shape[2], into: pass.output, team: pass.team)
    }

    /// dx += y (dy - sum y dy), and a sink that takes the share 1 - sum y of a row gets minus that share times sum y dy.
    package func backward(_ pass: BackwardPass) {
        if let gradient = pass.inputGradients[0] {
            RowSoftmax.addGradient(of: pass.output, outputGradient: pass.outputGradient, to: gradient, team: pass.team)
        }
        if let gradient = pass.parameterGradients[0] {
            RowSoftmax.addSinkGradient(
                of: pass.output, outputGradient: pass.outputGradient, rowsOfSink: pass.output.shape[2], to: gradient, team: pass.team)
        }
    }
}
