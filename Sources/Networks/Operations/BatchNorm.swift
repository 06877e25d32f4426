import Tensors
import Text

/// Each channel normalised: y = (x - mean) / root(variance + epsilon) * weight + bias for x [B, C] or [B, C, H, W].
///
/// Mean and variance are the stored ones in ``RunMode/inference`` and the batch's own, the variance biased, in ``RunMode/training``
/// (PyTorch's `BatchNorm1d` and `BatchNorm2d`). Parameters, each [C]: weight, bias, running mean, running variance; or the last two
/// alone, which is weight 1 and bias 0. A run leaves them alone; ``updatedStatistics(input:mean:variance:batchesBefore:team:)`` gives
/// what training makes of them.
package struct BatchNorm: LayerOperation {
    package let epsilon: Float
    /// The share of the new batch in the running statistics; nil for the plain mean over all batches.
    package let momentum: Float?

    package init(epsilon: Float = 1e-5, momentum: Float? = 0.1) {
        self.epsilon = epsilon
        self.momentum = momentum
    }

    package var name: String { "batch norm" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .perChannel }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count == 2 || inputs[0].count == 4 else {
            throw Problem(
                "the layer reads images or rows", expected: "samples x channels or samples x channels x rows x columns",
                found: words(inputs[0]))
        }
        guard parameters.count == 2 || parameters.count == 4 else {
            throw Problem(
                "batch norm without running statistics", expected: "2 or 4 parameters", found: "\(parameters.count)")
        }
        for parameter in parameters where parameter != [inputs[0][1]] {
            throw Problem(Convolution.channelProblem, expected: words(parameter), found: "\(inputs[0][1])")
        }
        return inputs[0]
    }

    package var kind: LayerPart.Kind { .norm }

    /// With the stored statistics: each channel scaled and shifted.
    package func rule(input: [Int], parameters: [Tensor]) -> LayerRule? {
        let values = parameters.map { $0.elements.map(Double.init) }
        let (mean, variance) = (values[values.count - 2], values[values.count - 1])
        let factors = variance.indices.map { (values.count == 4 ? values[0][$0] : 1) / (variance[$0] + Double(epsilon)).squareRoot() }
        let shifts = mean.indices.map { (values.count == 4 ? values[1][$0] : 0) - factors[$0] * mean[$0] }
        return .affine(scale: factors, shift: shifts)
    }

    /// The batch's mean and variance.
    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 2 * inputs[0][1] }
    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { 2 * inputs[0][1] }

    private func statistics(
        _ input: Tensor, _ parameters: [Tensor], _ scratch: MutableTensor, _ mode: RunMode, _ team: Team
    ) -> (mean: Tensor, variance: Tensor) {
        let stored = parameters.suffix(2)
        guard mode == .training else { return (stored[stored.startIndex], stored[stored.startIndex + 1]) }
        let channels = input.shape[1]
        let mean = scratch.view(at: 0, shape: [channels])
        let variance = scratch.view(at: channels, shape: [channels])
        ChannelStatistics.measure(input, mean: mean, variance: variance, team: team)
        return (mean, variance)
    }

    package func forward(_ pass: ForwardPass) {
        let (mean, variance) = statistics(pass.inputs[0], pass.parameters, pass.scratch, pass.mode, pass.team)
        let isAffine = pass.parameters.count == 4
        ChannelStatistics.normalize(
            pass.inputs[0], mean: mean, variance: variance, epsilon: epsilon, weight: isAffine ? pass.parameters[0] : nil,
            bias: isAffine ? pass.parameters[1] : nil, into: pass.output, team: pass.team)
    }

    /// The running statistics get no gradient.
    package func backward(_ pass: BackwardPass) {
        let (mean, variance) = statistics(pass.inputs[0], pass.parameters, pass.scratch, pass.mode, pass.team)
        let isAffine = pass.parameters.count == 4
        ChannelStatistics.addNormalizationGradients(
            pass.inputs[0], mean: mean, variance: variance, epsilon: epsilon, pass.mode == .training ? .measured : .given,
            weight: isAffine ? pass.parameters[0] : nil, outputGradient: pass.outputGradient, valueGradient: pass.inputGradients[0],
            weightGradient: isAffine ? pass.parameterGradients[0] : nil, biasGradient: isAffine ? pass.parameterGradients[1] : nil,
            team: pass.team)
    }

    /// The running mean and variance after a training batch: (1 - momentum) * stored + momentum * the batch's, the variance unbiased.
    ///
    /// - Parameters:
    ///   - input: what the layer read.
    ///   - batchesBefore: the batches that the stored statistics are the mean of; read if there is no momentum.
    /// - Returns: new tensors. A batch of one value a channel has no unbiased variance; the stored one stays.
    package func updatedStatistics(
        input: Tensor, mean: Tensor, variance: Tensor, batchesBefore: Int = 0, team: Team = Team(size: 1)
    ) -> (mean: Tensor, variance: Tensor) {
        let batchMean = MutableTensor(uninitialized: mean.shape)
        let batchVariance = MutableTensor(uninitialized: variance.shape)
        ChannelStatistics.measure(input, mean: batchMean, variance: batchVariance, team: team)
        let share = momentum ?? 1 / Float(batchesBefore + 1)
        let count = mean.count == 0 ? 0 : input.count / mean.count
        let unbiased = Float(Double(count) / Double(max(count - 1, 1)))
        let newMean = Tensor(shape: mean.shape, zip(mean.elements, batchMean.elements).map { $0 * (1 - share) + $1 * share })
        guard count > 1 else { return (newMean, variance.copied()) }
        return (
            newMean,
            Tensor(shape: variance.shape, zip(variance.elements, batchVariance.elements).map { $0 * (1 - share) + $1 * unbiased * share })
        )
    }
}
