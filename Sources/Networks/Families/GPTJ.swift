import Checkpoints
import Text

/// GPT-J: attention and MLP side by side behind one layer norm, rotary positions that turn neighbouring elements, logits with a bias.
///
/// Source: transformers' `models/gptj`.
enum GPTJ {
    static let family = RunnableFamily(
        .gptj, modelTypes: ["gptj"], mlpWidth: MLPWidthSetting("n_inner", standard: 4, of: ["n_embd", "hidden_size"])
    ) { source throws(Problem) in
        try description(source.settings)
    }

    private static func description(_ settings: Configuration) throws(Problem) -> TransformerDescription {
        let width = try settings.requiredSize("n_embd", "hidden_size")
        let heads = try settings.requiredSize("n_head", "num_attention_heads")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "n_embd"))
        let turned = settings.states("rotary_dim") ? try settings.size("rotary_dim") : 64
        guard let turned, turned <= dimension, turned % 2 == 0 else {
            throw settings.problem(
                "does not fit the heads", "rotary_dim", expected: "an even number up to the \(dimension) elements of a head",
                found: turned.map(String.init))
        }
        let rotary = try RotaryDescription(
            RotarySource(settings: settings, section: settings, isNested: false, standardOriginalLength: nil), .standard, base: 10_000,
            turned: turned, headDimension: dimension, pairing: .neighbours)
        func linear(_ module: String, _ hasBias: Bool) -> LinearTensors { LinearTensors(module: module, hasBias: hasBias) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("n_layer", "num_hidden_layers"), blockName: "h",
            residual: .parallelSharingNorm, norm: .layer(epsilon: Float(try settings.number("layer_norm_epsilon") ?? 1e-5)),
            positions: .rotary(rotary),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: NormTensors(module: "ln_1", hasBias: true),
                projections: .separate(
                    query: linear("attn.q_proj", false), key: linear("attn.k_proj", false), value: linear("attn.v_proj", false)),
                output: linear("attn.out_proj", false)),
            mlp: MLPDescription(
                width: try settings.size("n_inner") ?? 4 * width,
                activation: try Activation.Function(settings, "activation_function", standard: "gelu_new"),
                input: linear("mlp.fc_in", true), output: linear("mlp.fc_out", true)),
            embedding: TableTensor(name: "wte.weight"), finalNorm: NormTensors(module: "ln_f", hasBias: true),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? false ? .embedding : .none,
                bias: "lm_head.bias"))
    }
}
