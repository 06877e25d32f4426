import Checkpoints

/// The transformers that can be run: from a checkpoint's configuration and names to a network.
package enum TransformerFamilies {
    /// The values of `model_type` in `config.json` that are known; the Grokking repository's models have no configuration.
    package static let modelTypes = ["gpt2", "gpt_neox", "llama", "mistral", "qwen2", "gemma"]

    /// The network of a transformer, its parameters read from the checkpoint.
    ///
    /// - Returns: nil where neither the configuration nor the names are a transformer's.
    /// - Throws: ``NetworkError`` for a transformer of another family, settings that are missing, out of range or cannot be run, and
    ///   tensors that are missing or have another shape.
    package static func network(of checkpoint: Checkpoint, catalog: LayerCatalog) throws(NetworkError) -> Network? {
        let names = CheckpointNames(checkpoint)
        guard let description = try description(of: checkpoint, names: names, catalog: catalog) else { return nil }
        let stored = names.blocks(description.blockName)
        guard description.blocks <= stored else {
            throw NetworkError(
                "the configuration has more blocks than the checkpoint", subject: "config.json",
                expected: "at most \(stored)", found: "\(description.blocks)")
        }
        return try TransformerBuilder.network(of: description, names: names, checkpoint: checkpoint, catalog: catalog)
    }

    private static func description(
        of checkpoint: Checkpoint, names: CheckpointNames, catalog: LayerCatalog
    ) throws(NetworkError) -> TransformerDescription? {
        if catalog.family == .grokking { return try Grokking.description(names: names, checkpoint: checkpoint) }
        guard let configuration = checkpoint.configuration else {
            guard catalog.family.hasBlocks else { return nil }
            throw withoutConfiguration(catalog)
        }
        guard catalog.family.hasBlocks else { return nil }
        let settings = try Configuration(configuration)
        guard let modelType = try settings.text("model_type") else {
            throw NetworkError("is missing", subject: "config.json: 'model_type'", expected: known)
        }
        guard modelTypes.contains(modelType) else {
            throw settings.problem("models of this kind cannot be run", "model_type", expected: known)
        }
        try checkWhatElseIsSaid(settings)
        switch modelType {
        case "gpt2": return try GPT2.description(settings, names: names, checkpoint: checkpoint, catalog: catalog)
        case "gpt_neox": return try GPTNeoX.description(settings)
        case "mistral": return try Mistral.description(settings)
        case "qwen2": return try Qwen2.description(settings)
        case "gemma": return try Gemma.description(settings)
        default: return try Llama.description(settings)
        }
    }

    private static let known = modelTypes.dropLast().joined(separator: ", ") + " or " + (modelTypes.last ?? "")

    private static func withoutConfiguration(_ catalog: LayerCatalog) -> NetworkError {
        let family = catalog.family.rawValue
        guard modelTypes.contains(family) else {
            return NetworkError(
                "models of this kind cannot be run", expected: "\(known) with a config.json, or grokking",
                found: "\(family), by the tensors' names")
        }
        return NetworkError(
            "is missing", subject: "config.json", expected: "the model's settings beside its tensors, which are named as \(family)'s",
            hint: "the number of heads cannot be seen from the tensors")
    }

    /// Refuses what would be run as something else: quantised weights, models that answer with other things than tokens.
    private static func checkWhatElseIsSaid(_ settings: Configuration) throws(NetworkError) {
        if settings.hasValue("quantization_config") {
            throw NetworkError("quantised weights cannot be run", subject: "config.json: 'quantization_config'", expected: "none")
        }
        guard let architecture = try settings.texts("architectures")?.first else { return }
        guard ["LMHeadModel", "ForCausalLM", "Model"].contains(where: architecture.hasSuffix) else {
            throw NetworkError(
                "only language models can be run", subject: "config.json: 'architectures'",
                expected: "a name that ends in ForCausalLM or LMHeadModel", found: "'\(architecture)'")
        }
    }
}
