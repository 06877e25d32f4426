import Checkpoints
import Text

/// Qwen 3: Llama with norms of each head's query and key, heads of a width of their own, and a window in some blocks.
///
/// Source: transformers' `models/qwen3`.
enum Qwen3 {
    static let family = RunnableFamily(.qwen2, modelTypes: ["qwen3"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let isBiased = try settings.flag("attention_bias") ?? false
        return try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 32, standardHeadDimension: 128,
                window: try Qwen2.window(settings), headNorms: .head))
    }
}
