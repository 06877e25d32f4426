import Checkpoints
import Text

/// StableLM: Llama's names with layer norms, rotary positions on a quarter of each head, and, in some models, attention and MLP side by side.
///
/// Source: transformers' `models/stablelm`.
enum StableLM {
    static let family = RunnableFamily(.stablelm, modelTypes: ["stablelm"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let keyHeads = try HeadSizes.keyHeads(try settings.size("num_key_value_heads") ?? heads, heads: heads)
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        guard try !(settings.flag("qk_layernorm") ?? false) else {
            throw settings.problem("norms with weights for each head cannot be run", "qk_layernorm", expected: "false")
        }
        let isParallel = try settings.flag("use_parallel_residual") ?? false
        let isBiased = try settings.flag("use_qkv_bias") ?? false
        let rotary = try RotaryDescription(
            settings, headDimension: dimension,
            names: RotaryNames(turned: .evenPart(["partial_rotary_factor"], standard: 0.25)))
        func linear(_ module: String, _ hasBias: Bool = false) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: true) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers",
            residual: isParallel ? .parallelSharingNorm : .sequential,
            norm: .layer(epsilon: Float(try settings.number("layer_norm_eps") ?? 1e-5)), positions: .rotary(rotary),
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: norm("input_layernorm"),
                projections: .separate(
                    query: linear("self_attn.q_proj", isBiased), key: linear("self_attn.k_proj", isBiased),
                    value: linear("self_attn.v_proj", isBiased)),
                output: linear("self_attn.o_proj")),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"),
                activation: try Activation.Function(settings, "hidden_act", standard: "silu"),
                norm: isParallel ? nil : norm("post_attention_layernorm"), gate: linear("mlp.gate_proj"), input: linear("mlp.up_proj"),
                output: linear("mlp.down_proj")),
            embedding: TableTensor(name: "embed_tokens.weight"), finalNorm: norm("norm"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? false ? .embedding : .none))
    }
}
