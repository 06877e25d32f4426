import Checkpoints
import Text

/// StarCoder 2: Llama's attention with layer norms, biases, and a plain MLP; every block may see a window.
///
/// Source: transformers' `models/starcoder2`.
enum Starcoder2 {
    static let family = RunnableFamily(.starcoder2, modelTypes: ["starcoder2"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let standardKeyHeads = settings.states("num_key_value_heads") ? heads : 2
        let keyHeads = try HeadSizes.keyHeads(try settings.size("num_key_value_heads") ?? standardKeyHeads, heads: heads)
        let dimension = try HeadSizes.statedDimension(settings, width: width, heads: heads)
        let isBiased = try settings.flag("use_bias") ?? true
        let rotary = try RotaryDescription(settings, headDimension: dimension, names: RotaryNames(turned: .whole))
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: isBiased) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: true) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers",
            norm: .layer(epsilon: Float(try settings.number("norm_epsilon") ?? 1e-5)), positions: .rotary(rotary),
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                window: try settings.size("sliding_window").map { ($0, .all) }, norm: norm("input_layernorm"),
                projections: .separate(
                    query: linear("self_attn.q_proj"), key: linear("self_attn.k_proj"), value: linear("self_attn.v_proj")),
                output: linear("self_attn.o_proj")),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"),
                activation: try Activation.Function(settings, "hidden_act", standard: "gelu_pytorch_tanh"),
                norm: norm("post_attention_layernorm"), input: linear("mlp.c_fc"), output: linear("mlp.c_proj")),
            embedding: TableTensor(name: "embed_tokens.weight"), finalNorm: norm("norm"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? true ? .embedding : .none))
    }
}
