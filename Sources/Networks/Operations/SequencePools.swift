import Tensors
import Text

/// One position of each sample's sequence: [samples, length, width] becomes [samples, width].
package struct SelectedRow: Operation {
    package let position: Int

    package init(position: Int = 0) { self.position = position }

    package var name: String { "selected row" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try SequenceRows.shape(of: inputs[0], reading: position)
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.inputs[0].shape
        SequenceRows.copy(
            1, samples: shape[0], width: shape[2], from: pass.inputs[0], .init(first: position, stride: shape[1]), to: pass.output,
            .init(stride: 1), team: pass.team)
    }

    /// The position's row of dx += dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let shape = pass.inputs[0].shape
        SequenceRows.add(
            1, samples: shape[0], width: shape[2], from: pass.outputGradient, .init(stride: 1), to: gradient,
            .init(first: position, stride: shape[1]), team: pass.team)
    }
}

/// The mean over the positions of each sample's sequence from the first one on: [samples, length, width] becomes [samples, width].
package struct MeanRow: Operation {
    /// The positions that are left out at the beginning.
    package let first: Int

    package init(first: Int = 0) { self.first = first }

    package var name: String { "mean row" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        try SequenceRows.shape(of: inputs[0], reading: first)
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.inputs[0].shape
        pass.output.fill(0)
        SequenceRows.add(
            shape[1] - first, samples: shape[0], width: shape[2], scale: 1 / Float(shape[1] - first), from: pass.inputs[0],
            .init(first: first, stride: shape[1]), to: pass.output, .init(stride: 1, step: 0), team: pass.team)
    }

    /// Every row of dx that counts += dy / their number.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let shape = pass.inputs[0].shape
        SequenceRows.add(
            shape[1] - first, samples: shape[0], width: shape[2], scale: 1 / Float(shape[1] - first), from: pass.outputGradient,
            .init(stride: 1, step: 0), to: gradient, .init(first: first, stride: shape[1]), team: pass.team)
    }
}

/// y = x / max(|x|, epsilon) for each row (PyTorch's `functional.normalize`).
package struct UnitRow: Operation {
    package let epsilon: Float

    package init(epsilon: Float = 1e-12) { self.epsilon = epsilon }

    package var name: String { "unit row" }
    package var gradientReading: GradientReading { .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .mixes }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    package func forward(_ pass: ForwardPass) {
        UnitLength.apply(to: pass.inputs[0], epsilon: epsilon, into: pass.output, team: pass.team)
    }

    /// dx += (dy - y (y . dy)) / |x|.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        UnitLength.addGradient(
            at: pass.inputs[0], outputGradient: pass.outputGradient, epsilon: epsilon, to: gradient, team: pass.team)
    }
}

/// Rows side by side: [..., a] and [..., b] become [..., a + b].
package struct SideBySide: Operation {
    package init() {}

    package var name: String { "side by side" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let first = inputs[0]
        if let other = inputs.first(where: { $0.isEmpty || $0.dropLast() != first.dropLast() }) {
            throw Problem("rows of different batches side by side", expected: words(first), found: words(other))
        }
        return first.dropLast() + [inputs.reduce(0) { $0 + ($1.last ?? 0) }]
    }

    package func forward(_ pass: ForwardPass) {
        let output = pass.output
        var start = 0
        for input in pass.inputs {
            output.withMutableElements { target in
                input.withElements { source in
                    let (width, total) = (input.width, output.width)
                    for row in 0..<input.rows {
                        for i in 0..<width { target[row * total + start + i] = source[row * width + i] }
                    }
                }
            }
            start += input.width
        }
    }

    /// Each input's dx += its part of dy.
    package func backward(_ pass: BackwardPass) {
        var start = 0
        let total = pass.outputGradient.width
        for (input, gradient) in zip(pass.inputs, pass.inputGradients) {
            let (width, first) = (input.width, start)
            start += width
            guard let gradient else { continue }
            gradient.withMutableElements { target in
                pass.outputGradient.withElements { source in
                    for row in 0..<input.rows {
                        for i in 0..<width { target[row * width + i] += source[row * total + first + i] }
                    }
                }
            }
        }
    }
}

/// The mean of any number of inputs of one shape.
package struct Mean: Operation {
    package init() {}

    package var name: String { "mean" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .adds }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let first = inputs[0]
        if let other = inputs.first(where: { $0 != first }) {
            throw Problem("a mean of different shapes", expected: words(first), found: words(other))
        }
        return first
    }

    package func forward(_ pass: ForwardPass) {
        pass.output.fill(0)
        for input in pass.inputs { add(input, to: pass.output, pass.inputs.count, pass.team) }
    }

    /// dx_i += dy / their number.
    package func backward(_ pass: BackwardPass) {
        for case let gradient? in pass.inputGradients { add(pass.outputGradient, to: gradient, pass.inputs.count, pass.team) }
    }

    private func add(_ source: Tensor, to target: MutableTensor, _ count: Int, _ team: Team) {
        SequenceRows.add(
            1, samples: source.rows, width: source.width, scale: 1 / Float(count), from: source, .init(stride: 1), to: target,
            .init(stride: 1), team: team)
    }
}

extension SequenceRows {
    /// The shape of an input, [samples, length, width], without its positions, of which those from `position` on are read.
    fileprivate static func shape(of input: [Int], reading position: Int) throws(Problem) -> [Int] {
        guard input.count == 3, position >= 0, position < input[1] else {
            throw Problem("the sequence is too short", expected: "more than \(position) positions", found: words(Array(input.dropFirst())))
        }
        return [input[0], input[2]]
    }
}
