import Checkpoints
import Text

/// The mixtures of experts of Qwen 2 and 3: some blocks have experts in place of the MLP; Qwen 2 has one more that works on every position.
///
/// Source: transformers' `models/qwen2_moe` and `models/qwen3_moe`.
enum QwenMoE {
    static let family2 = RunnableFamily(
        .qwen2, modelTypes: ["qwen2_moe"],
        mlpWidth: MLPWidthSetting("moe_intermediate_size", plain: "intermediate_size", shared: "shared_expert_intermediate_size")
    ) {
        source throws(Problem) in
        let settings = source.settings
        var differences = Llama.Differences(
            inputBias: try settings.flag("qkv_bias") ?? true, standardKeyHeads: 16, window: try window2(settings))
        differences.rotary = RotaryNames(turned: .whole)
        var description = try Llama.description(settings, differences)
        var experts = try experts(settings, standard: (count: 60, chosen: 4, width: 1408))
        experts.shared = SharedExpertDescription(
            width: try settings.size("shared_expert_intermediate_size") ?? 5632, module: "mlp.shared_expert",
            gate: LinearTensors(module: "mlp.shared_expert_gate", hasBias: false))
        description.experts = experts
        return description
    }

    static let family3 = RunnableFamily(
        .qwen2, modelTypes: ["qwen3_moe"], mlpWidth: MLPWidthSetting("moe_intermediate_size", plain: "intermediate_size")
    ) {
        source throws(Problem) in
        let settings = source.settings
        let isBiased = try settings.flag("attention_bias") ?? false
        let isWindowed = try settings.flag("use_sliding_window") ?? false
        let length = settings.states("sliding_window") ? try settings.size("sliding_window") : 4096
        var description = try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 4,
                window: isWindowed ? length.map { ($0, .all) } : nil, headNorms: .head))
        description.experts = try experts(settings, standard: (count: 128, chosen: 8, width: 768))
        return description
    }

    private static func experts(
        _ settings: Configuration, standard: (count: Int, chosen: Int, width: Int)
    ) throws(Problem) -> ExpertsDescription {
        let step = try settings.size("decoder_sparse_step") ?? 1
        var plain: Set<Int> = []
        for number in try settings.numbers("mlp_only_layers") ?? [] {
            guard let block = Int(exactly: number) else {
                throw settings.problem("is not a list of blocks", "mlp_only_layers", expected: "whole numbers")
            }
            plain.insert(block)
        }
        return ExpertsDescription(
            count: try settings.size("num_experts", "num_local_experts") ?? standard.count,
            chosen: try settings.size("num_experts_per_tok") ?? standard.chosen,
            weights: try settings.flag("norm_topk_prob") ?? false ? .normalizedShares : .shares,
            storage: .separate(module: "mlp.experts", gate: "gate_proj", input: "up_proj", output: "down_proj"),
            width: try settings.size("moe_intermediate_size") ?? standard.width,
            router: LinearTensors(module: "mlp.gate", hasBias: false), blocks: .every(step), plain: plain)
    }

    /// The window of the first blocks, every other one.
    private static func window2(_ settings: Configuration) throws(Problem) -> (length: Int, blocks: BlockChoice)? {
        // The library writes 0 where no window is used.
        let isUsed = try settings.flag("use_sliding_window") ?? false
        let isStated = settings.states("sliding_window")
        let stated = !isUsed ? nil : isStated ? try settings.size("sliding_window") : 4096
        if let windowed = try LayerTypes.windowed(settings) {
            guard let stated else { throw LayerTypes.withoutLength("a whole number, and use_sliding_window true") }
            return (stated, windowed)
        }
        guard let stated, try settings.texts("layer_types") == nil else { return nil }
        let count = try settings.number("max_window_layers") ?? 28
        let first = Int(min(count, Double(Configuration.largestSize)))
        return (stated, .alternating(before: first))
    }
}
