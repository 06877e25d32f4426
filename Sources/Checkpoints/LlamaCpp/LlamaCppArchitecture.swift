import Text

/// How the converter of llama.cpp names and changes the tensors of one architecture.
///
/// Source: the `gguf` package's `tensor_mapping.py`, and llama.cpp's `convert_hf_to_gguf.py` for what is changed.
struct LlamaCppArchitecture: Sendable {
    /// Changes that the converter makes to some tensors, which are undone.
    enum Change: Sendable {
        /// Rows of queries and of keys are stored by neighbours.
        case neighbours
        /// Rows of queries, keys and values are stored by kind.
        case byKind
        /// Norms are stored as one plus their weights.
        case normsPlusOne
        /// Matrices of blocks are stored transposed.
        case transposed
    }

    /// The `model_type` in a `config.json`.
    let modelType: String
    /// By the names in the file, without `.weight` and `.bias`.
    let outside: [String: String]
    /// The module of blocks, and what is in each.
    let blocks: (name: String, parts: [String: String])
    var changes: [Change] = []
    /// The experts: where they are, and the names of gate, input and output.
    var experts: (module: String, gate: String, input: String, output: String)?

    private static let llamaOutside = ["token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"]
    private static let llamaParts = [
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
        "ffn_gate_inp": "mlp.gate",
    ]

    /// An architecture with Llama's names.
    private static func llama(_ modelType: String, _ changes: [Change] = [], parts: [String: String] = [:]) -> LlamaCppArchitecture {
        LlamaCppArchitecture(
            modelType: modelType, outside: llamaOutside, blocks: ("model.layers", llamaParts.merging(parts) { _, own in own }),
            changes: changes)
    }

    private static let normsAround = [
        "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    ]

    private static let gpt2 = LlamaCppArchitecture(
        modelType: "gpt2",
        outside: [
            "token_embd": "transformer.wte", "position_embd": "transformer.wpe", "output_norm": "transformer.ln_f", "output": "lm_head",
        ],
        blocks: (
            "transformer.h",
            [
                "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc",
                "ffn_down": "mlp.c_proj",
            ]
        ), changes: [.transposed])

    private static let gptNeox = LlamaCppArchitecture(
        modelType: "gpt_neox",
        outside: ["token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm", "output": "embed_out"],
        blocks: (
            "gpt_neox.layers",
            [
                "attn_norm": "input_layernorm", "attn_qkv": "attention.query_key_value", "attn_output": "attention.dense",
                "ffn_norm": "post_attention_layernorm", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h",
            ]
        ), changes: [.byKind])

    private static var mixtral: LlamaCppArchitecture {
        var mixtral = llama("mixtral", [.neighbours], parts: ["ffn_gate_inp": "block_sparse_moe.gate"])
        mixtral.experts = ("block_sparse_moe.experts", "w1", "w3", "w2")
        return mixtral
    }

    private static var qwen3Experts: LlamaCppArchitecture {
        var qwen = llama("qwen3_moe")
        qwen.experts = ("mlp.experts", "gate_proj", "up_proj", "down_proj")
        return qwen
    }

    /// The architectures whose models can be run, by the name in the file.
    static let names = [
        "llama", "qwen2", "qwen3", "qwen3moe", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "gptneox", "olmo2", "starcoder2", "stablelm",
        "granite", "smollm3",
    ]

    /// The architecture that a file names.
    ///
    /// - Throws: ``Problem`` for one that cannot be run.
    static func named(_ metadata: LlamaCppMetadata) throws(Problem) -> LlamaCppArchitecture {
        switch metadata.architecture {
        case "llama": return try metadata.count("expert_count") ?? 0 > 0 ? mixtral : llama("llama", [.neighbours])
        case "qwen2": return llama("qwen2")
        case "qwen3": return llama("qwen3")
        case "qwen3moe": return qwen3Experts
        case "gemma": return llama("gemma", [.normsPlusOne])
        case "gemma2": return llama("gemma2", [.normsPlusOne], parts: normsAround)
        case "gemma3": return llama("gemma3_text", [.normsPlusOne], parts: normsAround)
        case "phi3": return llama("phi3", parts: ["attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"])
        case "gpt2": return gpt2
        case "gptneox": return gptNeox
        case "olmo2":
            let isWindowed = try metadata.count("attention.sliding_window") ?? 0 > 0
            return llama(
                isWindowed ? "olmo3" : "olmo2",
                parts: ["post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm"])
        case "starcoder2": return llama("starcoder2", parts: ["ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"])
        case "stablelm": return llama("stablelm")
        case "granite": return llama("granite", [.neighbours])
        case "smollm3": return llama("smollm3", [.neighbours])
        default:
            throw Problem(
                "GGUF files of this architecture cannot be run", subject: "'general.architecture'",
                expected: names.listed(atMost: names.count),
                found: metadata.architecture.quotedInMessage)
        }
    }

    /// The name of a tensor in the model; nil for one that the model does not have.
    func name(of tensor: String) -> String? {
        guard let point = tensor.lastIndex(of: "."), [".weight", ".bias"].contains(String(tensor[point...])) else { return nil }
        let (front, end) = (String(tensor[..<point]), String(tensor[point...]))
        if let name = outside[front] { return name + end }
        let fields = front.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == "blk", let block = Int(fields[1]), block >= 0, let part = blocks.parts[String(fields[2])]
        else {
            return nil
        }
        return "\(blocks.name).\(block).\(part)\(end)"
    }
}
