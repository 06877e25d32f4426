import Text

/// The change that an adapter makes to one weight of its base model.
struct AdapterChange: Sendable {
    /// The changed parameter.
    enum Target: Sendable {
        /// The weight of a layer, [out, in, ...] or turned over.
        case layer
        /// A table of embeddings, [entries, width].
        case embedding
        /// A parameter of several experts, one matrix each.
        case experts(Int)
    }

    /// The weight's name in the base model.
    let name: String
    let module: String
    let target: Target
    /// [rank, in, ...], [rank, entries] or [experts x rank, in].
    let a: TensorRecord
    /// [out, rank, ...], [width, rank] or [out, rank x experts].
    let b: TensorRecord
    /// The lengths of the out-neurons' weights, of DoRA.
    let magnitudes: TensorRecord?
    /// The change of the layer's bias, before scaling.
    let bias: TensorRecord?
    let rank: Int
    let scale: Float

    /// The out-neurons of the changed matrix.
    var outputs: Int { b.shape[0] }
    /// The in-neurons, further dimensions of a kernel among them.
    var inputs: Int { a.elementCount / a.shape[0] }
    var expertCount: Int { if case .experts(let count) = target { count } else { 1 } }

    /// The shape of the change alone: [out, in, ...], of experts [experts, out, in].
    var shape: [Int] {
        let matrix = [outputs] + a.shape.dropFirst()
        if case .experts(let count) = target { return [count] + matrix }
        return matrix
    }

    /// How the change comes about, in a few words.
    var summary: String {
        "\(magnitudes == nil ? "LoRA" : "DoRA"), rank \(rank), scale \(ByteText.rounded(Double(scale)))"
    }

    /// Whether this change of an output matrix is that of the table of embeddings: its factors are those of the other, turned over.
    func isSame(asEmbedding other: AdapterChange) -> Bool {
        guard case .layer = target, case .embedding = other.target, magnitudes == nil, other.magnitudes == nil, scale == other.scale,
            a.shape == other.b.shape.reversed(), b.shape == other.a.shape.reversed()
        else { return false }
        return Self.isTurned(a, other.b) && Self.isTurned(b, other.a)
    }

    /// Whether one matrix is the other, turned over.
    private static func isTurned(_ first: TensorRecord, _ second: TensorRecord) -> Bool {
        let (rows, columns) = (first.shape[0], first.shape[1])
        let (values, others) = (first.floats(), second.floats())
        return (0..<rows).allSatisfy { row in (0..<columns).allSatisfy { values[row * columns + $0] == others[$0 * rows + row] } }
    }

    /// The change of all experts, or the one there is.
    ///
    /// - Parameter isTransposed: whether the elements are requested with the inputs first.
    func products(isTransposed: Bool = false) -> [LowRankProduct] {
        (0..<expertCount).map { product(expert: $0, outputs: 0..<outputs, isTransposed: isTransposed) }
    }

    func product(expert: Int, outputs: Range<Int>, isTransposed: Bool = false) -> LowRankProduct {
        LowRankProduct(
            a: a, b: b, rank: rank, scale: scale, inputs: inputs, outputs: outputs, isTransposed: isTransposed, expert: expert,
            of: expertCount)
    }

    /// Whether a tensor belongs to a layer of GPT-2 that stores its weight [in, out].
    static func isConv1D(_ name: String) -> Bool { ["c_attn", "q_attn", "c_proj", "c_fc"].contains(TensorName(name).moduleName) }

    /// The change by itself, as a tensor of the base model's name, stored as models with such names store their weights.
    func record() throws(Problem) -> TensorRecord {
        var isTransposed = a.shape.count == 2 && Self.isConv1D(name)
        if case .embedding = target { isTransposed = true }
        return try TensorRecord(
            name: name, shape: isTransposed ? [inputs, outputs] : shape,
            values: AdapterChangeValues(products: products(isTransposed: isTransposed), summary: summary))
    }
}
