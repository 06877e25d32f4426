import Checkpoints
import Text

/// OLMo 2 and 3: Llama with norms after attention and MLP in place of those before them, and of all heads' queries and keys together.
/// OLMo 3 has a window in three of four blocks, whose positions are not stretched.
///
/// Source: transformers' `models/olmo2` and `models/olmo3`.
enum Olmo2 {
    static let family = RunnableFamily(.olmo2, modelTypes: ["olmo2"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try Llama.description(source.settings, try common(source.settings))
    }

    static let family3 = RunnableFamily(.olmo2, modelTypes: ["olmo3"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        var differences = try common(source.settings)
        differences.window = try LayerTypes.window(source.settings, standard: 4096, blocks: .allButEvery(4))
        differences.rotary = RotaryNames(standardBase: 500_000, turned: .whole, layerType: .full)
        differences.windowedRotary = RotaryNames(standardBase: 500_000, turned: .whole, layerType: .sliding)
        return try Llama.description(source.settings, differences)
    }

    private static func common(_ settings: Configuration) throws(Problem) -> Llama.Differences {
        let isBiased = try settings.flag("attention_bias") ?? false
        return Llama.Differences(
            inputBias: isBiased, outputBias: isBiased, headNorms: .all, norms: .after, standardEpsilon: 1e-5)
    }
}
