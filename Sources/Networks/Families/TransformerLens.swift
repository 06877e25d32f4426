import Checkpoints
import Text

/// TransformerLens's transformers by the state dict of a `HookedTransformer`: sizes come from the tensors; the activation, the kind of norms
/// without weights and what else no tensor shows come from its configuration, by the names of `HookedTransformerConfig`.
///
/// W_E [tokens, width], W_pos [positions, width], W_Q, W_K and W_V [heads, width, head dimension], W_O [heads, head dimension, width], W_in
/// [width, neurons], W_out [neurons, width], W_U [width, answers].
enum TransformerLens {
    static let family = RunnableFamily(.transformerLens, modelTypes: []) { source throws(Problem) in
        let settings = try source.checkpoint.configuration.map { configuration throws(Problem) in try Configuration(configuration) }
        let description = try TransformerLensDescription(
            settings: settings ?? Configuration([:]), names: source.names, checkpoint: source.checkpoint)
        return try description.whole()
    }
}

/// Reads tensors and settings of one model.
private struct TransformerLensDescription {
    let settings: Configuration
    let names: CheckpointNames
    let checkpoint: Checkpoint

    func whole() throws(Problem) -> TransformerDescription {
        try checkPlain()
        let width = try shape("embed.W_E", ["tokens", "width"])[1]
        let blocks = names.blocks("blocks")
        let query = try shape("blocks.0.attn.W_Q", ["heads", "width", "head dimension"])
        let (heads, dimension) = (query[0], query[2])
        let (all, overflow) = heads.multipliedReportingOverflow(by: dimension)
        guard !overflow, all <= Configuration.largestSize else {
            throw Problem(
                "the heads are too large", subject: "tensor 'blocks.0.attn.W_Q'", expected: "at most \(Configuration.largestSize)",
                found: words(query))
        }
        let isGrouped = names.has("blocks.0.attn._W_K")
        let key = try shape(isGrouped ? "blocks.0.attn._W_K" : "blocks.0.attn.W_K", ["heads", "width", "head dimension"])
        let keyHeads = try HeadSizes.keyHeads(key[0], heads: heads)
        for (name, found) in [
            ("d_model", width), ("n_heads", heads), ("d_head", dimension), ("n_layers", blocks), ("n_key_value_heads", keyHeads),
        ] { try check(name, found) }

        func projection(_ letter: String, _ heads: Int) -> LinearTensors {
            let front = isGrouped && letter != "Q" ? "attn._" : "attn."
            return LinearTensors(
                weight: front + "W_" + letter, bias: front + "b_" + letter, stored: [heads, width, dimension], order: [0, 2, 1],
                storedBias: [heads, dimension])
        }
        let norm = try norm()
        func tensors(_ module: String) -> NormTensors? {
            switch norm {
            case .none: nil
            case .layer: NormTensors(weight: module + ".w", bias: module + ".b")
            case .rootMeanSquare, .plainLayer, .plainRootMeanSquare: NormTensors(weight: module + ".w")
            }
        }
        let isOrdered = try settings.flag("parallel_attn_mlp") ?? false ? TransformerDescription.ResidualOrder.parallel : .sequential
        let isScaled = try settings.flag("use_attn_scale") ?? true
        // The library writes -1 where scores are not divided.
        let stated = isScaled ? try settings.positiveNumber(["attn_scale"]) : nil
        let scale = isScaled ? Float(1 / (stated ?? Double(dimension).squareRoot())) : 1
        let isDivided = try settings.flag("scale_attn_by_inverse_layer_idx") ?? false
        try checkParts(blocks: blocks)
        return TransformerDescription(
            width: width, blocks: blocks, blockName: "blocks", residual: isOrdered, norm: norm,
            positions: try positions(dimension: dimension),
            attention: AttentionDescription(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: isDivided ? .overBlockNumber(scale) : .constant(scale),
                cap: try cap("attn_scores_soft_cap"), norm: tensors("ln1"),
                projections: .separate(
                    query: projection("Q", heads), key: projection("K", keyHeads), value: projection("V", keyHeads)),
                output: LinearTensors(weight: "attn.W_O", bias: "attn.b_O", layout: .inOut, stored: [heads, dimension, width])),
            mlp: try mlp(norm: tensors("ln2")), embedding: TableTensor(name: "embed.W_E"), finalNorm: tensors("ln_final"),
            output: OutputDescription(
                names: ["unembed.W_U"], layout: .inOut, tie: .none, bias: names.has("unembed.b_U") ? "unembed.b_U" : nil,
                cap: try cap("output_logits_soft_cap")))
    }

    private func mlp(norm: NormTensors?) throws(Problem) -> MLPDescription? {
        guard names.has("blocks.0.mlp.W_in") else { return nil }
        let neurons = try shape("blocks.0.mlp.W_in", ["width", "neurons"])[1]
        try check("d_mlp", neurons)
        guard settings.hasValue("act_fn") else {
            throw missing("act_fn", expected: "the activation, such as relu or gelu_new, which no tensor shows")
        }
        let activation = try Activation.Function(settings, "act_fn", standard: "")
        let isGated = names.has("blocks.0.mlp.W_gate")
        if isGated { try checkGatedBiases() }
        return MLPDescription(
            width: neurons, activation: activation, norm: norm,
            gate: isGated ? LinearTensors(weight: "mlp.W_gate", layout: .inOut) : nil,
            input: LinearTensors(weight: "mlp.W_in", bias: isGated ? nil : "mlp.b_in", layout: .inOut),
            output: LinearTensors(weight: "mlp.W_out", bias: "mlp.b_out", layout: .inOut))
    }

    /// Gated MLPs add `b_in` to the neurons after the product, which is not done here: it must be 0, as it is in models that were loaded.
    private func checkGatedBiases() throws(Problem) {
        for block in 0..<names.blocks("blocks") {
            let name = try names.fullName("blocks.\(block).mlp.b_in")
            guard let record = checkpoint[name], record.elementCount <= Configuration.largestSize else { continue }
            guard record.doubles().allSatisfy({ $0 == 0 }) else {
                throw Problem("biases of gated neurons cannot be run", subject: "tensor '\(name)'", expected: "only 0")
            }
        }
    }

    /// The kind of norms: by their tensors, or by the configuration if they have none.
    private func norm() throws(Problem) -> TransformerDescription.Norm {
        let stated = try settings.text("normalization_type")
        func epsilon() throws(Problem) -> Float {
            guard let epsilon = try settings.number("eps") else {
                throw missing("eps", expected: "what norms add to the variance, such as 1e-5, which no tensor shows")
            }
            return Float(epsilon)
        }
        let hasWeights = names.has("blocks.0.ln1.w")
        let kinds = !hasWeights ? ["LNPre", "RMSPre"] : names.has("blocks.0.ln1.b") ? ["LN"] : ["RMS"]
        if let stated, !kinds.contains(stated) {
            throw settings.problem("contradicts the tensors", "normalization_type", expected: kinds.listed())
        }
        if hasWeights {
            return kinds == ["LN"] ? .layer(epsilon: try epsilon()) : .rootMeanSquare(epsilon: try epsilon(), offset: 0)
        }
        guard settings.states("normalization_type") else {
            throw missing("normalization_type", expected: "LNPre, RMSPre or null, which no tensor shows as norms have no weights")
        }
        switch stated {
        case "LNPre": return .plainLayer(epsilon: try epsilon())
        case "RMSPre": return .plainRootMeanSquare(epsilon: try epsilon())
        default: return .none
        }
    }

    private func positions(dimension: Int) throws(Problem) -> TransformerDescription.Positions {
        let hasTable = names.has("pos_embed.W_pos")
        let kind = try settings.text("positional_embedding_type")
        switch kind ?? (hasTable ? "standard" : "") {
        case "standard":
            let count = try shape("pos_embed.W_pos", ["positions", "width"])[0]
            try check("n_ctx", count)
            return .learned(table: "pos_embed.W_pos", count: count)
        case "rotary":
            let turned = try settings.size("rotary_dim") ?? dimension
            guard turned <= dimension, turned % 2 == 0 else {
                throw settings.problem("does not fit a head", "rotary_dim", expected: "an even number up to \(dimension)")
            }
            let base = try settings.positiveNumber(["rotary_base"]) ?? 10_000
            var rotary = RotaryDescription(
                rotated: turned, frequencies: RotaryStretch.frequencies(base: Float(base), turned: turned))
            rotary.pairing = try settings.flag("rotary_adjacent_pairs") ?? false ? .neighbours : .halves
            return .rotary(rotary)
        case "":
            throw missing("positional_embedding_type", expected: "standard or rotary")
        default:
            throw settings.problem("positions of this kind cannot be run", "positional_embedding_type", expected: "standard or rotary")
        }
    }

    /// The bound of scores or logits; none where it is not above 0.
    private func cap(_ name: String) throws(Problem) -> Float? {
        guard let value = settings.unread(name), case .number(let cap) = value else { return nil }
        return cap > 0 ? Float(cap) : nil
    }

    /// Settings that are not followed, with the values that change nothing.
    private func checkPlain() throws(Problem) {
        for name in [
            "use_local_attn", "use_qk_norm", "post_embedding_ln", "use_normalization_before_and_after", "use_NTK_by_parts_rope",
            "use_yarn_rope", "final_rms",
        ] {
            // RMS norms at the end are what a model of RMS norms has anyway.
            if name == "final_rms", try settings.text("normalization_type")?.hasPrefix("RMS") == true { continue }
            guard try settings.flag(name) ?? false else { continue }
            throw settings.problem("a model with this setting cannot be run", name, expected: "false")
        }
        if settings.hasValue("num_experts") {
            throw settings.problem("a model with this setting cannot be run", "num_experts", expected: "null")
        }
        if let direction = try settings.text("attention_dir"), direction != "causal" {
            throw settings.problem("a model with this setting cannot be run", "attention_dir", expected: "causal")
        }
    }

    private func check(_ name: String, _ found: Int) throws(Problem) {
        guard let stated = try settings.size(name), stated != found else { return }
        throw settings.problem("contradicts the tensors", name, expected: "\(found)")
    }

    private func missing(_ name: String, expected: String) -> Problem {
        Problem("is missing", subject: "config.json: '\(name)'", expected: expected, hint: .giveConfiguration)
    }

    /// The shape of a tensor that must have as many dimensions as have names, none of them empty.
    private func shape(_ name: String, _ dimensions: [String]) throws(Problem) -> [Int] {
        try Grokking.shape(name, dimensions, names, checkpoint)
    }

    /// A tensor beyond the known parts would silently be ignored.
    private func checkParts(blocks: Int) throws(Problem) {
        let known: Set<Substring> = [
            "attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "attn.b_Q", "attn.b_K", "attn.b_V", "attn.b_O", "attn._W_K", "attn._W_V",
            "attn._b_K", "attn._b_V", "attn.mask", "attn.IGNORE", "attn.rotary_sin", "attn.rotary_cos", "mlp.W_in", "mlp.b_in",
            "mlp.W_out", "mlp.b_out", "mlp.W_gate", "ln1.w", "ln1.b", "ln2.w", "ln2.b",
        ]
        let unknown = names.parts(ofBlocks: "blocks").filter { $0.block < blocks && !known.contains($0.part) }
        guard let first = unknown.map({ "blocks.\($0.block).\($0.part)" }).min() else { return }
        throw Problem(
            "is not a part of these models", subject: "tensor '\(try names.fullName(first))'",
            expected: "\(known.sorted().joined(separator: ", "))")
    }
}
