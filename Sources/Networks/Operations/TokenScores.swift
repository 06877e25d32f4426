import Tensors
import Text

/// y = x + the table's entry of the token at each position: a score of each token after each, from a table of bigrams.
///
/// Parameter: the table [tokens, scores]. The entry of the last token gets no gradient, as the models that have such tables look it up with
/// PyTorch's `padding_idx=-1`.
package struct TokenScores: Operation {
    /// The position of the first row of a sequence.
    let firstPosition: Int

    package init(firstPosition: Int = 0) { self.firstPosition = firstPosition }

    package var name: String { "token scores" }
    package var gradientReading: GradientReading { [] }
    package var worksInPlace: Bool { true }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [1] }
    package var neurons: NeuronRule { .fixed }
    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard case .tokens(let samples, let length) = batch else {
            throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
        }
        let shape = [samples, length, parameters[0][1]]
        guard inputs[0] == shape else {
            throw Problem("the table does not fit the scores", expected: words(shape), found: words(inputs[0]))
        }
        return shape
    }

    /// The token of a row of [samples, rows, scores].
    private func token(_ row: Int, _ rows: Int, _ tokens: TokenBatch) -> Int {
        Int(tokens.ids[row / rows * tokens.length + firstPosition + row % rows])
    }

    package func forward(_ pass: ForwardPass) {
        guard let tokens = pass.tokens else { preconditionFailure("scores of tokens without tokens") }
        let rows = max(1, pass.output.shape[1])
        TableRows.add(pass.parameters[0], toRowsOf: pass.inputs[0], into: pass.output, team: pass.team) { token($0, rows, tokens) }
    }

    /// dx += dy, and entry t of dtable += the sum of dy over the positions of token t, unless it is the last.
    package func backward(_ pass: BackwardPass) {
        if let gradient = pass.inputGradients[0] { Elementwise.add(pass.outputGradient, to: gradient, team: pass.team) }
        guard let gradient = pass.parameterGradients[0], let tokens = pass.tokens else { return }
        let rows = max(1, pass.outputGradient.shape[1])
        TableRows.scatterAdd(
            pass.outputGradient, toEntriesOf: gradient, .rows, leavingOut: gradient.shape[0] - 1, team: pass.team
        ) { token($0, rows, tokens) }
    }

    package func part(_ positions: Range<Int>, of length: Int) -> PartialOperation? {
        PartialOperation(TokenScores(firstPosition: firstPosition + positions.lowerBound))
    }
}
