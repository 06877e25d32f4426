import Tensors
import Text

/// The positions of sequences that a batch asks about: [samples, count, width] of [samples, length, width].
struct AskedPositions: Operation {
    let count: Int

    var name: String { "asked positions" }
    package var gradientReading: GradientReading { [] }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    var neurons: NeuronRule { .fixed }
    func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        [inputs[0][0], count, inputs[0][2]]
    }

    /// The place of a row of the output among the rows of the input, [samples * length, width].
    private func entry(_ row: Int, _ tokens: TokenBatch) -> Int { row / count * tokens.length + Int(tokens.asked[row]) }

    func forward(_ pass: ForwardPass) {
        guard let tokens = pass.tokens else { preconditionFailure("positions asked about without tokens") }
        let input = pass.inputs[0]
        TableRows.gather(input.reshaped([input.rows, input.width]), .rows, into: pass.output, team: pass.team) { entry($0, tokens) }
    }

    /// The positions of dx += dy.
    func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0], let tokens = pass.tokens else { return }
        TableRows.scatterAdd(
            pass.outputGradient, toEntriesOf: gradient.reshaped([gradient.rows, gradient.width]), .rows, team: pass.team
        ) { entry($0, tokens) }
    }
}
