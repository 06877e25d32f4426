import Tensors
import Text

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the last dimension; the variance is over the count.
///
/// Parameters: the weight [width] and the bias [width]; the bias, or both, may be missing.
package struct LayerNorm: LayerOperation {
    package let epsilon: Float

    package init(epsilon: Float) { self.epsilon = epsilon }

    package var name: String { "layer norm" }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .mixes }

    /// Only all neurons, since each depends on the others.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        areAll(neurons, parameters) ? RestrictedOperation(operation: self, parameters: parameters, reading: .same) : nil
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try checkWidth(of: inputs[0], parameters)
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        Normalization.apply(
            .layer, epsilon: epsilon, to: pass.inputs[0], weight: pass.parameters.first, bias: pass.parameters.dropFirst().first,
            into: pass.output, team: pass.team)
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        Normalization.gradientScratch(rows: output.dropLast().reduce(1, *), width: output.last ?? 1)
    }

    package var kind: LayerPart.Kind { .norm }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { nil }

    /// With xhat = (x - mean) / s, s = sqrt(variance + epsilon), and g = dy weight:
    /// dx += (g - mean(g) - xhat mean(g xhat)) / s, dweight += the column sums of dy xhat, dbias += those of dy.
    package func backward(_ pass: BackwardPass) {
        Normalization.addGradients(
            .layer, epsilon: epsilon, at: pass.inputs[0], weight: pass.parameters.first, outputGradient: pass.outputGradient,
            to: pass.inputGradients[0], weightGradient: pass.parameterGradients.first ?? nil,
            biasGradient: pass.parameterGradients.dropFirst().first ?? nil, scratch: pass.scratch, team: pass.team)
    }
}

/// y = x / sqrt(mean(x^2) + epsilon) * (offset + weight) over the last dimension.
///
/// Parameter: the weight [width].
package struct RMSNorm: Operation {
    package let epsilon: Float
    /// The number that is added to the weight: 1 in Gemma, whose weights are stored as differences from 1.
    package let offset: Float

    package init(epsilon: Float, offset: Float = 0) {
        self.epsilon = epsilon
        self.offset = offset
    }

    package var name: String { "rms norm" }
    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .mixes }

    /// Only all neurons, since each depends on the others.
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        areAll(neurons, parameters) ? RestrictedOperation(operation: self, parameters: parameters, reading: .same) : nil
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try checkWidth(of: inputs[0], parameters)
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        Normalization.apply(
            .rootMeanSquare(offset: offset), epsilon: epsilon, to: pass.inputs[0], weight: pass.parameters[0], bias: nil, into: pass.output,
            team: pass.team)
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        Normalization.gradientScratch(rows: output.dropLast().reduce(1, *), width: output.last ?? 1)
    }

    /// With xhat = x / s and g = dy (offset + weight): dx += (g - xhat mean(g xhat)) / s, dweight += the column sums of dy xhat.
    package func backward(_ pass: BackwardPass) {
        Normalization.addGradients(
            .rootMeanSquare(offset: offset), epsilon: epsilon, at: pass.inputs[0], weight: pass.parameters[0],
            outputGradient: pass.outputGradient, to: pass.inputGradients[0], weightGradient: pass.parameterGradients[0], biasGradient: nil,
            scratch: pass.scratch, team: pass.team)
    }
}

/// Checks that the parameters of a normalisation are as wide as the rows.
private func checkWidth(of input: [Int], _ parameters: [[Int]]) throws(Problem) {
    let width = input.last ?? 1
    guard let other = parameters.first(where: { $0 != [width] }) else { return }
    throw Problem("the norm reads a different width", expected: "\(words(other)) numbers", found: "\(width)")
}

/// Whether neurons are all that a norm of these parameters reads, in their order.
private func areAll(_ neurons: [Int], _ parameters: [Tensor]) -> Bool {
    guard let width = parameters.first?.count, neurons.count == width else { return false }
    return zip(neurons, 0..<width).allSatisfy { $0 == $1 }
}
