import Archives

/// What a model's settings say of its MLPs.
package struct MLPSizes: Sendable, Equatable {
    /// The setting that holds the width.
    package let key: String
    package let width: Int
    package let blocks: Int

    /// - Throws: ``NetworkError`` for settings that do not say it.
    package init(_ configuration: ByteRegion) throws(NetworkError) {
        let settings = try Configuration(configuration)
        blocks = try settings.requiredSize("n_layer", "num_hidden_layers")
        if try settings.text("model_type") == "gpt2" {
            key = "n_inner"
            if let stated = try settings.size(key) {
                width = stated
            } else {
                width = 4 * (try settings.requiredSize("n_embd", "hidden_size"))
            }
        } else {
            key = "intermediate_size"
            width = try settings.requiredSize(key)
        }
    }
}
