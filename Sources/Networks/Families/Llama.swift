import Checkpoints
import Text

/// Llama and the base of the families that share its names: rotary positions, RMS norm, gated MLP, grouped queries.
///
/// Source: transformers' `models/llama`.
enum Llama {
    static let family = RunnableFamily(.llama, modelTypes: ["llama"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let attentionBias = try settings.flag("attention_bias") ?? false
        return try description(
            settings, Differences(inputBias: attentionBias, outputBias: attentionBias, mlpBias: try settings.flag("mlp_bias") ?? false))
    }

    /// The differences of families that share Llama's names.
    struct Differences {
        /// Whether the products of queries, keys and values have a bias.
        var inputBias = false
        var outputBias = false
        var mlpBias = false
        /// The number of key heads if the settings do not give it; nil for the number of heads.
        var standardKeyHeads: Int?
        /// The width of a head if the settings do not give it; nil for the model's width divided by the number of heads.
        var standardHeadDimension: Int?
        var window: (length: Int, blocks: AttentionDescription.WindowedBlocks)?
        /// The number that is added to the weights of norms.
        var normOffset: Float = 0
        /// nil if the settings name it as Llama's do.
        var activation: Activation.Function?
        /// Whether embeddings are multiplied by the square root of the width.
        var embeddingScale: EmbeddingScale = .none
        /// What holds if the settings do not give it.
        var standardTie = OutputDescription.Tie.none
    }

    enum EmbeddingScale {
        case none
        /// The square root of the width, rounded to single precision.
        case rootOfWidth
    }

    static func description(_ settings: Configuration, _ differences: Differences) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let standardKeyHeads = settings.states("num_key_value_heads") ? heads : differences.standardKeyHeads ?? heads
        let keyHeads = try HeadSizes.keyHeads(try settings.size("num_key_value_heads") ?? standardKeyHeads, heads: heads)
        let dimension: Int
        if let stated = try settings.size("head_dim") ?? (settings.states("head_dim") ? nil : differences.standardHeadDimension) {
            dimension = stated
        } else {
            dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        }
        let activation: Activation.Function
        if let own = differences.activation {
            activation = own
        } else {
            activation = try Activation.Function(settings, "hidden_act", standard: "silu")
        }
        let isTied = try settings.flag("tie_word_embeddings")
        func linear(_ module: String, _ hasBias: Bool) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: false) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers",
            norm: .rootMeanSquare(epsilon: Float(try settings.number("rms_norm_eps") ?? 1e-6), offset: differences.normOffset),
            positions: .rotary(try RotaryDescription(settings, headDimension: dimension, names: RotaryNames(turned: .whole))),
            embeddingScale: differences.embeddingScale == .rootOfWidth ? Float(Double(width).squareRoot()) : 1,
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                window: differences.window, norm: norm("input_layernorm"),
                projections: .separate(
                    query: linear("self_attn.q_proj", differences.inputBias), key: linear("self_attn.k_proj", differences.inputBias),
                    value: linear("self_attn.v_proj", differences.inputBias)),
                output: linear("self_attn.o_proj", differences.outputBias)),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"), activation: activation, norm: norm("post_attention_layernorm"),
                gate: linear("mlp.gate_proj", differences.mlpBias), input: linear("mlp.up_proj", differences.mlpBias),
                output: linear("mlp.down_proj", differences.mlpBias)),
            embedding: TableTensor(name: "embed_tokens.weight"), finalNorm: norm("norm"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: isTied.map { $0 ? .embedding : .none } ?? differences.standardTie))
    }
}
