/// The kinds of models whose tensor names are known.
package enum ModelFamily: String, Sendable, CaseIterable {
    /// GPT-2, nanoGPT, GPT-1.
    case gpt2
    /// StarCoder: GPT-2's names with linear layers.
    case gptBigCode = "gpt_bigcode"
    case gptNeo = "gpt_neo"
    /// GPT-J and CodeGen.
    case gptj
    /// GPT-NeoX and Pythia.
    case gptNeox = "gpt_neox"
    /// Llama and the models that share its names.
    case llama
    case mistral, qwen2, gemma
    case opt, phi
    /// BERT, its descendants and vision transformers with its names.
    case bert
    /// Another transformer whose MLP input matrices are known by name.
    case transformer
    /// The Grokking repository's transformers: no layer norm, attention as [head, d_head, d_model].
    case grokking
    /// A TransformerLens state dict.
    case transformerLens = "transformer_lens"
    /// A llama.cpp file: `blk.N.ffn_up.weight`.
    case gguf
    /// A plain chain of linear and convolution layers, each one's output the next one's input.
    case chain
    /// None of the others: all its matrices are looked at alike.
    case unknown

    /// Whether the default choice of layers is the MLP input matrix of every block.
    package var hasBlocks: Bool { self != .chain && self != .unknown }

    /// The family that a `config.json` names by `model_type`, or nil for a type that is not known.
    init?(modelType: String) {
        switch modelType {
        case "qwen2_moe", "qwen3", "qwen3_moe", "qwen2_vl": self = .qwen2
        case "mixtral", "ministral", "mistral3": self = .mistral
        case "gemma2", "gemma3", "gemma3_text", "gemma3n": self = .gemma
        case "phi3", "phimoe": self = .phi
        case "codegen": self = .gptj
        case "openai-gpt", "imagegpt": self = .gpt2
        case "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "albert", "deberta", "deberta-v2", "vit", "deit", "beit":
            self = .bert
        case "bloom", "falcon", "mpt", "t5", "mt5", "bart", "mbart", "whisper", "starcoder2", "olmo", "olmo2", "deepseek_v2",
            "deepseek_v3", "stablelm", "cohere", "granite", "clip", "gpt_oss":
            self = .transformer
        case "chain", "unknown", "transformer", "gguf": return nil
        default: self.init(rawValue: modelType)
        }
    }

    /// The family that the names and shapes alone show; nil where they are no transformer's.
    init?(names: [TensorName], shapes: [[Int]]) {
        func has(_ part: Substring) -> Bool { names.contains { $0.parts.contains(part) } }
        func numbered(_ module: Substring) -> Bool { names.contains { $0.isNumbered && $0.moduleName == module } }

        if has("W_E") || has("W_U") || has("W_Q") {
            self = Self.isGrokking(names: names, shapes: shapes) ? .grokking : .transformerLens
        } else if has("blk"), numbered("ffn_up") || numbered("ffn_down") || has("token_embd") {
            self = .gguf
        } else if numbered("dense_h_to_4h") {
            self = has("embed_in") || has("gpt_neox") || has("attention") ? .gptNeox : .transformer
        } else if numbered("c_attn") {
            self = .gpt2
        } else if numbered("c_fc") {
            self = names.contains { $0.full.contains(".attn.attention.") } ? .gptNeo : has("ln_1") ? .gpt2 : .transformer
        } else if numbered("fc_in") {
            self = .gptj
        } else if numbered("up_proj") || numbered("gate_up_proj") || (numbered("w3") && numbered("w1")) {
            if has("pre_feedforward_layernorm") {
                self = .gemma
            } else if names.contains(where: { $0.full.hasSuffix("self_attn.q_proj.bias") }) {
                self = .qwen2
            } else {
                self = .llama
            }
        } else if numbered("fc1"), has("self_attn") {
            self = has("mlp") ? .phi : .opt
        } else if names.contains(where: { $0.isNumbered && $0.module.suffix(2).elementsEqual(["intermediate", "dense"]) }) {
            self = .bert
        } else if numbered("lin1") || numbered("linear1"), has("attention") || has("self_attn") {
            self = .transformer
        } else if has("DenseReluDense") || (numbered("fc1") && has("attn")) {
            self = .transformer
        } else {
            return nil
        }
    }

    /// Tells the Grokking repository's models from TransformerLens's, which share names: the former keep W_O as a
    /// matrix and W_E as [d_model, vocab], where W_pos is [n_ctx, d_model] in both.
    private static func isGrokking(names: [TensorName], shapes: [[Int]]) -> Bool {
        func shape(_ name: Substring) -> [Int]? {
            zip(names, shapes).first { $0.0.last == name }?.1
        }
        if let output = shape("W_O") { return output.count == 2 }
        if let embedding = shape("W_E"), embedding.count == 2, embedding[0] != embedding[1],
            let width = shape("W_pos")?.last, embedding.contains(width)
        {
            return embedding[0] == width
        }
        if let input = shape("W_in"), let bias = shape("b_in"), input.count == 2, input[0] != input[1] {
            return input[0] == bias.last
        }
        return false
    }

    /// Whether a module of this name is the MLP input matrix of a block, as TransformerLens's W_in is: of a gated MLP the
    /// matrix that is multiplied with the gate, not the gate.
    static func isMLPInput(_ name: TensorName) -> Bool {
        guard name.last == "weight" || name.last == "W_in", name.isNumbered else { return false }
        switch name.moduleName {
        case "c_fc", "dense_h_to_4h", "up_proj", "fc_in", "fc1", "lin1", "linear1", "ffn_up", "W_in", "w3", "wi", "wi_1": return true
        case "dense": return name.module.dropLast().last == "intermediate"
        default: return false
        }
    }

    /// Whether a module of this name is the gate and the MLP input matrix in one, looked for where no other is found.
    static func isFusedMLPInput(_ name: TensorName) -> Bool {
        guard name.last == "weight", name.isNumbered else { return false }
        return name.moduleName == "gate_up_proj"
    }
}
