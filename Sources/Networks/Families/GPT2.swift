import Checkpoints
import Text

/// GPT-2 and nanoGPT: learned positions, layer norm, one product for queries, keys and values.
///
/// Source: transformers' `models/gpt2`. nanoGPT has the same names, its matrices [out, in], and may have no biases.
enum GPT2 {
    static let family = RunnableFamily(
        .gpt2, modelTypes: ["gpt2"], mlpWidth: MLPWidthSetting("n_inner", standard: 4, of: ["n_embd", "hidden_size"]),
        blueprint: blueprint, description: description)

    private static func description(_ source: FamilySource) throws(Problem) -> TransformerDescription {
        let (settings, names, checkpoint) = (source.settings, source.names, source.checkpoint)
        let width = try settings.requiredSize("n_embd", "hidden_size")
        let heads = try settings.requiredSize("n_head", "num_attention_heads")
        let dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "n_embd"))
        let table = checkpoint[try names.fullName("wpe.weight")]
        let positions = try settings.size("n_positions", "max_position_embeddings") ?? table?.shape.first ?? 1

        let layout = try layout(names, source.catalog)
        let isBiased = layout == .inOut || names.parts(ofBlocks: "h").contains { $0.part.hasSuffix(".bias") && $0.part != "attn.bias" }
        let scale = try settings.flag("scale_attn_weights") ?? true ? Float(1 / Double(dimension).squareRoot()) : 1
        let isDivided = try settings.flag("scale_attn_by_inverse_layer_idx") ?? false
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: isBiased, layout: layout) }

        return TransformerDescription(
            width: width, blocks: try settings.requiredSize("n_layer", "num_hidden_layers"), blockName: "h",
            norm: .layer(epsilon: Float(try settings.number("layer_norm_epsilon") ?? 1e-5)),
            positions: .learned(table: "wpe.weight", count: positions),
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: isDivided ? .overBlockNumber(scale) : .constant(scale),
                norm: NormTensors(module: "ln_1", hasBias: isBiased), projections: .fused(linear("attn.c_attn"), .byKind),
                output: linear("attn.c_proj")),
            mlp: MLPDescription(
                width: try settings.size("n_inner") ?? 4 * width,
                activation: try Activation.Function(settings, "activation_function", standard: "gelu_new"),
                norm: NormTensors(module: "ln_2", hasBias: isBiased), input: linear("mlp.c_fc"), output: linear("mlp.c_proj")),
            embedding: TableTensor(name: "wte.weight"), finalNorm: NormTensors(module: "ln_f", hasBias: isBiased),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tie_word_embeddings") ?? true ? .embedding : .none))
    }

    /// How the file keeps the matrices, as the catalog of layers has found out.
    private static func layout(_ names: CheckpointNames, _ catalog: LayerCatalog) throws(Problem) -> Linear.Layout {
        if case .asStored? = catalog[try names.fullName("h.0.attn.c_attn.weight")]?.layout { return .outIn }
        return .inOut
    }
}
