import Checkpoints
import Text

/// The tensors of the embeddings and the logits of a transformer, according to what is stored and which tensors the settings tie.
///
/// Source: transformers' `PreTrainedModel.tie_weights`: tied weights of which one is stored share it; where both are stored with
/// different numbers they are not tied.
struct OutputMatrix {
    /// A matrix with an entry for each token.
    struct Table {
        var name: String
        var shape: [Int]
        var entries: Int
        var layout: Linear.Layout
    }

    private let description: TransformerDescription
    private let embeddingName: String
    private let matrixName: String
    /// A second copy of the table that the file stores under the output's name.
    let unusedTwin: String?

    init(_ description: TransformerDescription, _ names: CheckpointNames, _ checkpoint: Checkpoint) throws(Problem) {
        self.description = description
        let table = description.embedding.name
        let own = description.output.names.first(where: names.has)
        switch (description.output.tie, own) {
        case (.none, let own?):
            embeddingName = try names.fullName(table)
            matrixName = try names.fullName(own)
            unusedTwin = nil
        case (.none, nil):
            throw Problem(
                "is missing", subject: "tensor '\(description.output.names.first ?? "")'",
                expected: "the matrix of the logits, which config.json does not tie to the embeddings")
        case (.embedding, let own):
            let full = try names.fullName(table)
            guard let own else {
                (embeddingName, matrixName, unusedTwin) = (full, full, nil)
                return
            }
            let ownName = try names.fullName(own)
            if !names.has(table) {
                (embeddingName, matrixName, unusedTwin) = (ownName, ownName, nil)
            } else if Self.areSame(checkpoint[full], checkpoint[ownName]) {
                (embeddingName, matrixName, unusedTwin) = (full, full, ownName)
            } else {
                (embeddingName, matrixName, unusedTwin) = (full, ownName, nil)
            }
        }
    }

    /// The table of embeddings.
    func embedding(_ checkpoint: Checkpoint) throws(Problem) -> Table {
        try table(embeddingName, checkpoint, layout: description.embedding.layout == .rows ? .outIn : .inOut)
    }

    /// The matrix that produces the logits.
    func matrix(_ checkpoint: Checkpoint) throws(Problem) -> Table {
        try table(matrixName, checkpoint, layout: description.output.layout)
    }

    private func table(_ name: String, _ checkpoint: Checkpoint, layout: Linear.Layout) throws(Problem) -> Table {
        let width = description.width
        let wanted: [Int?] = layout == .outIn ? [nil, width] : [width, nil]
        let subject = "tensor '\(name)'"
        guard let shape = checkpoint[name]?.shape else {
            if let problem = checkpoint.problem(ofTensor: name) { throw problem }
            throw Problem("is missing", subject: subject, expected: Network.words(wanted))
        }
        guard shape.count == 2, !shape.contains(0), shape[layout == .outIn ? 1 : 0] == width else {
            throw Problem("wrong shape", subject: subject, expected: Network.words(wanted), found: words(shape))
        }
        return Table(name: name, shape: shape, entries: shape[layout == .outIn ? 0 : 1], layout: layout)
    }

    /// Whether two stored tensors hold the same numbers.
    static func areSame(_ a: TensorRecord?, _ b: TensorRecord?) -> Bool {
        guard let a, let b, a.dtype == b.dtype, a.shape == b.shape, a.strides == b.strides, a.bytes.count == b.bytes.count else {
            return false
        }
        return a.bytes.withUnsafeBytes { first in
            b.bytes.withUnsafeBytes { second in first.baseAddress == second.baseAddress || first.elementsEqual(second) }
        }
    }
}
