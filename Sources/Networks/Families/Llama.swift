import Checkpoints
import Text

/// Llama and the base of the families that share its names: rotary positions, RMS norm, gated MLP, grouped queries.
///
/// Source: transformers' `models/llama`.
enum Llama {
    static let family = RunnableFamily(.llama, modelTypes: ["llama"], mlpWidth: MLPWidthSetting("intermediate_size")) {
        source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let attentionBias = try settings.flag("attention_bias") ?? false
        return try description(
            settings, Differences(inputBias: attentionBias, outputBias: attentionBias, mlpBias: try settings.flag("mlp_bias") ?? false))
    }

    /// The differences of families that share Llama's names.
    struct Differences {
        /// Whether the products of queries, keys and values have a bias.
        var inputBias = false
        var outputBias = false
        var mlpBias = false
        /// The projections of queries, keys and values if they are not separate ones of Llama's names.
        var projections: AttentionDescription.Projections?
        /// Whether one tensor, `gate_up_proj`, holds the gate and the input of an MLP.
        var hasFusedGate = false
        /// The number of key heads if the settings do not give it; nil for the number of heads.
        var standardKeyHeads: Int?
        /// The width of a head if the settings do not give it; nil for the model's width divided by the number of heads.
        var standardHeadDimension: Int?
        var window: (length: Int, blocks: BlockChoice)?
        /// nil for 1 over the square root of a head's width.
        var scale: Float?
        /// The bounds of scores and logits.
        var scoreCap: Float?
        var logitCap: Float?
        var logitScale: Float = 1
        /// By what each part's output is multiplied before it is added to the stream.
        var branchScale: Float = 1
        /// The tensor of the sinks of each head.
        var sinks: String?
        /// The norms of queries and keys.
        var headNorms: HeadNormsDescription.Extent?
        var norms = NormPlaces.before
        /// The number that is added to the weights of norms.
        var normOffset: Float = 0
        var standardEpsilon = 1e-6
        var rotary = RotaryNames(turned: .whole)
        /// The positions of blocks that see a window, if they differ.
        var windowedRotary: RotaryNames?
        /// The blocks that have positions.
        var rotaryBlocks = BlockChoice.all
        /// nil if the settings name it as Llama's do.
        var activation: Activation.Function?
        /// Whether embeddings are multiplied by the square root of the width.
        var embeddingScale: EmbeddingScale = .none
        /// What holds if the settings do not give it.
        var standardTie = OutputDescription.Tie.none
    }

    enum EmbeddingScale {
        case none
        /// The square root of the width, rounded to single precision.
        case rootOfWidth
        case factor(Float)
    }

    /// Where the norms of a block are.
    enum NormPlaces {
        /// Before attention and MLP.
        case before
        /// After them, inside the branch.
        case after
        /// Before and after.
        case around
    }

    static func description(_ settings: Configuration, _ differences: Differences) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("hidden_size")
        let heads = try settings.requiredSize("num_attention_heads")
        let standardKeyHeads = settings.states("num_key_value_heads") ? heads : differences.standardKeyHeads ?? heads
        let keyHeads = try HeadSizes.keyHeads(try settings.size("num_key_value_heads") ?? standardKeyHeads, heads: heads)
        let dimension: Int
        if let stated = try settings.size("head_dim") ?? (settings.states("head_dim") ? nil : differences.standardHeadDimension) {
            dimension = stated
        } else {
            dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("num_attention_heads", "hidden_size"))
        }
        let activation: Activation.Function
        if let own = differences.activation {
            activation = own
        } else {
            activation = try Activation.Function(settings, "hidden_act", standard: "silu")
        }
        let isTied = try settings.flag("tie_word_embeddings")
        func linear(_ module: String, _ hasBias: Bool) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: false) }
        let norms: (attention: NormTensors?, afterAttention: NormTensors?, mlp: NormTensors?, afterMLP: NormTensors?) =
            switch differences.norms {
            case .before: (norm("input_layernorm"), nil, norm("post_attention_layernorm"), nil)
            case .after: (nil, norm("post_attention_layernorm"), nil, norm("post_feedforward_layernorm"))
            case .around:
                (
                    norm("input_layernorm"), norm("post_attention_layernorm"), norm("pre_feedforward_layernorm"),
                    norm("post_feedforward_layernorm")
                )
            }
        let epsilon = Float(try settings.number("rms_norm_eps") ?? differences.standardEpsilon)
        let embeddingScale: Float =
            switch differences.embeddingScale {
            case .none: 1
            case .rootOfWidth: Float(Double(width).squareRoot())
            case .factor(let factor): factor
            }
        func rotary(_ names: RotaryNames) throws(Problem) -> RotaryDescription {
            try RotaryDescription(settings, headDimension: dimension, names: names)
        }
        var positions = RotaryPositions(try rotary(differences.rotary), blocks: differences.rotaryBlocks)
        if let names = differences.windowedRotary { positions.windowed = try rotary(names) }
        let gate = differences.hasFusedGate ? "mlp.gate_up_proj" : "mlp.gate_proj"
        let headNorms = differences.headNorms.map { extent in
            HeadNormsDescription(
                kind: .rootMeanSquare(offset: differences.normOffset), epsilon: epsilon, extent: extent, query: norm("self_attn.q_norm"),
                key: norm("self_attn.k_norm"))
        }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("num_hidden_layers"), blockName: "layers",
            norm: .rootMeanSquare(epsilon: epsilon, offset: differences.normOffset), positions: .rotary(positions),
            embeddingScale: embeddingScale, branchScale: differences.branchScale,
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension,
                scale: .constant(differences.scale ?? Float(1 / Double(dimension).squareRoot())), window: differences.window,
                cap: differences.scoreCap, norm: norms.attention,
                projections: differences.projections
                    ?? .separate(
                        query: linear("self_attn.q_proj", differences.inputBias), key: linear("self_attn.k_proj", differences.inputBias),
                        value: linear("self_attn.v_proj", differences.inputBias)),
                sinks: differences.sinks, headNorms: headNorms, output: linear("self_attn.o_proj", differences.outputBias),
                outputNorm: norms.afterAttention),
            mlp: MLPDescription(
                width: try settings.requiredSize("intermediate_size"), activation: activation, norm: norms.mlp,
                gate: linear(gate, differences.mlpBias),
                input: linear(differences.hasFusedGate ? gate : "mlp.up_proj", differences.mlpBias),
                output: linear("mlp.down_proj", differences.mlpBias), outputNorm: norms.afterMLP),
            embedding: TableTensor(name: "embed_tokens.weight"), finalNorm: norm("norm"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: isTied.map { $0 ? .embedding : .none } ?? differences.standardTie,
                scale: differences.logitScale, cap: differences.logitCap))
    }
}
