import Checkpoints
import Text

/// gpt-oss: Llama with biases, sinks, a window in every other block, and experts whose gates and inputs are bounded.
///
/// Source: transformers' `models/gpt_oss`.
enum GptOss {
    static let family = RunnableFamily(.gptOss, modelTypes: ["gpt_oss"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let isBiased = try settings.flag("attention_bias") ?? true
        // What the library takes where the settings have no section for positions.
        let rotary = RotaryNames(
            standardBase: 150_000, turned: .whole,
            standardSection: [
                "rope_type": .text("yarn"), "factor": .number(32), "beta_fast": .number(32), "beta_slow": .number(1),
                "truncate": .flag(false), "original_max_position_embeddings": .number(4096),
            ])
        var description = try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 8, standardHeadDimension: 64,
                window: try LayerTypes.window(settings, standard: 128, blocks: .alternating(before: Configuration.largestSize)),
                sinks: "self_attn.sinks", standardEpsilon: 1e-5, rotary: rotary, activation: .silu))
        description.experts = ExpertsDescription(
            count: try settings.size("num_local_experts", "num_experts") ?? 128, chosen: try settings.size("num_experts_per_tok") ?? 4,
            weights: .normalizedShares, storage: .stacked(gateAndInput: "mlp.experts.gate_up_proj", output: "mlp.experts.down_proj"),
            width: description.mlp?.width ?? 1, router: LinearTensors(module: "mlp.router", hasBias: true),
            bounds: ExpertsDescription.Bounds(
                slope: try settings.number("swiglu_alpha") ?? 1.702,
                limit: try settings.positiveNumber(["swiglu_limit"]) ?? 7))
        return description
    }
}
