import Tensors
import Text

/// Rotary positions on queries or keys [samples, length, heads * headDimension].
///
/// In each head, pair i of the first `rotated` elements is turned by the angle position * frequencies[i]; the other elements stay. The
/// frequencies may change with the length of the sequence.
package struct Rotary: Operation {
    package typealias Pairing = Rotation.Pairing

    package let headDimension: Int
    package let rotated: Int
    /// Radians per position, one for each pair.
    package let frequencies: [Float]
    package let pairing: Pairing
    /// By what cosines and sines are multiplied.
    package let attentionScale: Float
    package let stretch: RotaryStretch
    /// The position of the first row of a sequence.
    let firstPosition: Int

    package init(
        headDimension: Int, rotated: Int, frequencies: [Float], pairing: Pairing, attentionScale: Float = 1, stretch: RotaryStretch = .none,
        firstPosition: Int = 0
    ) {
        self.headDimension = headDimension
        self.rotated = rotated
        self.frequencies = frequencies
        self.pairing = pairing
        self.attentionScale = attentionScale
        self.stretch = stretch
        self.firstPosition = firstPosition
    }

    package var name: String { "rotary" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }

    private var rotation: Rotation { Rotation(headDimension: headDimension, rotated: rotated, pairing: pairing) }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [rank - 1] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        guard AttentionHeads.whole(neurons, headDimension: headDimension) != nil else { return nil }
        return RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let input = inputs[0]
        guard rotated >= 0, rotated % 2 == 0, rotated <= headDimension, rotated / 2 == frequencies.count else {
            throw Problem(
                "the turned elements do not fit a head", expected: "an even number up to \(headDimension), half as many frequencies",
                found: "\(rotated) and \(frequencies.count)")
        }
        guard headDimension > 0, input.count == 3, input[2] % headDimension == 0 else {
            throw Problem("the rows are not heads side by side", expected: "heads of \(headDimension)", found: words(input))
        }
        return input
    }

    package func forwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { rotation.tableSize(length: firstPosition + output[1]) }
    package func backwardScratch(inputs: [[Int]], output: [Int], team: Int) -> Int { rotation.tableSize(length: firstPosition + output[1]) }

    /// The table of the rows, which begins where that of the first one does.
    private func table(length: Int, in scratch: MutableTensor, team: Team) -> Tensor {
        let all = firstPosition + length
        rotation.writeTable(
            frequencies: stretch.frequencies(frequencies, length: all), scale: attentionScale, length: all, into: scratch, team: team)
        let skipped = rotation.tableSize(length: firstPosition)
        return scratch.view(at: skipped, shape: [rotation.tableSize(length: length)])
    }

    package func forward(_ pass: ForwardPass) {
        let length = pass.output.shape[1]
        let table = table(length: length, in: pass.scratch, team: pass.team)
        rotation.apply(to: pass.inputs[0], table: table, length: length, into: pass.output, team: pass.team)
    }

    /// dx += dy turned back.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let length = pass.outputGradient.shape[1]
        let table = table(length: length, in: pass.scratch, team: pass.team)
        rotation.addGradient(pass.outputGradient, table: table, length: length, to: gradient, team: pass.team)
    }
}
