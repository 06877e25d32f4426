import Checkpoints
import Text

/// Mistral: Llama with attention to a window of positions in every block.
///
/// Source: transformers' `models/mistral`.
enum Mistral {
    static let family = RunnableFamily(.mistral, modelTypes: ["mistral"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let length = settings.states("sliding_window") ? try settings.size("sliding_window") : 4096
        return try Llama.description(
            settings, Llama.Differences(standardKeyHeads: 8, window: length.map { ($0, .all) }))
    }
}
