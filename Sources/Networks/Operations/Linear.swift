import Tensors
import Text

/// y = x W^T + b over the last dimension: x [..., in], W [out, in], b [out], y [..., out].
///
/// Parameters: the weight, then the bias if there is one.
package struct Linear: LayerOperation {
    /// How the file stores the weight.
    package enum Layout: Sendable {
        /// [out, in], as PyTorch's linear layers.
        case outIn
        /// [in, out], as GPT-2's Conv1D.
        case inOut
    }

    package let layout: Layout

    package init(layout: Layout = .outIn) { self.layout = layout }

    package var name: String { "linear" }
    package var gradientReading: GradientReading { .inputsForParameters }
    package var overwritesGradients: Bool { true }

    /// The number of in- and out-neurons of a weight.
    private func sizes(_ weight: [Int]) -> (input: Int, output: Int) {
        layout == .outIn ? (weight[1], weight[0]) : (weight[0], weight[1])
    }

    package var kind: LayerPart.Kind { .weights }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { layout == .outIn && input.count == 2 ? .linear : nil }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule {
        .produces(NeuronWeights(outDimension: layout == .outIn ? 0 : 1, inDimension: layout == .outIn ? 1 : 0, form: .rows))
    }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        let weight = WeightSlices.rows(neurons, of: parameters[0], along: layout == .outIn ? 0 : 1)
        let bias = parameters.dropFirst().map { WeightSlices.entries(neurons, of: $0) }
        return RestrictedOperation(operation: Linear(), parameters: [weight] + bias, reading: .all)
    }

    /// What is wrong where the samples have another width than the layer.
    static let widthProblem = "the layer reads a different width"

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (input, output) = sizes(parameters[0])
        guard inputs[0].count >= 2, inputs[0].last == input else {
            throw Problem(
                Self.widthProblem, expected: "\(input) numbers",
                found: inputs[0].dropFirst().map(String.init).joined(separator: "x"))
        }
        return inputs[0].dropLast() + [output]
    }

    package func forward(_ pass: ForwardPass) {
        let weight = pass.parameters[0]
        let (input, output) = sizes(weight.shape)
        let hasBias = pass.parameters.count > 1
        if hasBias { Product.repeatRow(pass.parameters[1], into: pass.output, team: pass.team) }
        Product.multiply(
            .init(pass.inputs[0]), .init(weight, layout == .outIn ? .transposed : .straight), rows: pass.output.count / max(output, 1),
            inner: input, columns: output, into: .init(pass.output), hasBias ? .add : .overwrite, team: pass.team)
    }

    /// dx += dy W, dW += dy^T x, db += the column sums of dy.
    package func backward(_ pass: BackwardPass) {
        let weight = pass.parameters[0]
        let (input, output) = sizes(weight.shape)
        let rows = pass.outputGradient.count / max(output, 1)
        if let gradient = pass.inputGradients[0] {
            Product.multiply(
                .init(pass.outputGradient), .init(weight, layout == .outIn ? .straight : .transposed), rows: rows, inner: output,
                columns: input, into: .init(gradient), pass.inputTargets[0], team: pass.team)
        }
        if let gradient = pass.parameterGradients[0] {
            switch layout {
            case .outIn:
                Product.multiply(
                    .init(pass.outputGradient, .transposed), .init(pass.inputs[0]), rows: output, inner: rows, columns: input,
                    into: .init(gradient), pass.parameterTargets[0], team: pass.team)
            case .inOut:
                Product.multiply(
                    .init(pass.inputs[0], .transposed), .init(pass.outputGradient), rows: input, inner: rows, columns: output,
                    into: .init(gradient), pass.parameterTargets[0], team: pass.team)
            }
        }
        if pass.parameterGradients.count > 1, let gradient = pass.parameterGradients[1] {
            Product.addColumnSums(of: pass.outputGradient, to: gradient, pass.parameterTargets[1], team: pass.team)
        }
    }
}
