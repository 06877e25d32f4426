import Checkpoints
import Text

/// SmolLM 3: Llama without positions in every fourth block, which may see a window.
///
/// Source: transformers' `models/smollm3`.
enum SmolLM3 {
    static let family = RunnableFamily(.smollm3, modelTypes: ["smollm3"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let isBiased = try settings.flag("attention_bias") ?? false
        let (turned, others) = try turnedBlocks(settings)
        let length = try settings.flag("use_sliding_window") ?? false ? try settings.size("sliding_window") : nil
        var window = length.map { (length: $0, blocks: others) }
        if try settings.texts("layer_types") != nil {
            let windowed = try LayerTypes.windowed(settings)
            if windowed != nil, length == nil { throw LayerTypes.withoutLength("a whole number, and use_sliding_window true") }
            window = windowed.flatMap { windowed in length.map { ($0, windowed) } }
        }
        return try Llama.description(
            settings,
            Llama.Differences(
                inputBias: isBiased, outputBias: isBiased, mlpBias: try settings.flag("mlp_bias") ?? false, standardKeyHeads: 4,
                window: window, rotary: RotaryNames(standardBase: 2_000_000, turned: .whole), rotaryBlocks: turned,
                standardTie: .embedding))
    }

    /// The blocks with positions, and those without.
    private static func turnedBlocks(_ settings: Configuration) throws(Problem) -> (turned: BlockChoice, others: BlockChoice) {
        let step = try settings.size("no_rope_layer_interval") ?? 4
        guard let marks = try settings.numbers("no_rope_layers") else { return (.allButEvery(step), .every(step)) }
        let blocks = try settings.requiredSize("num_hidden_layers")
        guard marks.count == blocks else {
            throw settings.problem("wrong number of entries", "no_rope_layers", expected: "\(blocks)", found: "\(marks.count)")
        }
        return (.listed(marks.map { $0 != 0 }), .listed(marks.map { $0 == 0 }))
    }
}
