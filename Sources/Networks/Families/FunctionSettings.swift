import Text

/// Settings of config.json files that change what a model computes.
///
/// Each family asks for those that it follows. A setting of this list that is written down, says something, and was not asked for belongs to
/// a model that the family does not build: it is an error, not ignored.
enum FunctionSettings {
    /// What a setting says if it changes nothing.
    enum Neutral {
        /// Only null.
        case nothing
        case flag(Bool)
        case number(Double)
        case words(Set<String>)
        /// A list of these words alone.
        case listOf(String)

        func holds(_ value: ConfigurationValue) -> Bool {
            switch (self, value) {
            case (.flag(let neutral), .flag(let value)): neutral == value
            case (.number(let neutral), .number(let value)): neutral == value
            case (.words(let neutral), .text(let value)): neutral.contains(value)
            case (.listOf(let neutral), .list(let values)): values.allSatisfy { $0 == .text(neutral) }
            // Counts may be written as flags, and sections and lists may be empty.
            case (_, .list(let values)): values.isEmpty
            case (_, .section(let values)): values.isEmpty
            default: false
            }
        }

        var words: String {
            switch self {
            case .nothing: "null"
            case .flag(let value): "\(value)"
            case .number(let value): ConfigurationValue.number(value).words
            case .words(let words): words.sorted().joined(separator: " or ")
            case .listOf(let word): "'\(word)' alone"
            }
        }
    }

    static let all: [(name: String, neutral: Neutral)] = [
        ("attention_bias", .flag(false)), ("mlp_bias", .flag(false)), ("use_bias", .flag(false)), ("use_qkv_bias", .flag(false)),
        ("qkv_bias", .flag(false)), ("qk_layernorm", .flag(false)), ("use_qk_norm", .flag(false)), ("qk_norm", .flag(false)),
        ("layer_types", .listOf("full_attention")), ("rope_scaling", .nothing), ("rope_parameters", .nothing),
        ("rope_local_base_freq", .nothing), ("partial_rotary_factor", .number(1)), ("rotary_pct", .number(1)),
        ("no_rope_layers", .nothing), ("no_rope_layer_interval", .nothing), ("rotary_dim", .nothing),
        ("attn_logit_softcapping", .nothing), ("final_logit_softcapping", .nothing), ("query_pre_attn_scalar", .nothing),
        ("embedding_multiplier", .number(1)), ("residual_multiplier", .number(1)), ("attention_multiplier", .nothing),
        ("logits_scaling", .number(1)), ("logit_scale", .number(1)), ("scale_emb", .number(1)), ("scale_depth", .nothing),
        ("use_parallel_residual", .flag(false)), ("parallel_attn", .flag(false)), ("alibi", .flag(false)),
        ("use_bidirectional_attention", .flag(false)), ("is_causal", .flag(true)), ("is_encoder_decoder", .flag(false)),
        ("add_cross_attention", .flag(false)), ("attention_chunk_size", .nothing), ("attn_temperature_tuning", .flag(false)),
        ("num_local_experts", .number(0)), ("num_experts", .number(0)), ("n_routed_experts", .number(0)),
        ("swiglu_limit", .nothing), ("swiglu_alpha", .nothing), ("clip_qkv", .nothing), ("do_layer_norm_before", .flag(true)),
        ("word_embed_proj_dim", .nothing),
        ("apply_residual_connection_post_layernorm", .flag(false)), ("scale_attn_weights", .flag(true)),
        ("scale_attn_by_inverse_layer_idx", .flag(false)), ("attention_types", .nothing),
        ("afrac", .nothing), ("d_pos_emb", .nothing), ("enable_bigram_table", .flag(false)), ("sink", .flag(false)),
        ("residual_activation_type", .words(["identity"])),
    ]
}

extension Configuration {
    /// Checks that no setting changes the model and was not followed.
    ///
    /// - Throws: ``Problem`` naming the first that was not.
    func checkUnread() throws(Problem) {
        for (name, neutral) in FunctionSettings.all {
            guard let value = unread(name), !neutral.holds(value) else { continue }
            throw problem("models of this kind do not follow it", name, expected: neutral.words)
        }
        // A length alone does nothing where windows are switched off.
        if let value = unread("sliding_window"), unread("use_sliding_window") != .flag(false) {
            throw problem("models of this kind do not follow it", "sliding_window", expected: "null", found: value.words)
        }
        if let value = unread("use_sliding_window"), value != .flag(false) {
            throw problem("models of this kind do not follow it", "use_sliding_window", expected: "false", found: value.words)
        }
    }
}
