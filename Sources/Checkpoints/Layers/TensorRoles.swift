/// Decides by names and shapes which tensors are not weight matrices, or not default layers; where a graph is known, by what reads them.
struct TensorRoles {
    private let index: TensorIndex
    private let readings: GraphReadings?

    init(_ index: TensorIndex, _ readings: GraphReadings?) {
        self.index = index
        self.readings = readings
    }

    /// Why a tensor is left out; nil for a weight matrix.
    func leftOut(_ name: TensorName, shape: [Int], dtype: DType) -> LeftOut? {
        let named = namedRole(name, shape: shape, dtype: dtype)
        if named == nil, let role = readings?[name.full]?.recurrentRole { return role }
        // Several matrices, not the filters of a convolution.
        if named == nil, shape.count > 2, let reading = readings?[name.full], reading.isStack { return .misfit }
        if named == nil, let reading = readings?[name.full], reading.isAddend(shape) { return .positions }
        guard shape.count == 2, let reading = readings?[name.full] else { return named }
        switch named {
        case .relativePositions where reading.entries != nil: return named
        case nil, .embedding, .positions, .relativePositions:
            // A matrix of which entries are taken is a table even if it multiplies too, as a tied output matrix does.
            if reading.entries != nil { return reading.isChosenBySamples && named != .positions ? .embedding : .positions }
            if named == nil, reading.isOfChannels(shape) { return .vector }
            return reading.isAddedTable(shape) ? .positions : reading.inputs != nil ? nil : named
        default: return named
        }
    }

    /// Why a tensor is left out, judging by its name and shape; nil for a weight matrix.
    private func namedRole(_ name: TensorName, shape: [Int], dtype: DType) -> LeftOut? {
        if shape.contains(0) { return .empty }
        let last = name.last
        if let buffer = Self.buffer(name) { return shape.count < 2 ? .vector : buffer }
        if shape.count < 2 || shape.count > 2 && shape.count(where: { $0 != 1 }) < 2 && name.last != "weight" {
            return Self.isToken(name) && shape.count > 1 ? .token : .vector
        }
        if !dtype.isFloatingPoint { return .integers }
        if Self.isBias(last) || TranscoderParts.isVector(name, index) { return .bias }
        if isNorm(name, shape) { return .norm }
        if Self.isToken(name), shape.count > 2 || shape.count == 2 && name.last != "weight" { return .token }
        if last == "weight_g" || last == "original0" && name.parts.contains("parametrizations") { return .factor }
        if last == "weight_v" || last == "original1" && name.parts.contains("parametrizations") { return .factor }
        if Self.scales.contains(last) || Self.scales.contains(name.moduleName) || last.hasPrefix("time_mix") || last.hasPrefix("time_maa") {
            return .scale
        }
        if Self.isBasis(name) { return .basis }
        if isRouter(name, shape) { return .router }
        return table(name, shape)
    }

    /// Last parts of names that have the same meaning in every model: tables that are not learned, and biases.
    private static let buffers: [Substring: LeftOut] = [
        "bias": .bias, "b_Q": .bias, "b_K": .bias, "b_V": .bias, "b_enc": .bias, "b_dec": .bias, "masked_bias": .mask, "mask": .mask,
        "attn_mask": .mask,
        "causal_mask": .mask, "attention_mask": .mask, "weight_mask": .mask, "tril": .mask, "IGNORE": .mask, "inv_freq": .table,
        "freqs_cis": .table, "cos_cached": .table, "sin_cached": .table, "cos": .table, "sin": .table, "rotary_sin": .table,
        "rotary_cos": .table, "position_ids": .table, "relative_position_index": .table, "relative_coords_table": .table,
        "rope_freqs": .table, "bigram_table": .embedding, "running_mean": .statistics, "running_var": .statistics,
    ]

    /// The meaning of a name that has the same meaning in every model.
    static func buffer(_ name: TensorName) -> LeftOut? { buffers[name.last] ?? (name.moduleName.hasPrefix("rope_") ? .table : nil) }

    private static func isBias(_ last: Substring) -> Bool {
        last.hasSuffix("_bias") || last.hasSuffix("_biases") || last == "biases" || last.hasPrefix("bias_")
    }

    private static let scales: Set<Substring> = [
        "gamma", "beta", "layer_scale", "layer_scale_1", "layer_scale_2", "logit_scale", "temperature", "A_log", "scale_shift_table",
        "mup_vector", "lambda1", "lambda_1", "lambda_2", "ls1", "ls2", "log_scale", "translate", "weight_scale", "input_scale",
        "threshold", "log_threshold",
    ]

    /// A module named as a norm, or one whose weight and bias have the same dimensions: its numbers belong to single channels. A
    /// one-dimensional bias next to a matrix is a linear layer's, whatever its name.
    private func isNorm(_ name: TensorName, _ shape: [Int]) -> Bool {
        guard name.last == "weight" || name.last == "bias" else { return Self.isNormName(name.last) != nil && name.parts.count > 1 }
        if let bias = index.shape(of: name.full.dropLast(name.last.count) + "bias") { return bias == shape }
        guard let isSpelledOut = Self.isNormName(name.moduleName) else { return false }
        return isSpelledOut || shape.contains(1)
    }

    /// Whether the name of a norm is spelled out, unlike `ln1`; nil for a module that is not named as a norm.
    private static func isNormName(_ module: Substring) -> Bool? {
        guard module.utf8.count <= 64 else { return nil }
        let lower = module.lowercased()
        func isNumber(_ rest: Substring) -> Bool { rest.allSatisfy { $0.isNumber || $0 == "_" } }
        if lower.hasSuffix("norm") || lower == "grn" { return true }
        for prefix in ["norm", "layernorm", "layer_norm", "batchnorm", "batch_norm", "groupnorm", "rmsnorm"] where lower.hasPrefix(prefix) {
            if isNumber(lower.dropFirst(prefix.count)) { return true }
        }
        for prefix in ["ln", "bn", "gn"] where lower.hasPrefix(prefix) {
            let rest = lower.dropFirst(2)
            if isNumber(rest) || ["_f", "_final", "_pre", "_post"].contains(rest) { return false }
        }
        return lower.hasSuffix("_ln") || lower.hasSuffix("_bn") ? false : nil
    }

    private static func isToken(_ name: TensorName) -> Bool {
        let module = name.moduleName
        return module.hasSuffix("_token") || module.hasSuffix("_tokens") || module == "probe" || module == "mask_emb"
    }

    private static let bases: Set<Substring> = [
        "mel_filters", "mel_basis", "mel_fb", "fb", "window", "dft", "forward_basis", "inverse_basis", "filterbank", "fbank",
    ]

    private static func isBasis(_ name: TensorName) -> Bool {
        bases.contains(name.last) || bases.contains(name.moduleName)
            || name.parts.contains { part in
                part.hasSuffix("stft") || part.hasPrefix("spectrogram") || part.hasPrefix("melspec") || part.hasPrefix("mel_spec")
            }
    }

    private static let routers: Set<Substring> = [
        "router", "ffn_gate_inp", "ffn_gate_inp_shexp", "shared_expert_gate", "expert_gate", "W_gate_router", "gating",
    ]

    private func isRouter(_ name: TensorName, _ shape: [Int]) -> Bool {
        guard shape.count == 2 else { return false }
        if Self.routers.contains(name.moduleName) { return true }
        let module = name.module
        if module.dropLast().last == "router" || name.moduleName == "wg" { return true }
        guard ["gate", "switch"].contains(name.moduleName) || name.moduleName == "W_gate" else { return false }
        return index.isMixture(name.full[..<name.moduleName.startIndex].dropLast())
    }

    /// The tables whose rows are looked up.
    private func table(_ name: TensorName, _ shape: [Int]) -> LeftOut? {
        let module = name.moduleName
        let named = Self.tableName(module)
        if Self.relativeTables.contains(named) || name.last.hasPrefix("emb_rel_") || named.hasPrefix("rel_pos_") {
            return .relativePositions
        }
        if named == "W_pos" || named == "W_E_pos" || name.last == "pos_encoding" { return .positions }
        if named == "W_E" { return .embedding }
        // A convolution of patches may be called an embedding; a table of more dimensions is a learned parameter.
        if shape.count > 2 { return name.last != "weight" && EmbeddingNames.isNamed(module) ? .positions : nil }
        guard EmbeddingNames.isEmbedding(name, index) else { return nil }
        return named.contains("pos") || named == "wpe" ? .positions : .embedding
    }

    private static let relativeTables: Set<Substring> = [
        "relative_position_bias", "relative_attention_bias", "distance_embedding", "rel_pos_bias", "rel_pos_h", "rel_pos_w", "pos_bias_u",
        "pos_bias_v", "relative_attention_embedding",
    ]

    private static func tableName(_ module: Substring) -> Substring { module.hasSuffix("_table") ? module.dropLast(6) : module }
}

/// Tells embedding tables, [entries, d], by their names.
enum EmbeddingNames {
    private static let names: Set<Substring> = [
        "wte", "wpe", "embed_in", "embed_tokens", "embed_positions", "tokens_embed", "positions_embed", "token_embd", "position_embd",
        "token_types", "shared", "relative_attention_bias", "emb", "embd", "embed", "embedding", "embeddings",
    ]

    /// Whether a module's name is a table's.
    static func isNamed(_ name: Substring) -> Bool {
        let module = name.hasSuffix("_table") ? name.dropLast(6) : name
        return names.contains(module) || module.hasSuffix("_embedding") || module.hasSuffix("_embeddings") || module.hasSuffix("_emb")
            || module.hasSuffix("_embed")
    }

    /// Whether the tensor is the table of Flax's Embed, whose module may have any name.
    static func isTable(_ name: TensorName) -> Bool { name.last == "embedding" }

    /// Whether the name is a table's. A linear layer so named gives itself away by its bias.
    static func isEmbedding(_ name: TensorName, _ index: TensorIndex) -> Bool {
        if isTable(name) { return true }
        guard name.last == "weight" || name.parts.count == 1 || name.last.hasPrefix("pos") || name.last.hasSuffix("_table") else {
            return false
        }
        return isNamed(name.moduleName) && !(name.last == "weight" && index.shape(of: name.full.dropLast(6) + "bias") != nil)
    }
}
