import Tensors
import Text

/// The entries of a table for the tokens of the batch: [samples, length, width]. No inputs.
///
/// Parameter: the table.
package struct Embedding: Operation {
    /// `.rows` [entries, width], as PyTorch's embeddings; `.columns` [width, entries].
    package typealias Layout = TableRows.Layout

    package let layout: Layout
    /// By what the entries are multiplied.
    package let scale: Float
    /// The entry that gets no gradient, as PyTorch's `padding_idx`.
    package let padding: Int?

    package init(layout: Layout, scale: Float = 1, padding: Int? = nil) {
        self.layout = layout
        self.scale = scale
        self.padding = padding
    }

    package var name: String { "embedding" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .produces(NeuronWeights(outDimension: layout == .rows ? 1 : 0, inDimension: nil, form: .rows)) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        let table = layout == .rows ? WeightSlices.columns(neurons, of: parameters[0]) : WeightSlices.entries(neurons, of: parameters[0])
        return RestrictedOperation(operation: self, parameters: [table], reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, length) = try tokens(of: batch)
        return [samples, length, TableRows.sizes(parameters[0], layout).width]
    }

    package func forward(_ pass: ForwardPass) {
        guard let tokens = pass.tokens else { preconditionFailure("an embedding without tokens") }
        TableRows.gather(pass.parameters[0], layout, scale: scale, into: pass.output, team: pass.team) { Int(tokens.ids[$0]) }
    }

    /// Entry t of dtable += scale times the sum of dy over the positions of token t, unless it is that of the padding.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.parameterGradients[0], let tokens = pass.tokens else { return }
        TableRows.scatterAdd(
            pass.outputGradient, scale: scale, toEntriesOf: gradient, layout, leavingOut: padding, team: pass.team
        ) { Int(tokens.ids[$0]) }
    }
}

/// The entries of a table for the positions 0, 1, ... of each sample: [samples, length, width]. No inputs.
///
/// Parameter: the table; position p has its entry p + `offset`.
package struct PositionEmbedding: Operation {
    package let layout: Embedding.Layout
    package let offset: Int
    /// The entry that gets no gradient, as PyTorch's `padding_idx`.
    package let padding: Int?

    package init(layout: Embedding.Layout, offset: Int = 0, padding: Int? = nil) {
        self.layout = layout
        self.offset = offset
        self.padding = padding
    }

    package var name: String { "position embedding" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .produces(NeuronWeights(outDimension: layout == .rows ? 1 : 0, inDimension: nil, form: .rows)) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        let table = layout == .rows ? WeightSlices.columns(neurons, of: parameters[0]) : WeightSlices.entries(neurons, of: parameters[0])
        return RestrictedOperation(operation: self, parameters: [table], reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (samples, length) = try tokens(of: batch)
        let (positions, width) = TableRows.sizes(parameters[0], layout)
        guard offset >= 0, length <= positions - min(offset, positions) else {
            throw Problem(
                "a sequence is longer than the model's positions", expected: "at most \(max(0, positions - max(0, offset))) tokens",
                found: "\(length)")
        }
        return [samples, length, width]
    }

    package func forward(_ pass: ForwardPass) {
        let length = max(1, pass.output.shape[1])
        TableRows.gather(pass.parameters[0], layout, into: pass.output, team: pass.team) { $0 % length + offset }
    }

    /// Entry p + offset of dtable += the sum of dy over the samples' places p, unless it is that of the padding.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.parameterGradients[0] else { return }
        let length = max(1, pass.outputGradient.shape[1])
        TableRows.scatterAdd(pass.outputGradient, toEntriesOf: gradient, layout, leavingOut: padding, team: pass.team) {
            $0 % length + offset
        }
    }
}

/// The numbers of samples and of tokens in one.
private func tokens(of batch: BatchShape) throws(Problem) -> (samples: Int, length: Int) {
    guard case .tokens(let samples, let length) = batch else {
        throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
    }
    return (samples, length)
}
