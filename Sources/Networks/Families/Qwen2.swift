import Checkpoints
import Text

/// Qwen 2 and 2.5: Llama with biases on queries, keys and values, and a window in some blocks.
///
/// Source: transformers' `models/qwen2`.
enum Qwen2 {
    static let family = RunnableFamily(.qwen2, modelTypes: ["qwen2"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        try Llama.description(
            settings, Llama.Differences(inputBias: true, standardKeyHeads: 32, window: try window(settings)))
    }

    /// The window of the blocks that have one; nil if no block has.
    static func window(_ settings: Configuration) throws(Problem) -> (length: Int, blocks: BlockChoice)? {
        let stated = settings.states("sliding_window") ? try settings.size("sliding_window") : 4096
        let length = try settings.flag("use_sliding_window") ?? false ? stated : nil
        if let windowed = try LayerTypes.windowed(settings) {
            guard let length else { throw LayerTypes.withoutLength("a whole number, and use_sliding_window true") }
            return (length, windowed)
        }
        guard let length, try settings.texts("layer_types") == nil else { return nil }
        let first: Int
        if let stated = try settings.number("max_window_layers") {
            first = Int(min(stated, Double(Configuration.largestSize)))
        } else {
            first = 28
        }
        return (length, .from(first))
    }
}
