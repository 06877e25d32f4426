import Checkpoints
import Text

/// Mixtral: Mistral with experts in place of the MLP.
///
/// Source: transformers' `models/mixtral`.
enum Mixtral {
    static let family = RunnableFamily(.mistral, modelTypes: ["mixtral"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        var description = try Llama.description(
            settings,
            Llama.Differences(
                standardKeyHeads: 8, window: try settings.size("sliding_window").map { ($0, .all) }, standardEpsilon: 1e-5,
                rotary: RotaryNames(standardBase: 1_000_000, turned: .whole)))
        description.experts = ExpertsDescription(
            count: try settings.size("num_local_experts", "num_experts") ?? 8, chosen: try settings.size("num_experts_per_tok") ?? 2,
            weights: .normalizedShares, storage: .separate(module: "block_sparse_moe.experts", gate: "w1", input: "w3", output: "w2"),
            width: description.mlp?.width ?? 1, router: LinearTensors(module: "block_sparse_moe.gate", hasBias: false))
        return description
    }
}
