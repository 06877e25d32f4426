import Checkpoints
import Text

/// The text part of Gemma 3: Gemma 2 without bounds of scores, with norms of each head's query and key; five blocks that see a window and
/// have positions of their own are followed by one that sees everything.
///
/// Source: transformers' `models/gemma3`.
enum Gemma3 {
    static let family = RunnableFamily(
        .gemma, modelTypes: ["gemma3_text", "gemma3"], mlpWidth: MLPWidthSetting("intermediate_size")
    ) { source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        var differences = try Gemma2.common(settings)
        let step = try settings.size("sliding_window_pattern", "_sliding_window_pattern") ?? 6
        differences.window = try LayerTypes.window(settings, standard: 4096, blocks: .allButEvery(step))
        let cap = "final_logit_softcapping"
        // In transformers, the models of images and text do not bound their logits.
        if settings.fullName(cap) != cap, settings.hasValue(cap) {
            throw settings.problem("models of images and text do not follow it", cap, expected: "null")
        }
        differences.logitCap = try settings.positiveNumber([cap]).map { Float($0) }
        differences.headNorms = .head
        differences.rotary = RotaryNames(standardBase: 1_000_000, turned: .whole, layerType: .full)
        differences.windowedRotary = RotaryNames(base: ["rope_local_base_freq"], turned: .whole, layerType: .sliding)
        return try Llama.description(settings, differences)
    }
}
