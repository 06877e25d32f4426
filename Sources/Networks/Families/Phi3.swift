import Checkpoints
import Text

/// Phi 3 and 4: Llama with one product for queries, keys and values, one tensor for the gate and the input of the MLP, and divisors of the
/// rotary frequencies that differ for long sequences.
///
/// Source: transformers' `models/phi3`.
enum Phi3 {
    static let family = RunnableFamily(.phi, modelTypes: ["phi3"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        try Llama.description(
            settings,
            Llama.Differences(
                projections: .fused(LinearTensors(module: "self_attn.qkv_proj", hasBias: false), .byKind), hasFusedGate: true,
                window: try settings.size("sliding_window").map { ($0, .all) }, standardEpsilon: 1e-5,
                rotary: RotaryNames(
                    turned: .part(["partial_rotary_factor"], standard: 1), synonyms: ["su": "longrope", "yarn": "longrope"],
                    standardOriginalLength: 4096)))
    }
}
