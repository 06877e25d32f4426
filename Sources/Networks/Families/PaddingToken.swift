import Text

/// The token that fills sequences up, where a family's table of tokens has its entry as `padding_idx`: looking it up gives the entry no gradient.
///
/// Source: the modules `nn.Embedding(..., padding_idx=config.pad_token_id)` of transformers' `models/*/modeling_*.py`, and the values that
/// `pad_token_id` has in its `configuration_*.py`.
enum PaddingToken {
    /// What a configuration means that does not write `pad_token_id` down, by `model_type`. GPT-2, GPT-Neo, GPT-NeoX, GPT-J and BLOOM are not here:
    /// their tables have no such entry, whatever is written down.
    private static let standards: [String: Int?] = [
        "bert": 0, "distilbert": 0, "electra": 0, "roberta": 1, "xlm-roberta": 1, "camembert": 1,
        "opt": 1, "gemma": 0, "gemma2": 0, "gemma3": 0, "gemma3_text": 0, "olmo2": 1, "olmo3": 1, "phi3": 32000, "smollm3": 128_004,
        "llama": nil, "mistral": nil, "mixtral": nil, "qwen2": nil, "qwen3": nil, "qwen2_moe": nil, "qwen3_moe": nil, "phi": nil,
        "stablelm": nil, "starcoder2": nil, "granite": nil, "gpt_oss": nil, "llama4": nil, "llama4_text": nil,
    ]

    /// The entry of a table of tokens that gets no gradient; nil for a family without one, and for a token that the table does not have, which
    /// nothing looks up.
    ///
    /// - Throws: ``Problem`` for a setting that is no token.
    static func entry(_ source: FamilySource, of entries: Int) throws(Problem) -> Int? {
        guard let standard = standards[source.modelType] else { return nil }
        let name = "pad_token_id"
        guard let token = source.settings.states(name) ? try source.settings.integer(name) : standard else { return nil }
        // PyTorch counts numbers below 0 from the end.
        let entry = token < 0 ? token + entries : token
        return (0..<entries).contains(entry) ? entry : nil
    }
}
