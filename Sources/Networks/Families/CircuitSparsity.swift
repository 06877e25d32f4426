import Checkpoints
import Text

/// OpenAI's sparse circuit models: GPT-2 with linear layers, of whose activations only the largest are kept, with sinks in the softmax, positions
/// beside the stream, and a table of bigrams, as beeg_config.json says.
///
/// Source: the published code, github.com/openai/circuit_sparsity, `inference/gpt.py`; Gao et al. 2025, "Weight-sparse transformers have
/// interpretable circuits" (arXiv 2511.13653).
enum CircuitSparsity {
    static let family = RunnableFamily(
        .circuitSparsity, modelTypes: [ModelFamily.sparseCircuit],
        mlpWidth: MLPWidthSetting("d_mlp", standard: 4, of: ["d_model"])
    ) { source throws(Problem) in
        try description(source.settings, source.names)
    }

    /// What torch's RMSNorm adds to the mean of the squares if nobody says it: the distance from 1 to the next number of single precision.
    private static let rootMeanSquareEpsilon = Float.ulpOfOne

    private static func description(_ settings: Configuration, _ names: CheckpointNames) throws(Problem) -> TransformerDescription {
        try checkUnknown(settings)
        let width = try settings.requiredSize("d_model")
        let heads = try settings.requiredSize("n_head")
        let dimension: Int
        if let stated = try settings.size("d_head") {
            dimension = stated
        } else {
            dimension = try HeadSizes.dimension(settings, width: width, heads: heads, names: ("n_head", "d_model"))
        }
        let (all, overflow) = heads.multipliedReportingOverflow(by: dimension)
        guard !overflow, all <= Configuration.largestSize else {
            throw settings.problem("the heads are too large", "d_head", expected: "at most \(Configuration.largestSize / heads)")
        }
        let neurons = try settings.size("n_mlp", "d_mlp") ?? 4 * width
        let isBiased = try settings.flag("bias") ?? true
        let isRootMeanSquare = try settings.flag("rms_norm") ?? false
        let normHasBias = try settings.flag("ln_bias") ?? true
        func norm(_ module: String) -> NormTensors { NormTensors(module: module, hasBias: !isRootMeanSquare && normHasBias) }
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: isBiased) }

        let length = try settings.size("block_size") ?? 1024
        var fixed: Set<String> = ["final_logits_bias"]
        let positions: TransformerDescription.Positions
        let isSinusoidal = try settings.flag("sinusoidal_cat_pos_emb") ?? false
        if let beside = try settings.size("d_pos_emb") {
            if isSinusoidal { fixed.insert("wpe.weight") }
            positions = .beside(
                PositionsBesideDescription(
                    table: "wpe.weight", count: length, width: beside, attentionNorm: norm("ln_p1"), mlpNorm: norm("ln_p2")))
        } else {
            positions = .learned(table: "wpe.weight", count: length)
        }
        let hasBigrams = try settings.flag("enable_bigram_table") ?? false
        if !(try settings.flag("learnable_bigram_table") ?? false) { fixed.insert("bigram_table") }
        // Both have the default 50304 where nothing is said, which the table of embeddings must agree with.
        _ = try settings.size("vocab_size")

        return TransformerDescription(
            width: width, blocks: try settings.size("n_layer") ?? 12, blockName: "h",
            norm: isRootMeanSquare ? .rootMeanSquare(epsilon: rootMeanSquareEpsilon, offset: 0) : .layer(epsilon: 1e-5),
            positions: positions,
            attention: AttentionDescription(
                heads: heads, keyHeads: heads, headDimension: dimension, scale: .constant(Float(1 / Double(dimension).squareRoot())),
                norm: norm("ln_1"), projections: .fused(linear("attn.c_attn"), .byKind),
                sinks: try settings.flag("sink") ?? false ? "attn.attn_imp.sink_logit" : nil, output: linear("attn.c_proj")),
            mlp: MLPDescription(
                width: neurons, activation: try Activation.Function(settings, "activation_type", standard: "gelu"), norm: norm("ln_2"),
                input: linear("mlp.c_fc"), output: linear("mlp.c_proj")),
            kept: try kept(settings), embedding: TableTensor(name: "wte.weight"), finalNorm: norm("ln_f"),
            output: OutputDescription(
                names: ["lm_head.weight"], tie: try settings.flag("tied_unembed") ?? true ? .embedding : .none,
                bias: names.has("final_logits_bias") ? "final_logits_bias" : nil, tokenScores: hasBigrams ? "bigram_table" : nil,
                fixed: fixed))
    }

    /// Where and how much of the activations is kept.
    private static func kept(_ settings: Configuration) throws(Problem) -> KeptEntries? {
        let stated = try settings.text("afrac_loctypes") ?? "attn_in,attn_out,mlp_in,mlp_out"
        guard let share = try settings.number("afrac") else { return nil }
        guard share <= 1 else { throw settings.problem("is more than all entries", "afrac", expected: "a number from 0 to 1") }
        var places: Set<KeptEntries.Place> = []
        for word in stated.split(separator: ",") {
            // The residual stream would no longer be a sum; no published model has this.
            guard let place = KeptEntries.Place(rawValue: String(word)) else {
                throw settings.problem(
                    "activations cannot be kept at this place", "afrac_loctypes",
                    expected: KeptEntries.Place.allCases.map(\.rawValue).listed(), found: String(word).quotedInMessage)
            }
            places.insert(place)
        }
        return KeptEntries(share: share, places: places)
    }

    /// Settings that change the function and that no published model has.
    private static func checkUnknown(_ settings: Configuration) throws(Problem) {
        if let kind = try settings.text("residual_activation_type"), kind != "identity" {
            throw settings.problem("activations of the residual stream cannot be run", "residual_activation_type", expected: "identity")
        }
        if try settings.flag("use_tied_aux_matrix") ?? false {
            throw settings.problem("a model with this setting cannot be run", "use_tied_aux_matrix", expected: "false")
        }
        for name in ["bigram_table_rank", "unembed_rank"] where settings.hasValue(name) {
            throw settings.problem("matrices of a lower rank cannot be run", name, expected: "null")
        }
    }
}
