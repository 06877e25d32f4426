import Checkpoints
import Text

/// GPT-NeoX and Pythia: rotary positions on a part of each head, attention and MLP side by side.
///
/// Source: transformers' `models/gpt_neox`.
enum GPTNeoX {
    static let family = RunnableFamily(.gptNeox, modelTypes: ["gpt_neox"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        let isBiased = try settings.flag("attention_bias") ?? true
        let rotary = try RotaryDescription(
            settings, headDimension: dimension,
            names: RotaryNames(base: ["rotary_emb_base"], turned: .part(["rotary_pct"], standard: 0.25)))
        // Versions of transformers 4 write these beside their own names; others do not read them.
        for (name, own, standard) in [("rope_theta", "rotary_emb_base", 10_000), ("partial_rotary_factor", "rotary_pct", 0.25)] {
            guard let said = try settings.number(name) else { continue }
            let sections = (older: try settings.section("rope_scaling"), newer: try settings.section("rope_parameters"))
            let inner = try (sections.older ?? sections.newer)?.number(name)
            let outer = try settings.number(own)
            let counts = inner ?? outer ?? standard
            guard said == counts else {
                throw settings.problem("contradicts what models of this kind read", name, expected: "\(own) \(counts)")
            }
        }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers",
            residual: try settings.flag("use_parallel_residual") ?? true ? .parallel : .sequential,
            norm: .layer(epsilon: Float(try settings.number("layer_norm_eps") ?? 1e-5)), positions: .rotary(rotary),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: NormTensors(module: "input_layernorm", hasBias: true),
                projections: .fused(LinearTensors(module: "attention.query_key_value", hasBias: isBiased), .byHead),
                output: LinearTensors(module: "attention.dense", hasBias: isBiased)),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"),
                activation: try Activation.Function(settings, "hidden_act", standard: "gelu"),
                norm: NormTensors(module: "post_attention_layernorm", hasBias: true),
                input: LinearTensors(module: "mlp.dense_h_to_4h", hasBias: true),
                output: LinearTensors(module: "mlp.dense_4h_to_h", hasBias: true)),
            embedding: TableTensor(name: "embed_in.weight"), finalNorm: NormTensors(module: "final_layer_norm", hasBias: true),
            output: OutputDescription(
                names: ["embed_out.weight", "lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? false ? .embedding : .none))
    }
}
