import Kernels
import KernelsV3

/// Sums over the samples and positions of each channel of tensors [samples, channels, ...], and normalisation with them.
///
/// A channel is one piece of work; its samples are added in their order, in double precision.
package enum ChannelStatistics {
    /// The layout of a tensor's elements.
    private struct Planes {
        let samples: Int
        let channels: Int
        let places: Int

        init(_ tensor: Tensor) {
            precondition(tensor.shape.count >= 2, "\(tensor.shape) has no channels")
            samples = tensor.shape[0]
            channels = tensor.shape[1]
            places = tensor.shape.dropFirst(2).reduce(1, *)
        }

        /// The number of values of a channel.
        var count: Int { samples * places }

        @inline(__always)
        func forEach(_ channel: Int, _ body: (_ offset: Int) -> Void) {
            for sample in 0..<samples { body((sample * channels + channel) * places) }
        }
    }

    private static func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
        Elementwise.isWide ? KernelsV3.sum(x, count) : Kernels.sum(x, count)
    }

    private static func products(_ x: UnsafePointer<Float>, _ mean: Float, _ y: UnsafePointer<Float>, _ count: Int) -> Double {
        Elementwise.isWide ? KernelsV3.sumOfProducts(x, around: mean, y, count) : Kernels.sumOfProducts(x, around: mean, y, count)
    }

    /// Calls `body` for each channel, a few at a time if they are short.
    private static func forEachChannel(_ planes: Planes, _ team: Team, _ body: @Sendable (Int) -> Void) {
        team.forEach(planes.channels, step: max(1, (1 << 14) / max(planes.count, 1))) { channels in
            for channel in channels { body(channel) }
        }
    }

    /// sums [channels] += the sums of the values.
    package static func addSums(of values: Tensor, to sums: MutableTensor, team: Team) {
        let planes = Planes(values)
        precondition(sums.count == planes.channels, "\(sums.shape) for \(values.shape)")
        forEachChannel(planes, team) { channel in
            var total = 0.0
            planes.forEach(channel) { total += sum(values.pointer + $0, planes.places) }
            sums.mutablePointer[channel] += Float(total)
        }
    }

    /// The mean of each channel and its biased variance, the mean of (x - mean)^2.
    package static func measure(_ values: Tensor, mean: MutableTensor, variance: MutableTensor, team: Team) {
        let planes = Planes(values)
        precondition(mean.count == planes.channels && variance.count == planes.channels, "\(mean.shape) for \(values.shape)")
        forEachChannel(planes, team) { channel in
            var total = 0.0
            planes.forEach(channel) { total += sum(values.pointer + $0, planes.places) }
            let exact = total / Double(max(planes.count, 1))
            let center = Float(exact)
            var squares = 0.0
            planes.forEach(channel) {
                let x = values.pointer + $0
                squares +=
                    Elementwise.isWide
                    ? KernelsV3.sumOfSquares(x, around: center, planes.places) : Kernels.sumOfSquares(x, around: center, planes.places)
            }
            // The mean was rounded before the squares were taken around it.
            let shift = exact - Double(center)
            mean.mutablePointer[channel] = center
            let spread = squares / Double(max(planes.count, 1)) - shift * shift
            variance.mutablePointer[channel] = spread < 0 ? 0 : Float(spread)
        }
    }

    /// output = (x - mean) / root(variance + epsilon) * weight + bias, weight 1 and bias 0 if nil.
    package static func normalize(
        _ values: Tensor, mean: Tensor, variance: Tensor, epsilon: Float, weight: Tensor?, bias: Tensor?, into output: MutableTensor,
        team: Team
    ) {
        let planes = Planes(values)
        precondition(
            output.count == values.count && [mean, variance, weight, bias].allSatisfy { $0.map { $0.count == planes.channels } ?? true },
            "\(mean.shape) for \(values.shape)")
        forEachChannel(planes, team) { channel in
            let scale = (weight?.pointer[channel] ?? 1) / (variance.pointer[channel] + epsilon).squareRoot()
            let shift = (bias?.pointer[channel] ?? 0) - mean.pointer[channel] * scale
            planes.forEach(channel) {
                let (x, y) = (values.pointer + $0, output.mutablePointer + $0)
                Elementwise.isWide
                    ? KernelsV3.scaleAndShift(x, scale, shift, y, planes.places) : Kernels.scaleAndShift(x, scale, shift, y, planes.places)
            }
        }
    }

    /// Where a normalisation's mean and variance come from, which its backward rule depends on.
    package enum Source: Sendable {
        /// Numbers that do not depend on the values.
        case given
        /// Computed from the values, and changing with them.
        case measured
    }

    /// The backward rule of ``normalize(_:mean:variance:epsilon:weight:bias:into:team:)``: adds to the requested gradients.
    ///
    /// With n = (x - mean) / root: dweight += sum dy n, dbias += sum dy; dx += weight / root * dy if the statistics are given, and
    /// weight / root * (dy - the mean of dy - n * the mean of dy n) if they are measured.
    package static func addNormalizationGradients(
        _ values: Tensor, mean: Tensor, variance: Tensor, epsilon: Float, _ source: Source, weight: Tensor?, outputGradient: Tensor,
        valueGradient: MutableTensor?, weightGradient: MutableTensor?, biasGradient: MutableTensor?, team: Team
    ) {
        let planes = Planes(values)
        precondition(
            outputGradient.count == values.count && valueGradient?.count ?? values.count == values.count
                && [mean, variance, weight, weightGradient, biasGradient].allSatisfy { $0.map { $0.count == planes.channels } ?? true },
            "\(mean.shape) for \(values.shape)")
        let needsSums = source == .measured || weightGradient != nil || biasGradient != nil
        forEachChannel(planes, team) { channel in
            let center = mean.pointer[channel]
            let inverse = 1 / (variance.pointer[channel] + epsilon).squareRoot()
            let scale = (weight?.pointer[channel] ?? 1) * inverse
            var (total, product) = (0.0, 0.0)
            if needsSums {
                planes.forEach(channel) {
                    total += sum(outputGradient.pointer + $0, planes.places)
                    product += products(values.pointer + $0, center, outputGradient.pointer + $0, planes.places)
                }
            }
            biasGradient?.mutablePointer[channel] += Float(total)
            weightGradient?.mutablePointer[channel] += Float(product) * inverse
            guard let valueGradient else { return }
            let count = Double(max(planes.count, 1))
            let shift = source == .measured ? -scale * Float(total / count) : 0
            let slope = source == .measured ? -scale * inverse * inverse * Float(product / count) : 0
            planes.forEach(channel) {
                let (x, dy, dx) = (
                    values.pointer + $0, outputGradient.pointer + $0, valueGradient.mutablePointer + $0
                )
                Elementwise.isWide
                    ? KernelsV3.addLinear(dy, scale, x, center, slope, shift, dx, planes.places)
                    : Kernels.addLinear(dy, scale, x, center, slope, shift, dx, planes.places)
            }
        }
    }
}
