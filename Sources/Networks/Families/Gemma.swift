import Checkpoints
import Text

/// Gemma, the first: Llama with scaled embeddings, norms around 1 and GELU by tanh.
///
/// Source: transformers' `models/gemma`.
enum Gemma {
    static let family = RunnableFamily(.gemma, modelTypes: ["gemma"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        if try settings.flag("use_bidirectional_attention") ?? false {
            throw settings.problem("attention to later tokens cannot be run", "use_bidirectional_attention", expected: "false")
        }
        let isBiased = try settings.flag("attention_bias") ?? false
        return try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, standardKeyHeads: 16, standardHeadDimension: 256, normOffset: 1,
                activation: try activation(settings), embeddingScale: .rootOfWidth, standardTie: .embedding))
    }

    /// The first releases say `gelu` and mean the approximation by tanh; `hidden_activation`, if there is one, is meant literally.
    private static func activation(_ settings: Configuration) throws(Problem) -> Activation.Function {
        if try settings.text("hidden_activation") == nil, try settings.text("hidden_act") == "gelu" { return .geluTanh }
        return try Activation.Function(settings, "hidden_activation", "hidden_act", standard: "gelu_pytorch_tanh")
    }
}
