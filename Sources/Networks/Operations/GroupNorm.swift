import Tensors
import Text

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias for x [B, C, ...], with the mean and variance of a sample's group of channels at all
/// places; the variance is over the count (PyTorch's `GroupNorm` and, where each channel of images [B, C, H, W] is a group, `InstanceNorm2d`).
///
/// Parameters: the weight [C] and the bias [C]; the bias, or both, may be missing.
package struct GroupNorm: LayerOperation {
    /// Into how many groups of equally many consecutive channels they are divided; nil if each channel is one.
    package let groups: Int?
    package let epsilon: Float

    package init(groups: Int?, epsilon: Float = 1e-5) {
        self.groups = groups
        self.epsilon = epsilon
    }

    package var name: String { groups == nil ? "instance norm" : "group norm" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((groups == nil ? 2 : 1)..<rank) }
    package var neurons: NeuronRule { groups == nil ? .perChannel : .mixes }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        // Those of a group depend on each other.
        if groups != nil { return nil }
        return RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = inputs[0]
        guard groups == nil ? shape.count == 4 : shape.count > 1 else {
            throw Problem(
                groups == nil ? "the layer reads images" : "the layer reads channels",
                expected: groups == nil ? "samples x channels x rows x columns" : "samples x channels", found: words(shape))
        }
        if let groups, groups < 1 || shape[1] % groups != 0 {
            throw Problem("the groups do not divide the channels", expected: "a divisor of \(shape[1])", found: "\(groups)")
        }
        for parameter in parameters where parameter != [shape[1]] {
            throw Problem(Convolution.channelProblem, expected: words(parameter), found: "\(shape[1])")
        }
        return shape
    }

    package var kind: LayerPart.Kind { .norm }

    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? { nil }

    /// The shape in which each group is a row.
    private func rows(_ shape: [Int]) -> [Int] {
        let rows = shape[0] * (groups ?? shape[1])
        return [rows, rows == 0 ? 0 : shape.reduce(1, *) / rows]
    }

    /// The mean and variance of channels that are to be scaled and shifted alone.
    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 2 * inputs[0][1] }

    private func statistics(_ scratch: MutableTensor, at offset: Int, channels: Int) -> (mean: Tensor, variance: Tensor) {
        let mean = scratch.view(at: offset, shape: [channels])
        let variance = scratch.view(at: offset + channels, shape: [channels])
        mean.fill(0)
        variance.fill(1)
        return (mean, variance)
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.inputs[0].shape
        let rows = rows(shape)
        Normalization.apply(
            .layer, epsilon: epsilon, to: pass.inputs[0].reshaped(rows), weight: nil, bias: nil, into: pass.output.reshaped(rows),
            team: pass.team)
        guard !pass.parameters.isEmpty else { return }
        let (mean, variance) = statistics(pass.scratch, at: 0, channels: shape[1])
        ChannelStatistics.normalize(
            pass.output, mean: mean, variance: variance, epsilon: 0, weight: pass.parameters.first,
            bias: pass.parameters.dropFirst().first, into: pass.output, team: pass.team)
    }

    /// The normalised input, its gradient, and what the parts need.
    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        let rows = rows(output)
        return 2 * output.reduce(1, *) + 2 * output[1] + Normalization.gradientScratch(rows: rows[0], width: rows[1])
    }

    /// With xhat = (x - mean) / s, s = sqrt(variance + epsilon), g = dy weight, and means over the group:
    /// dx += (g - mean(g) - xhat mean(g xhat)) / s; dweight += the channel's sums of dy xhat, dbias += those of dy.
    package func backward(_ pass: BackwardPass) {
        let shape = pass.inputs[0].shape
        let (count, rows) = (shape.reduce(1, *), rows(shape))
        var gradient = pass.outputGradient
        if !pass.parameters.isEmpty {
            let normed = pass.scratch.view(at: 0, shape: shape)
            let scaled = pass.scratch.view(at: count, shape: shape)
            Normalization.apply(
                .layer, epsilon: epsilon, to: pass.inputs[0].reshaped(rows), weight: nil, bias: nil, into: normed.reshaped(rows),
                team: pass.team)
            scaled.fill(0)
            let (mean, variance) = statistics(pass.scratch, at: 2 * count, channels: shape[1])
            ChannelStatistics.addNormalizationGradients(
                normed, mean: mean, variance: variance, epsilon: 0, .given, weight: pass.parameters[0], outputGradient: gradient,
                valueGradient: scaled, weightGradient: pass.parameterGradients[0],
                biasGradient: pass.parameterGradients.dropFirst().first ?? nil, team: pass.team)
            gradient = scaled
        }
        guard let target = pass.inputGradients[0] else { return }
        let offset = 2 * count + 2 * shape[1]
        Normalization.addGradients(
            .layer, epsilon: epsilon, at: pass.inputs[0].reshaped(rows), weight: nil, outputGradient: gradient.reshaped(rows),
            to: target.reshaped(rows), weightGradient: nil, biasGradient: nil,
            scratch: pass.scratch.view(at: offset, shape: [pass.scratch.count - offset]), team: pass.team)
    }
}
