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

    private static func window(
        _ settings: Configuration
    ) throws(Problem) -> (length: Int, blocks: AttentionDescription.WindowedBlocks)? {
        let stated = settings.states("sliding_window") ? try settings.size("sliding_window") : 4096
        let length = try settings.flag("use_sliding_window") ?? false ? stated : nil
        if let kinds = try settings.texts("layer_types") {
            let blocks = try settings.requiredSize("num_hidden_layers")
            guard kinds.count == blocks else {
                throw Problem(
                    "wrong number of entries", subject: "config.json: 'layer_types'", expected: "\(blocks)", found: "\(kinds.count)")
            }
            if let other = kinds.first(where: { $0 != "full_attention" && $0 != "sliding_attention" }) {
                throw Problem(
                    "attention of this kind cannot be run", subject: "config.json: 'layer_types'",
                    expected: "full_attention or sliding_attention", found: "'\(other)'")
            }
            let isWindowed = kinds.map { $0 == "sliding_attention" }
            guard isWindowed.contains(true) else { return nil }
            guard let length else {
                throw Problem(
                    "blocks see a window whose length is not given", subject: "config.json: 'sliding_window'",
                    expected: "a whole number, and use_sliding_window true")
            }
            return (length, .listed(isWindowed))
        }
        guard let length else { return nil }
        let first: Int
        if let stated = try settings.number("max_window_layers") {
            first = Int(min(stated, Double(Configuration.largestSize)))
        } else {
            first = 28
        }
        return (length, .from(first))
    }
}
