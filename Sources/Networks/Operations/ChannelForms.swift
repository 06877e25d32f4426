import Tensors
import Text

/// The places of images as the positions of a sequence: [B, C, H, W] becomes [B, H * W, C].
package struct ImageRows: Operation {
    package init() {}

    package var name: String { "image rows" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        try Problem.check(sizeOf: inputs[0])
        return [samples, size.0 * size.1, channels]
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.output.shape
        ChannelRows.transpose(
            pass.inputs[0], samples: shape[0], rows: shape[2], columns: shape[1], into: pass.output, team: pass.team)
    }

    /// dx += dy turned back.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let shape = pass.outputGradient.shape
        ChannelRows.addTransposed(
            pass.outputGradient, samples: shape[0], rows: shape[1], columns: shape[2], to: gradient, team: pass.team)
    }
}

/// The positions of a sequence as the places of images: [B, H * W, C] becomes [B, C, H, W].
///
/// Inputs: the sequence, and images [B, any, H, W] of which only the size is used.
package struct RowsImage: Operation {
    package init() {}

    package var name: String { "rows image" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let rows = inputs[0]
        let (samples, _, size) = try Problem.images(inputs[1])
        guard rows.count == 3, rows[0] == samples, rows[1] == size.0 * size.1 else {
            throw Problem("is no sequence of an image's places", expected: "\(samples)x\(size.0 * size.1) x channels", found: words(rows))
        }
        return [samples, rows[2], size.0, size.1]
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.inputs[0].shape
        ChannelRows.transpose(
            pass.inputs[0], samples: shape[0], rows: shape[1], columns: shape[2], into: pass.output, team: pass.team)
    }

    /// dx += dy turned back; the images' numbers have no influence.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let shape = pass.inputs[0].shape
        ChannelRows.addTransposed(
            pass.outputGradient, samples: shape[0], rows: shape[2], columns: shape[1], to: gradient, team: pass.team)
    }
}

/// y = factor * x for each element of a row, which has its own factor: the scale of a layer's output (LayerScale).
///
/// Parameter: the factors [width].
package struct ChannelScale: Operation {
    package init() {}

    package var name: String { "channel scale" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .perChannel }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.entries(neurons, of: $0) }, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard let width = inputs[0].last, width > 0, parameters[0] == [width] else {
            throw Problem("the factors do not fit the rows", expected: "\(inputs[0].last ?? 1) numbers", found: words(parameters[0]))
        }
        return inputs[0]
    }

    package func forward(_ pass: ForwardPass) {
        ChannelRows.scale(pass.inputs[0], by: pass.parameters[0], places: 1, into: pass.output, team: pass.team)
    }

    /// dx += factor dy, dfactor += the sum of x dy over the rows.
    package func backward(_ pass: BackwardPass) {
        if let gradient = pass.inputGradients[0] {
            ChannelRows.addScaled(pass.outputGradient, by: pass.parameters[0], places: 1, to: gradient, team: pass.team)
        }
        if let gradient = pass.parameterGradients[0] {
            ChannelRows.addFactorGradient(pass.inputs[0], pass.outputGradient, places: 1, to: gradient, team: pass.team)
        }
    }
}

/// Each channel of images times a number of the sample: x [B, C, H, W] and g [B, C, 1, 1] make y = g x (squeeze and excitation).
package struct ChannelGate: Operation {
    package init() {}

    package var name: String { "channel gate" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, channels, size) = try Problem.images(inputs[0])
        guard inputs[1] == [samples, channels, 1, 1], size.0 * size.1 > 0 else {
            throw Problem("the gate does not fit the images", expected: "\(samples)x\(channels)x1x1", found: words(inputs[1]))
        }
        return inputs[0]
    }

    private func places(_ tensor: Tensor) -> Int { tensor.shape[2] * tensor.shape[3] }

    package func forward(_ pass: ForwardPass) {
        ChannelRows.scale(
            pass.inputs[0], by: pass.inputs[1], places: places(pass.inputs[0]), into: pass.output, team: pass.team)
    }

    /// dx += g dy, dg += the sum of x dy over the places.
    package func backward(_ pass: BackwardPass) {
        let places = places(pass.inputs[0])
        if let gradient = pass.inputGradients[0] {
            ChannelRows.addScaled(pass.outputGradient, by: pass.inputs[1], places: places, to: gradient, team: pass.team)
        }
        if let gradient = pass.inputGradients[1] {
            ChannelRows.addFactorGradient(pass.inputs[0], pass.outputGradient, places: places, to: gradient, team: pass.team)
        }
    }
}
