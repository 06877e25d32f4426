import Checkpoints
import Text

/// Gemma 2: Gemma with norms before and after attention and MLP, bounded scores and logits, and a window in every other block.
///
/// Source: transformers' `models/gemma2`.
enum Gemma2 {
    static let family = RunnableFamily(.gemma, modelTypes: ["gemma2"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        func cap(_ name: String, standard: Double) throws(Problem) -> Float? {
            settings.states(name) ? try settings.positiveNumber([name]).map { Float($0) } : Float(standard)
        }
        var differences = try common(settings)
        differences.window = try LayerTypes.window(settings, standard: 4096, blocks: .allButEvery(2))
        differences.scoreCap = try cap("attn_logit_softcapping", standard: 50)
        differences.logitCap = try cap("final_logit_softcapping", standard: 30)
        return try Llama.description(settings, differences)
    }

    /// What Gemma 2 and 3 share.
    static func common(_ settings: Configuration) throws(Problem) -> Llama.Differences {
        if try settings.flag("use_bidirectional_attention") ?? false {
            throw settings.problem("attention to later tokens cannot be run", "use_bidirectional_attention", expected: "false")
        }
        let isBiased = try settings.flag("attention_bias") ?? false
        let scalar = try settings.positiveNumber(["query_pre_attn_scalar"]) ?? 256
        return Llama.Differences(
            inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 4, standardHeadDimension: 256,
            scale: Float(1 / scalar.squareRoot()), norms: .around, normOffset: 1,
            activation: try Activation.Function(settings, "hidden_activation", standard: "gelu_pytorch_tanh"),
            embeddingScale: .rootOfWidth, standardTie: .embedding)
    }
}
