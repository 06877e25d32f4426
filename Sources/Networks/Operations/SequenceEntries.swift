import Tensors
import Text

/// One entry of a table at every position of the batch's sequences: [samples, length, width]. No inputs.
///
/// Parameter: the table [entries, width]. BERT's token types, of which a text alone has the first.
package struct RepeatedEntry: Operation {
    package let entry: Int

    package init(entry: Int = 0) { self.entry = entry }

    package var name: String { "repeated entry" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .produces(NeuronWeights(outDimension: 1, inDimension: nil, form: .rows)) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: [WeightSlices.columns(neurons, of: parameters[0])], reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard case .tokens(let samples, let length) = batch else {
            throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
        }
        guard parameters[0].count == 2, entry >= 0, entry < parameters[0][0] else {
            throw Problem("the table lacks the entry", expected: "more than \(entry) entries", found: words(parameters[0]))
        }
        return [samples, length, parameters[0][1]]
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.output.shape
        SequenceRows.copy(
            shape[1], samples: shape[0], width: shape[2], from: pass.parameters[0], .init(first: entry, stride: 0, step: 0),
            to: pass.output, .init(stride: shape[1]), team: pass.team)
    }

    /// The entry of dtable += the sum of dy over all samples and positions.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.parameterGradients[0] else { return }
        let shape = pass.outputGradient.shape
        SequenceRows.add(
            shape[1], samples: shape[0], width: shape[2], from: pass.outputGradient, .init(stride: shape[1]), to: gradient,
            .init(first: entry, stride: 0, step: 0), team: pass.team)
    }
}

/// A table's rows at the positions of each sample's sequence: [samples, length, width]. No inputs.
///
/// Parameter: the table [length, width]. The positions of a vision transformer, whose sequences have one length.
package struct PositionRows: Operation {
    package init() {}

    package var name: String { "position rows" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .produces(NeuronWeights(outDimension: 1, inDimension: nil, form: .rows)) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: [WeightSlices.columns(neurons, of: parameters[0])], reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let shape = [batch.samples] + parameters[0]
        guard shape.count == 3 else { throw Problem("is not a table", expected: "positions x width", found: words(parameters[0])) }
        try Problem.check(sizeOf: shape)
        return shape
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.output.shape
        SequenceRows.copy(
            shape[1], samples: shape[0], width: shape[2], from: pass.parameters[0], .init(stride: 0), to: pass.output,
            .init(stride: shape[1]), team: pass.team)
    }

    /// dtable += the sum of dy over the samples.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.parameterGradients[0] else { return }
        let shape = pass.outputGradient.shape
        SequenceRows.add(
            shape[1], samples: shape[0], width: shape[2], from: pass.outputGradient, .init(stride: shape[1]), to: gradient,
            .init(stride: 0), team: pass.team)
    }
}

/// Learned rows within each sample's sequence: x [samples, length, width] becomes [samples, rows + length, width].
///
/// Parameters: one or more tables [rows, width], in the order of their rows. The class token and the registers of a vision transformer.
package struct InsertedRows: Operation {
    /// The positions of the sequence before the inserted rows.
    package let position: Int

    package init(position: Int = 0) { self.position = position }

    package var name: String { "inserted rows" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { Array((0..<rank).dropFirst()) }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters.map { WeightSlices.columns(neurons, of: $0) }, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let input = inputs[0]
        guard input.count == 3, position >= 0, position <= input[1] else {
            throw Problem("is no sequence to insert rows into", expected: "\(position) positions or more", found: words(input))
        }
        var shape = input
        for parameter in parameters {
            guard parameter.count == 2, parameter[1] == input[2] else {
                throw Problem("the inserted rows have another width", expected: "rows x \(input[2])", found: words(parameter))
            }
            shape[1] += parameter[0]
        }
        try Problem.check(sizeOf: shape)
        return shape
    }

    /// A piece of the output's rows: those from `first` on, of the input or of a parameter.
    private struct Piece {
        /// nil for the input.
        let parameter: Int?
        let read: SequenceRows.Places
        let first: Int
        let count: Int
    }

    private func pieces(_ length: Int, _ parameters: [Tensor]) -> [Piece] {
        var pieces = [Piece(parameter: nil, read: .init(stride: length), first: 0, count: position)]
        var first = position
        for (index, parameter) in parameters.enumerated() {
            pieces.append(Piece(parameter: index, read: .init(stride: 0), first: first, count: parameter.shape[0]))
            first += parameter.shape[0]
        }
        return pieces + [Piece(parameter: nil, read: .init(first: position, stride: length), first: first, count: length - position)]
    }

    package func forward(_ pass: ForwardPass) {
        let shape = pass.output.shape
        for piece in pieces(pass.inputs[0].shape[1], pass.parameters) {
            SequenceRows.copy(
                piece.count, samples: shape[0], width: shape[2], from: piece.parameter.map { pass.parameters[$0] } ?? pass.inputs[0],
                piece.read, to: pass.output, .init(first: piece.first, stride: shape[1]), team: pass.team)
        }
    }

    /// Each table's gradient += the sum of its rows of dy over the samples, dx += the others.
    package func backward(_ pass: BackwardPass) {
        let shape = pass.outputGradient.shape
        for piece in pieces(pass.inputs[0].shape[1], pass.parameters) {
            let target = piece.parameter.map { pass.parameterGradients[$0] } ?? pass.inputGradients[0]
            guard let target else { continue }
            SequenceRows.add(
                piece.count, samples: shape[0], width: shape[2], from: pass.outputGradient,
                .init(first: piece.first, stride: shape[1]), to: target, piece.read, team: pass.team)
        }
    }
}

/// The entries of a table for the positions of each sample's tokens that are no padding: [samples, length, width]. No inputs.
///
/// Parameter: the table [entries, width]. A padding token has the entry `padding`; another one has `padding` + the number of tokens that
/// are no padding up to itself (RoBERTa).
package struct PaddedPositionEmbedding: Operation {
    /// The id of the padding token, and its entry, which gets no gradient.
    package let padding: Int

    package init(padding: Int) { self.padding = padding }

    package var name: String { "position embedding" }
    package var gradientReading: GradientReading { [] }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .produces(NeuronWeights(outDimension: 1, inDimension: nil, form: .rows)) }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: [WeightSlices.columns(neurons, of: parameters[0])], reading: .all)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        guard case .tokens(let samples, let length) = batch else {
            throw Problem("the model reads tokens", expected: "token ids or text", found: "samples of numbers")
        }
        let room = parameters[0][0] - 1 - min(max(padding, 0), parameters[0][0])
        guard padding >= 0, length <= room else {
            throw Problem(
                "a sequence is longer than the model's positions", expected: "at most \(max(0, room)) tokens", found: "\(length)")
        }
        return [samples, length, parameters[0][1]]
    }

    /// The entry of every token.
    private func entries(_ tokens: TokenBatch) -> [Int] {
        var entries: [Int] = []
        entries.reserveCapacity(tokens.ids.count)
        var count = 0
        for (place, id) in tokens.ids.enumerated() {
            if place % tokens.length == 0 { count = 0 }
            if Int(id) != padding { count += 1 }
            entries.append(Int(id) == padding ? padding : padding + count)
        }
        return entries
    }

    package func forward(_ pass: ForwardPass) {
        guard let tokens = pass.tokens else { preconditionFailure("an embedding without tokens") }
        let entries = entries(tokens)
        TableRows.gather(pass.parameters[0], .rows, into: pass.output, team: pass.team) { entries[$0] }
    }

    /// Each entry of dtable but that of the padding += the sum of dy over the tokens that have it.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.parameterGradients[0], let tokens = pass.tokens else { return }
        let entries = entries(tokens)
        TableRows.scatterAdd(pass.outputGradient, toEntriesOf: gradient, .rows, leavingOut: padding, team: pass.team) { entries[$0] }
    }
}
