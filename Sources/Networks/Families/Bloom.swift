import Checkpoints
import Text

/// BLOOM: scores that fall with the distance of a key in place of positions, a norm of the embeddings, one product for queries, keys and
/// values, head by head.
///
/// Source: transformers' `models/bloom`.
enum Bloom {
    static let family = RunnableFamily(.bloom, modelTypes: ["bloom"]) { source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("n_embed", "hidden_size")
        let heads = try settings.requiredSize("n_head", "num_attention_heads")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "hidden_size"))
        if try settings.flag("apply_residual_connection_post_layernorm") ?? false {
            throw settings.problem(
                "residual streams of norms cannot be run", "apply_residual_connection_post_layernorm", expected: "false")
        }
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: true) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("n_layer", "num_hidden_layers"), blockName: "h",
            norm: .layer(epsilon: Float(try settings.number("layer_norm_epsilon") ?? 1e-5)), positions: .slopes,
            embeddingNorm: norm("word_embeddings_layernorm"),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: norm("input_layernorm"), projections: .fused(linear("self_attention.query_key_value"), .byHead),
                output: linear("self_attention.dense")),
            mlp: MLPDescription(
                width: 4 * width, activation: .geluTanh, norm: norm("post_attention_layernorm"), input: linear("mlp.dense_h_to_4h"),
                output: linear("mlp.dense_4h_to_h")),
            embedding: TableTensor(name: "word_embeddings.weight"), finalNorm: norm("ln_f"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? true ? .embedding : .none))
    }
}
