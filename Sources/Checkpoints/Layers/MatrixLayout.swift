/// How a tensor's elements, in row-major order, make an [out, in] matrix.
package enum MatrixLayout: Sendable, Equatable {
    /// Rows are out-neurons already; further leading dimensions (attention heads) are rows as well.
    case asStored(out: Int, in: Int)
    /// `blocks` matrices of [in, out] one after the other; the rows of the result are the blocks' columns.
    case transposed(blocks: Int, in: Int, out: Int)
    /// A convolution [out, in, ...]: each weight is the root of the summed squares over `kernel` elements.
    case convolution(out: Int, in: Int, kernel: Int)

    /// The number of out-neurons.
    package var rows: Int {
        switch self {
        case .asStored(let out, _), .convolution(let out, _, _): out
        case .transposed(let blocks, _, let out): blocks * out
        }
    }

    /// The number of in-neurons.
    package var columns: Int {
        switch self {
        case .asStored(_, let input), .convolution(_, let input, _), .transposed(_, let input, _): input
        }
    }
}

/// What decides the orientation of a model's matrices, beyond each tensor's own name.
struct OrientationRules {
    private let family: ModelFamily
    private let storesConv1D: Bool
    private let namesWithBias: Set<String>

    init(family: ModelFamily, names: [TensorName], shapes: [[Int]]) {
        self.family = family
        namesWithBias = Set(names.lazy.filter { $0.last == "bias" }.map { String($0.full.dropLast(4)) })
        storesConv1D = Self.storesConv1D(names: names, shapes: shapes)
    }

    private static let conv1DNames: Set<Substring> = ["c_attn", "q_attn", "c_proj", "c_fc"]

    /// Whether the modules named like GPT-2's Conv1D are stored [in, out], as Hugging Face's are, or [out, in], as in nanoGPT, which
    /// has the same names for its linear layers. The model's width d tells: both c_attn and c_fc read d inputs.
    private static func storesConv1D(names: [TensorName], shapes: [[Int]]) -> Bool {
        let pairs = zip(names, shapes)
        let readers = pairs.filter {
            $0.1.count == 2 && $0.1[0] != $0.1[1] && $0.0.last == "weight" && ["c_attn", "c_fc"].contains($0.0.moduleName)
        }
        guard !readers.isEmpty else { return true }
        let width =
            pairs.first { $0.1.count == 1 && $0.0.moduleName == "ln_1" }?.1[0]
            ?? pairs.first { $0.1.count == 2 && ["wte", "embed_tokens", "tokens_embed"].contains($0.0.moduleName) }?.1[1]
        if let width, let shape = readers.lazy.map(\.1).first(where: { $0.contains(width) }) { return shape[0] == width }
        let biases = Dictionary(
            pairs.lazy.filter { $0.1.count == 1 && $0.0.last == "bias" }.map { ($0.0.full, $0.1[0]) },
            uniquingKeysWith: { first, _ in first })
        for (name, shape) in readers {
            if let length = biases[name.full.dropLast(6) + "bias"], shape.contains(length) { return shape[1] == length }
        }
        return true
    }

    /// The most neurons on a side. A view can claim any number for a few stored bytes; what is kept for each neuron must fit into memory.
    private static let largestSide = 1 << 28

    /// The layout of a tensor as a weight matrix; nil for one that is none: fewer than two dimensions, a stack of experts, a
    /// learned token or position table of more than two dimensions, no elements, more neurons than any layer has.
    func layout(of name: TensorName, shape: [Int]) -> MatrixLayout? {
        guard let layout = anyLayout(of: name, shape: shape), layout.rows <= Self.largestSide, layout.columns <= Self.largestSide else {
            return nil
        }
        return layout
    }

    private func anyLayout(of name: TensorName, shape: [Int]) -> MatrixLayout? {
        guard shape.count >= 2, !shape.contains(0) else { return nil }
        if let layout = family.layout?(name, shape) { return layout }
        if shape.count == 2 {
            let isReversed = storesConv1D && Self.conv1DNames.contains(name.moduleName) && name.last == "weight"
            return isReversed || isEmbedding(name)
                ? .transposed(blocks: 1, in: shape[0], out: shape[1]) : .asStored(out: shape[0], in: shape[1])
        }
        if isEmbedding(name) || Self.isToken(name) || Self.isExpertStack(name) { return nil }
        return .convolution(out: shape[0], in: shape[1], kernel: shape[2...].reduce(1, *))
    }

    private static let embeddingNames: Set<Substring> = [
        "wte", "wpe", "embed_in", "embed_tokens", "embed_positions", "tokens_embed", "positions_embed", "token_embd", "position_embd",
        "token_types", "shared", "relative_attention_bias", "emb", "embd", "embed", "embedding", "embeddings",
    ]

    /// Whether the name is an embedding table's, [entries, d]. A linear layer so named gives itself away by its bias.
    private func isEmbedding(_ name: TensorName) -> Bool {
        guard name.last == "weight" || name.parts.count == 1 || name.last.hasPrefix("pos") else { return false }
        var module = name.moduleName
        if module.hasSuffix("_table") { module = module.dropLast(6) }
        let isNamed =
            Self.embeddingNames.contains(module) || module.hasSuffix("_embedding") || module.hasSuffix("_embeddings")
            || module.hasSuffix("_emb") || module.hasSuffix("_embed")
        guard isNamed else { return false }
        return !(name.last == "weight" && namesWithBias.contains(String(name.full.dropLast(6))))
    }

    private static func isToken(_ name: TensorName) -> Bool {
        name.moduleName.hasSuffix("_token") || name.moduleName.hasSuffix("_tokens")
    }

    private static func isExpertStack(_ name: TensorName) -> Bool {
        name.moduleName.hasSuffix("_exps") || name.module.dropLast().last == "experts"
    }
}

/// Whether the name is that of a table that a model carries along without learning it, or of a bias with several dimensions: a
/// causal mask, rotary angles, an index of relative positions.
func isBuffer(_ name: TensorName) -> Bool {
    switch name.last {
    case "bias", "masked_bias", "mask", "attn_mask", "causal_mask", "attention_mask", "tril", "inv_freq", "freqs_cis", "cos_cached",
        "sin_cached", "cos", "sin", "rotary_sin", "rotary_cos", "position_ids", "relative_position_index", "IGNORE", "rope_freqs",
        "b_Q", "b_K", "b_V", "running_mean", "running_var":
        true
    default: name.moduleName.hasPrefix("rope_")
    }
}
