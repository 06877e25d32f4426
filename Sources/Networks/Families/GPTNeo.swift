import Checkpoints
import Text

/// GPT-Neo and the TinyStories models: GPT-2 with linear layers, scores that are not divided, and a window in some blocks.
///
/// Source: transformers' `models/gpt_neo`.
enum GPTNeo {
    static let family = RunnableFamily(
        .gptNeo, modelTypes: ["gpt_neo"], mlpWidth: MLPWidthSetting("intermediate_size", standard: 4, of: ["hidden_size"])
    ) { source throws(Problem) in
        try description(source.settings, source.checkpoint, source.names)
    }

    private static func description(
        _ settings: Configuration, _ checkpoint: Checkpoint, _ names: CheckpointNames
    ) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_heads", "num_attention_heads")
        let blocks = try settings.requiredSize("num_layers", "num_hidden_layers")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_heads", "hidden_size"))
        let isLocal = try kinds(settings, blocks: blocks)
        func linear(_ module: String, _ hasBias: Bool) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }

        return TransformerDescription(
            width: width, blocks: blocks, blockName: "h",
            norm: .layer(epsilon: Float(try settings.number("layer_norm_epsilon") ?? 1e-5)),
            positions: .learned(table: "wpe.weight", count: try settings.size("max_position_embeddings") ?? 2048),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(1),
                window: (try settings.size("window_size") ?? 256, .listed(isLocal)), norm: NormTensors(module: "ln_1", hasBias: true),
                projections: .separate(
                    query: linear("attn.attention.q_proj", false), key: linear("attn.attention.k_proj", false),
                    value: linear("attn.attention.v_proj", false)),
                output: linear("attn.attention.out_proj", true)),
            mlp: MLPDescription(
                width: try settings.size("intermediate_size") ?? 4 * width,
                activation: try Activation.Function(settings, "activation_function", standard: "gelu_new"),
                norm: NormTensors(module: "ln_2", hasBias: true), input: linear("mlp.c_fc", true), output: linear("mlp.c_proj", true)),
            embedding: TableTensor(name: "wte.weight"), finalNorm: NormTensors(module: "ln_f", hasBias: true),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? true ? .embedding : .none))
    }

    /// For each block, whether its attention is local: `attention_types` holds lists of kinds with how often each list is repeated.
    private static func kinds(_ settings: Configuration, blocks: Int) throws(Problem) -> [Bool] {
        func wrong(_ found: String) -> Problem {
            settings.problem(
                "does not give the attention of each block", "attention_types", expected: "global or local for \(blocks) blocks",
                found: found)
        }
        let stated = try settings.list("attention_types") ?? [.list([.list([.text("global"), .text("local")]), .number(12)])]
        var isLocal: [Bool] = []
        for entry in stated {
            guard case .list(let pair) = entry, pair.count == 2, case .list(let kinds) = pair[0], case .number(let number) = pair[1],
                let count = Int(exactly: number), count >= 0
            else { throw wrong("another form") }
            // Beyond the number of blocks there is nothing to list.
            for _ in 0..<min(count, blocks + 1) where isLocal.count <= blocks {
                for kind in kinds {
                    switch kind {
                    case .text("global"): isLocal.append(false)
                    case .text("local"): isLocal.append(true)
                    default: throw wrong(kind.words)
                    }
                }
            }
        }
        guard isLocal.count == blocks else { throw wrong("\(isLocal.count)\(isLocal.count > blocks ? " or more" : "")") }
        return isLocal
    }
}
