import Checkpoints
import Text

/// OPT: learned positions whose table begins with two rows that no position has, ReLU, biases everywhere.
///
/// Source: transformers' `models/opt`.
enum OPT {
    static let family = RunnableFamily(.opt, modelTypes: ["opt"], mlpWidth: MLPWidthSetting("ffn_dim")) { source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        if let embedded = try settings.size("word_embed_proj_dim"), embedded != width {
            throw settings.problem(
                "embeddings of another width than the model's cannot be run", "word_embed_proj_dim", expected: "\(width)")
        }
        guard try settings.flag("do_layer_norm_before") ?? true else {
            throw settings.problem(
                "norms of the residual stream itself cannot be run", "do_layer_norm_before",
                expected: "true: norms before attention and MLP")
        }
        guard try settings.flag("layer_norm_elementwise_affine") ?? true else {
            throw settings.problem("norms without weights cannot be run", "layer_norm_elementwise_affine", expected: "true")
        }
        let isBiased = try settings.flag("enable_bias") ?? true
        let hasFinalNorm = !(try settings.flag("_remove_final_layer_norm") ?? false)
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: isBiased) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: true) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "decoder.layers",
            norm: .layer(epsilon: 1e-5),
            positions: .learned(
                table: "decoder.embed_positions.weight", count: try settings.size("max_position_embeddings") ?? 2048, offset: 2),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: norm("self_attn_layer_norm"),
                projections: .separate(
                    query: linear("self_attn.q_proj"), key: linear("self_attn.k_proj"), value: linear("self_attn.v_proj")),
                output: linear("self_attn.out_proj")),
            mlp: MLPDescription(
                width: try settings.size("ffn_dim") ?? 3072,
                activation: try Activation.Function(settings, "activation_function", standard: "relu"), norm: norm("final_layer_norm"),
                input: linear("fc1"), output: linear("fc2")),
            embedding: TableTensor(name: "decoder.embed_tokens.weight"),
            finalNorm: hasFinalNorm ? norm("decoder.final_layer_norm") : nil,
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? true ? .embedding : .none))
    }
}
