import Tensors
import Text

/// Rows with the normalised entry of their position behind them: [samples, length, width + entry] of [samples, length, width].
///
/// Parameters: the table of positions [positions, entry], the norm's weight [entry], and its bias [entry] if it has one.
package struct PositionsBeside: Operation {
    package typealias Kind = Normalization.Kind

    package let kind: Kind
    package let epsilon: Float
    /// The position of the first row of a sequence.
    let firstPosition: Int

    package init(kind: Kind, epsilon: Float, firstPosition: Int = 0) {
        self.kind = kind
        self.epsilon = epsilon
        self.firstPosition = firstPosition
    }

    package var name: String { "positions beside" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1, 2] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard inputs[0].count == 3 else {
            throw Problem("the rows have no positions", expected: "samples x length x width", found: words(inputs[0]))
        }
        let (positions, width) = (parameters[0][0], parameters[0][1])
        if let other = parameters.dropFirst().first(where: { $0 != [width] }) {
            throw Problem("the norm reads a different width", expected: "\(words(other)) numbers", found: "\(width)")
        }
        guard firstPosition <= positions, inputs[0][1] <= positions - firstPosition else {
            throw Problem(
                "a sequence is longer than the model's positions", expected: "at most \(positions) tokens",
                found: "\(firstPosition + inputs[0][1])")
        }
        return [inputs[0][0], inputs[0][1], inputs[0][2] + width]
    }

    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { output[1] * (output[2] - inputs[0][2]) }

    package func forward(_ pass: ForwardPass) {
        let (samples, length, whole) = (pass.output.shape[0], pass.output.shape[1], pass.output.shape[2])
        let width = pass.inputs[0].shape[2]
        let beside = whole - width
        let normed = pass.scratch.view(at: 0, shape: [length, beside])
        Normalization.apply(
            kind, epsilon: epsilon, to: entries(pass.parameters[0], length), weight: pass.parameters[1],
            bias: pass.parameters.dropFirst(2).first, into: normed, team: pass.team)
        for row in 0..<samples * length {
            pass.output.view(at: row * whole, shape: [width]).copy(from: pass.inputs[0].view(at: row * width, shape: [width]))
            pass.output.view(at: row * whole + width, shape: [beside])
                .copy(from: normed.view(at: row % max(length, 1) * beside, shape: [beside]))
        }
    }

    private func entries(_ table: Tensor, _ length: Int) -> Tensor {
        table.view(at: firstPosition * table.width, shape: [length, table.width])
    }

    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int {
        let width = output[2] - inputs[0][2]
        return output[1] * width + Normalization.gradientScratch(rows: output[1], width: width)
    }

    /// dx += the first columns of dy; the others, added up over the samples, go through the norm to its parameters and to the table.
    package func backward(_ pass: BackwardPass) {
        let (samples, length, whole) = (pass.outputGradient.shape[0], pass.outputGradient.shape[1], pass.outputGradient.shape[2])
        let width = pass.inputs[0].shape[2]
        let beside = whole - width
        if let gradient = pass.inputGradients[0] {
            for row in 0..<samples * length {
                Elementwise.add(
                    pass.outputGradient.view(at: row * whole, shape: [width]), to: gradient.view(at: row * width, shape: [width]),
                    team: pass.team)
            }
        }
        guard pass.parameterGradients.contains(where: { $0 != nil }) else { return }
        let sums = pass.scratch.view(at: 0, shape: [length, beside])
        sums.fill(0)
        for row in 0..<samples * length {
            Elementwise.add(
                pass.outputGradient.view(at: row * whole + width, shape: [beside]),
                to: sums.view(at: row % max(length, 1) * beside, shape: [beside]), team: pass.team)
        }
        Normalization.addGradients(
            kind, epsilon: epsilon, at: entries(pass.parameters[0], length), weight: pass.parameters[1], outputGradient: sums,
            to: pass.parameterGradients[0].map { $0.view(at: firstPosition * beside, shape: [length, beside]) },
            weightGradient: pass.parameterGradients[1], biasGradient: pass.parameterGradients.dropFirst(2).first ?? nil,
            scratch: pass.scratch.view(
                at: length * beside, shape: [Normalization.gradientScratch(rows: length, width: beside)]), team: pass.team)
    }

    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? {
        PartialOperation(PositionsBeside(kind: kind, epsilon: epsilon, firstPosition: firstPosition + positions.lowerBound))
    }
}
