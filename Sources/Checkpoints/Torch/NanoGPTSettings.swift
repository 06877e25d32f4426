import Text

/// The `config.json` that the `model_args` of a nanoGPT checkpoint amount to.
///
/// Source: nanoGPT's `train.py`, which saves `model`, `model_args` and the state of training, and `model.py`.
struct NanoGPTSettings {
    /// The text of the file.
    let json: String
    let assumptions = ["the activation is not in model_args: gelu is assumed, which nanoGPT's models have"]

    /// nil for a pickle that is none of nanoGPT's.
    init?(_ pickle: Pickle) {
        guard pickle.memberBound(pickle.root) <= 4096,
            let arguments = pickle.members(pickle.root)?.first(where: { $0.hasTextKey && $0.key == "model_args" }),
            pickle.memberBound(arguments.value) <= 4096, let members = pickle.members(arguments.value)
        else { return nil }
        func count(_ name: String) -> Int? {
            guard case .integer(let number)? = members.first(where: { $0.hasTextKey && $0.key == name })?.value, number > 0 else {
                return nil
            }
            return number
        }
        guard let layers = count("n_layer"), let heads = count("n_head"), let width = count("n_embd"), let length = count("block_size")
        else { return nil }
        var settings = [
            ("model_type", JSONText.string("gpt2")), ("n_layer", "\(layers)"), ("n_head", "\(heads)"), ("n_embd", "\(width)"),
            ("n_positions", "\(length)"), ("activation_function", JSONText.string("gelu")), ("layer_norm_epsilon", "1e-05"),
        ]
        if let vocabulary = count("vocab_size") { settings.append(("vocab_size", "\(vocabulary)")) }
        json = "{" + settings.map { JSONText.string($0.0) + ": " + $0.1 }.joined(separator: ", ") + "}"
    }
}
