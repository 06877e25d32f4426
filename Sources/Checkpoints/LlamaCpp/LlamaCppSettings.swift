import Archives
import Text

/// The `config.json` that a GGUF file's metadata amount to, in transformers' names.
struct LlamaCppSettings {
    private(set) var members: [(name: String, json: String)] = []
    /// The keys of the metadata by the settings that are made of them.
    private(set) var keys: [String: String] = [:]
    private let architecture: String

    /// - Throws: ``Problem`` for a setting that is missing or is no number.
    init(_ metadata: LlamaCppMetadata, _ architecture: LlamaCppArchitecture, tensors: [String: TensorRecord]) throws(Problem) {
        self.architecture = metadata.architecture
        let type = architecture.modelType
        set("model_type", JSONText.string(type))
        let isOld = type == "gpt2"
        let (width, heads) = (try metadata.requiredCount("embedding_length"), try metadata.requiredCount("attention.head_count"))
        set(isOld ? "n_embd" : "hidden_size", width, from: "embedding_length")
        set(isOld ? "n_layer" : "num_hidden_layers", try metadata.requiredCount("block_count"), from: "block_count")
        set(isOld ? "n_head" : "num_attention_heads", heads, from: "attention.head_count")
        set(isOld ? "n_positions" : "max_position_embeddings", try metadata.requiredCount("context_length"), from: "context_length")
        set(isOld ? "n_inner" : "intermediate_size", try metadata.count("feed_forward_length"), from: "feed_forward_length")
        try Self.check(metadata, tensors)
        set("vocab_size", tensors["token_embd.weight"]?.shape.first)
        set("tie_word_embeddings", tensors["output.weight"] == nil ? "true" : "false")
        // transformers has ids of its own for each family where config.json says nothing, and its tables refuse those that they lack.
        let rows = tensors["token_embd.weight"]?.shape.first ?? 0
        for (name, key) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
            if case .integer(let id)? = metadata.value("tokenizer.ggml.\(key)_token_id"), id >= 0, id < rows {
                set(name, "\(id)")
            } else {
                set(name, "null")
            }
        }
        let epsilon = try metadata.number("attention.layer_norm_epsilon")
        switch type {
        case "gpt2": set("layer_norm_epsilon", epsilon, from: "attention.layer_norm_epsilon")
        case "starcoder2": set("norm_epsilon", epsilon, from: "attention.layer_norm_epsilon")
        case "gpt_neox", "stablelm": set("layer_norm_eps", epsilon, from: "attention.layer_norm_epsilon")
        default:
            let name = "attention.layer_norm_rms_epsilon"
            guard let epsilon = try metadata.number(name) else {
                throw Problem("is missing from the metadata", subject: "'\(metadata.architecture).\(name)'", expected: "one finite number")
            }
            set("rms_norm_eps", epsilon, from: name)
        }
        if try metadata.flag(metadata.architecture + ".attention.causal") == false {
            throw Problem(
                "positions that see those after them cannot be run in this family",
                subject: "'\(metadata.architecture).attention.causal'", expected: "true", found: "false")
        }
        guard !isOld else { return }
        if type != "gpt_neox" { set("num_key_value_heads", try metadata.count("attention.head_count_kv"), from: "attention.head_count_kv") }
        let stated = try metadata.count("attention.key_length")
        let dimension = stated ?? width / max(heads, 1)
        if let values = try metadata.count("attention.value_length"), values != dimension {
            throw Problem(
                "values of another width than keys cannot be run", subject: "'\(metadata.architecture).attention.value_length'",
                expected: "\(dimension)", found: "\(values)")
        }
        if !["gpt_neox", "stablelm", "phi3"].contains(type) { set("head_dim", dimension, from: "attention.key_length") }
        setBiases(tensors)
        try setPositions(metadata, type, dimension: dimension, tensors)
        try setRest(metadata, type, width: width, heads: heads, dimension: dimension)
    }

    /// What the network would pass over: rows of the vocabulary and blocks that the metadata does not count, or counts and are not there.
    private static func check(_ metadata: LlamaCppMetadata, _ tensors: [String: TensorRecord]) throws(Problem) {
        func compare(_ name: String, with found: Int?, _ what: String) throws(Problem) {
            guard let stated = try metadata.count(name), let found, stated != found else { return }
            throw Problem(
                "contradicts the tensors", subject: "'\(metadata.architecture).\(name)'", expected: "\(found), \(what)", found: "\(stated)")
        }
        try compare("vocab_size", with: tensors["token_embd.weight"]?.shape.first, "the rows of 'token_embd.weight'")
        let blocks = tensors.keys.compactMap { name -> Int? in
            let fields = name.split(separator: ".", maxSplits: 2)
            return fields.count == 3 && fields[0] == "blk" ? Int(fields[1]) : nil
        }
        try compare("block_count", with: blocks.max().map { $0 + 1 }, "the blocks of the file")
    }

    /// The text of the file.
    var json: String { "{" + members.map { JSONText.string($0.name) + ": " + $0.json }.joined(separator: ", ") + "}" }

    /// A number with a point.
    private static func fraction(_ number: Double) -> String {
        let text = JSONText.number(number)
        return text.contains { $0 == "." || $0 == "e" || $0 == "E" } ? text : text + ".0"
    }

    /// - Parameter key: what the metadata call the setting, without the architecture's name.
    private mutating func set(_ name: String, _ json: String, from key: String? = nil) {
        members.append((name, json))
        if let key { keys[name] = "\(architecture).\(key)" }
    }

    private mutating func set(_ name: String, _ count: Int?, from key: String? = nil) { if let count { set(name, "\(count)", from: key) } }

    private mutating func set(_ name: String, _ number: Double?, from key: String? = nil) {
        // transformers takes no whole number where it expects another.
        if let number { set(name, Self.fraction(number), from: key) }
    }

    /// What the tensors show.
    private mutating func setBiases(_ tensors: [String: TensorRecord]) {
        let hasBias = tensors["blk.0.attn_q.bias"] != nil || tensors["blk.0.attn_qkv.bias"] != nil
        switch type {
        case "qwen2", "phi3": break
        case "gpt_neox": set("attention_bias", hasBias ? "true" : "false")
        case "starcoder2": set("use_bias", hasBias ? "true" : "false")
        case "stablelm": set("use_qkv_bias", hasBias ? "true" : "false")
        default: set("attention_bias", hasBias ? "true" : "false")
        }
    }

    private var type: String { members.first.map { String($0.json.dropFirst().dropLast()) } ?? "" }

    private mutating func setPositions(
        _ metadata: LlamaCppMetadata, _ type: String, dimension: Int, _ tensors: [String: TensorRecord]
    ) throws(Problem) {
        let base = try metadata.number("rope.freq_base")
        set("rope_theta", base ?? 10_000, from: "rope.freq_base")
        let turned = try metadata.count("rope.dimension_count") ?? dimension
        switch type {
        case "gpt_neox": set("rotary_pct", Double(turned) / Double(max(dimension, 1)), from: "rope.dimension_count")
        case "stablelm", "phi3": set("partial_rotary_factor", Double(turned) / Double(max(dimension, 1)), from: "rope.dimension_count")
        default:
            guard turned == dimension else {
                throw Problem(
                    "heads that are turned in part cannot be run in this family",
                    subject: "'\(metadata.architecture).rope.dimension_count'",
                    expected: "\(dimension)", found: "\(turned)")
            }
        }
        func factors(_ name: String) -> String? {
            guard let record = tensors[name], record.shape.count == 1, record.elementCount <= 1 << 16 else { return nil }
            let values = [Float](unsafeUninitializedCapacity: record.elementCount) { target, count in
                record.fill(UnsafeMutableBufferPointer(rebasing: target[..<record.elementCount]), elements: 0..<record.elementCount)
                count = record.elementCount
            }
            return "[" + values.map { JSONText.number(Double($0)) }.joined(separator: ", ") + "]"
        }
        let original = try metadata.count("rope.scaling.original_context_length")
        if type == "phi3", let long = factors("rope_factors_long.weight"), let short = factors("rope_factors_short.weight") {
            set("original_max_position_embeddings", original, from: "rope.scaling.original_context_length")
            set("rope_scaling", #"{"type": "longrope", "long_factor": \#(long), "short_factor": \#(short)}"#)
        } else if let divisors = factors("rope_freqs.weight") {
            // The divisors that Llama 3's kind of positions amounts to, which do not depend on the length.
            set(
                "rope_scaling",
                #"{"rope_type": "longrope", "long_factor": \#(divisors), "short_factor": \#(divisors), "attention_factor": 1.0, "factor": 1.0}"#
            )
        } else if let (kind, factor) = try Self.stretch(metadata) {
            var section = #"{"rope_type": "\#(kind)", "factor": \#(JSONText.number(factor))"#
            if kind == "yarn", let original { section += #", "original_max_position_embeddings": \#(original)"# }
            set("rope_scaling", section + "}", from: "rope.scaling.type")
        }
        // Phi-3's factor of attention follows from its lengths.
        for (name, plain) in Self.plainPositions where type != "phi3" {
            guard let found = try metadata.number(name), found != plain else { continue }
            throw Problem(
                "positions with this setting cannot be run", subject: "'\(metadata.architecture).\(name)'",
                expected: JSONText.number(plain),
                found: JSONText.number(found))
        }
    }

    /// Settings of positions that are not followed, with the values that change nothing.
    private static let plainPositions: [(name: String, plain: Double)] = [
        ("rope.scaling.attn_factor", 1), ("rope.scaling.yarn_ext_factor", 1), ("rope.scaling.yarn_attn_factor", 1),
        ("rope.scaling.yarn_beta_fast", 32), ("rope.scaling.yarn_beta_slow", 1),
    ]

    /// By how much positions are stretched, and how: evenly where the kind is not said, as llama.cpp does; `scale_linear` is the older name.
    private static func stretch(_ metadata: LlamaCppMetadata) throws(Problem) -> (kind: String, factor: Double)? {
        let name = metadata.architecture + ".rope.scaling.type"
        let stated = try metadata.text(name)
        let older = try metadata.number("rope.scale_linear")
        let factor = try metadata.number("rope.scaling.factor") ?? older ?? 0
        let kind = stated ?? "linear"
        guard ["none", "linear", "yarn"].contains(kind) else {
            throw Problem(
                "positions of this kind cannot be run", subject: "'\(name)'", expected: "none, linear or yarn", found: kind.quotedInMessage)
        }
        if kind == "none" || stated == nil && (factor == 0 || factor == 1) { return nil }
        return (kind, factor == 0 ? 1 : factor)
    }

    /// The settings that single families have.
    private mutating func setRest(_ metadata: LlamaCppMetadata, _ type: String, width: Int, heads: Int, dimension: Int) throws(Problem) {
        let window = try metadata.count("attention.sliding_window").flatMap { $0 > 0 ? $0 : nil }
        switch type {
        case "mixtral", "qwen3_moe":
            set(type == "mixtral" ? "num_local_experts" : "num_experts", try metadata.requiredCount("expert_count"), from: "expert_count")
            set("num_experts_per_tok", try metadata.requiredCount("expert_used_count"), from: "expert_used_count")
            if type == "qwen3_moe" {
                set("moe_intermediate_size", try metadata.requiredCount("expert_feed_forward_length"), from: "expert_feed_forward_length")
                set("norm_topk_prob", "true")
            }
        case "gemma2", "gemma3_text":
            // The file does not hold it; the largest models differ, as llama.cpp knows by their number of blocks.
            let blocks = try metadata.count("block_count")
            let isLargest = blocks == (type == "gemma2" ? 46 : 62)
            set("query_pre_attn_scalar", isLargest ? width / max(heads, 1) : dimension)
            set("sliding_window", window, from: "attention.sliding_window")
            if type == "gemma2" {
                set("attn_logit_softcapping", try metadata.number("attn_logit_softcapping"), from: "attn_logit_softcapping")
            } else {
                set("rope_local_base_freq", try metadata.number("rope.freq_base_swa") ?? 10_000, from: "rope.freq_base_swa")
            }
            set("final_logit_softcapping", try metadata.number("final_logit_softcapping"), from: "final_logit_softcapping")
        case "phi3", "starcoder2", "olmo3": set("sliding_window", window, from: "attention.sliding_window")
        case "gpt_neox", "stablelm":
            set(
                "use_parallel_residual",
                try metadata.flag(metadata.architecture + ".use_parallel_residual") ?? (type == "gpt_neox") ? "true" : "false")
        case "granite":
            // What llama.cpp does where the file says nothing, as for other families; transformers' own default is 1.
            let scale = try metadata.number("attention.scale").flatMap { $0 == 0 ? nil : $0 }
            set("attention_multiplier", scale ?? 1 / Double(max(dimension, 1)).squareRoot(), from: "attention.scale")
            set("embedding_multiplier", try metadata.number("embedding_scale") ?? 1, from: "embedding_scale")
            set("residual_multiplier", try metadata.number("residual_scale") ?? 1, from: "residual_scale")
            set("logits_scaling", try metadata.number("logit_scale") ?? 1, from: "logit_scale")
        default: break
        }
    }
}
