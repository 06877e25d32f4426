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

    /// `hidden_act`, where the first releases say `gelu` and mean the approximation by tanh. Versions of transformers 4 read
    /// `hidden_activation` in its place: one that says something else is no model that all of them agree about.
    private static func activation(_ settings: Configuration) throws(Problem) -> Activation.Function {
        let stated = try Activation.Function(settings, "hidden_act", standard: "gelu_pytorch_tanh")
        let function = stated == .gelu ? .geluTanh : stated
        if settings.hasValue("hidden_activation"),
            try Activation.Function(settings, "hidden_activation", standard: "gelu_pytorch_tanh") != function
        {
            throw settings.problem(
                "contradicts hidden_act", "hidden_activation", expected: try settings.text("hidden_act") ?? "gelu_pytorch_tanh")
        }
        return function
    }
}
