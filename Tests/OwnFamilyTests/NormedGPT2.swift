import Checkpoints
import Text

@testable import Networks

/// A family that this program does not know, in one file: GPT-2's block with an RMS norm of each head's query and key before rotary
/// positions, and with a layer norm behind attention and behind the MLP, inside the branch.
enum NormedGPT2 {
    static let family = RunnableFamily(
        ModelFamily("normed-gpt2", summary: "a test's own", prefixes: ["transformer."], mlpInputs: ["c_fc"]),
        modelTypes: ["normed-gpt2"], mlpWidth: MLPWidthSetting("n_inner", standard: 4, of: ["n_embd"]), description: description)

    private static func description(_ source: FamilySource) throws(Problem) -> TransformerDescription {
        let settings = source.settings
        let width = try settings.requiredSize("n_embd")
        let heads = try settings.requiredSize("n_head")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "n_embd"))
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true, layout: .inOut) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("n_layer"), blockName: "h",
            norm: .layer(epsilon: Float(try settings.number("layer_norm_epsilon") ?? 1e-5)),
            positions: .rotary(try RotaryDescription(settings, headDimension: dimension, names: RotaryNames(turned: .whole))),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: NormTensors(module: "ln_1", hasBias: true), projections: .fused(linear("attn.c_attn"), .byKind),
                headNorms: HeadNormsDescription(
                    kind: .rootMeanSquare(offset: 0), epsilon: 1e-6, query: NormTensors(module: "attn.q_norm", hasBias: false),
                    key: NormTensors(module: "attn.k_norm", hasBias: false)),
                output: linear("attn.c_proj"), outputNorm: NormTensors(module: "ln_1_post", hasBias: true)),
            mlp: MLPDescription(
                width: try settings.requiredSize("n_inner"), activation: .geluTanh, norm: NormTensors(module: "ln_2", hasBias: true),
                input: linear("mlp.c_fc"), output: linear("mlp.c_proj"), outputNorm: NormTensors(module: "ln_2_post", hasBias: true)),
            embedding: TableTensor(name: "wte.weight"), finalNorm: NormTensors(module: "ln_f", hasBias: true),
            output: OutputDescription(names: ["lm_head.weight"], tie: .embedding))
    }
}
