import Checkpoints
import Text

/// Granite: Llama with constants that multiply embeddings, scores, branches and logits.
///
/// Source: transformers' `models/granite`.
enum Granite {
    static let family = RunnableFamily(.granite, modelTypes: ["granite"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        func factor(_ name: String) throws(Problem) -> Float { Float(try settings.positiveNumber([name]) ?? 1) }
        let isBiased = try settings.flag("attention_bias") ?? false
        return try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, mlpBias: try settings.flag("mlp_bias") ?? false,
                scale: try factor("attention_multiplier"), logitScale: try 1 / factor("logits_scaling"),
                branchScale: try factor("residual_multiplier"), embeddingScale: .factor(try factor("embedding_multiplier"))))
    }
}
