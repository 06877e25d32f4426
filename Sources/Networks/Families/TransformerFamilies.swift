import Checkpoints
import Text

/// The families of models that can be run: from a checkpoint's configuration and names to a network.
package struct TransformerFamilies: Sendable {
    package let families: [RunnableFamily]

    /// The families of this program. A family belongs here and, with its names, among ``ModelFamilies/standard``.
    package static let standard = TransformerFamilies([
        GPT2.family, CircuitSparsity.family, GPTNeoX.family, Llama.family, Mistral.family, Qwen2.family, Qwen3.family, Gemma.family,
        Gemma2.family,
        Gemma3.family, Olmo2.family, Olmo2.family3, Phi.family, Phi3.family, GPTNeo.family, GPTJ.family, OPT.family, Bloom.family,
        StableLM.family, Starcoder2.family, Granite.family, SmolLM3.family, Mixtral.family, QwenMoE.family2, QwenMoE.family3, GptOss.family,
        Llama4.family,
        Grokking.family, TransformerLens.family, Bert.family, Roberta.family, DistilBert.family, Electra.family,
        HuggingFaceVision.vit, HuggingFaceVision.deit, HuggingFaceVision.dinov2, NamedVision.timm, NamedVision.torchvision,
        ResNet.named, ResNet.huggingFace, VGG.family, ConvNeXt.huggingFace, ConvNeXt.named, MobileNet.family,
    ])

    package init(_ families: [RunnableFamily]) { self.families = families }

    /// These families and another one, which takes precedence.
    package func adding(_ family: RunnableFamily) -> TransformerFamilies { TransformerFamilies([family] + families) }

    /// What checkpoints are recognised as: these families, and those that are known and cannot be run.
    package var models: ModelFamilies {
        families.reversed().map(\.family).reduce(.standard) { $0.families.contains($1) ? $0 : $0.adding($1) }
    }

    /// The values of `model_type` in `config.json` that run.
    package var modelTypes: [String] { families.flatMap(\.modelTypes) }

    /// The network of a transformer, its parameters read from the checkpoint.
    ///
    /// - Returns: nil if neither the configuration nor the names are a transformer's.
    /// - Throws: ``Problem`` for a transformer of another family, settings that are missing, out of range or cannot be run, and
    ///   tensors that are missing or have another shape.
    package static func network(
        of checkpoint: Checkpoint, catalog: LayerCatalog, families: TransformerFamilies = .standard
    ) throws(Problem) -> Network? {
        guard catalog.family.hasBlocks || families.families.contains(where: { $0.family == catalog.family }) else { return nil }
        let (family, modelType, settings) = try families.family(of: checkpoint, catalog: catalog)
        let network = try family.network(
            FamilySource(
                settings: settings, modelType: modelType, names: CheckpointNames(checkpoint), checkpoint: checkpoint, catalog: catalog))
        // A model's own file may hold anything; what somebody gave is meant to be read.
        if checkpoint.givenSettings != nil, let misspelling = settings.misspelling { throw misspelling }
        return network
    }

    /// What a network of the checkpoint would assume that neither tensors nor settings say, in words; nil if that is nothing, or it has none.
    package static func assumption(
        of checkpoint: Checkpoint, catalog: LayerCatalog, families: TransformerFamilies = .standard
    ) -> String? {
        guard families.families.contains(where: { $0.family == catalog.family && $0.mayAssume }) else { return nil }
        return try? network(of: checkpoint, catalog: catalog, families: families)?.anatomy.assumption
    }

    /// The family that builds the network of a checkpoint, its `model_type`, and the settings that it reads.
    private func family(
        of checkpoint: Checkpoint, catalog: LayerCatalog
    ) throws(Problem) -> (RunnableFamily, modelType: String, Configuration) {
        if let family = families.first(where: { $0.family == catalog.family }), family.modelTypes.isEmpty {
            return (family, "", Configuration([:]))
        }
        guard let configuration = checkpoint.configuration else { throw withoutConfiguration(catalog) }
        let settings = try Configuration(configuration, file: checkpoint.configurationName)
        guard let modelType = try settings.text("model_type") ?? checkpoint.impliedModelType else {
            throw Problem("is missing", subject: "config.json: 'model_type'", expected: known)
        }
        guard let family = families.first(where: { $0.modelTypes.contains(modelType) }) else {
            let reason = Self.reasons[modelType].map { ": \($0)" } ?? ""
            throw settings.problem("models of this kind cannot be run\(reason)", "model_type", expected: known)
        }
        let text = try settings.textModel()
        try Self.checkWhatElseIsSaid(settings, of: family, isInside: text != nil, checkpoint)
        return (family, modelType, text ?? settings)
    }

    /// Why models of some kinds cannot be run, by their `model_type`.
    private static let reasons: [String: String] = {
        let reasons = [
            "they have an encoder beside the decoder": [
                "t5", "mt5", "umt5", "bart", "mbart", "pegasus", "marian", "whisper", "encoder-decoder", "m2m_100", "led", "blenderbot",
            ],
            "they compare images and texts by two models": ["clip", "siglip", "siglip2", "chinese_clip", "align", "blip"],
            "their blocks keep a state in place of attention": [
                "mamba", "mamba2", "falcon_mamba", "rwkv", "jamba", "bamba", "zamba", "zamba2", "recurrent_gemma", "nemotron_h",
                "qwen3_next",
            ],
            "keys and values come from a latent vector that the heads share (MLA)": [
                "deepseek_v2", "deepseek_v3", "deepseek_v32", "minicpm3",
            ],
        ]
        return reasons.reduce(into: [:]) { all, entry in for type in entry.value { all[type] = entry.key } }
    }()

    private var known: String { modelTypes.dropLast().joined(separator: ", ") + " or " + (modelTypes.last ?? "") }

    private func withoutConfiguration(_ catalog: LayerCatalog) -> Problem {
        let family = catalog.family
        guard families.contains(where: { $0.family == family }) else {
            let named = families.filter(\.modelTypes.isEmpty).map(\.family.name)
            return Problem(
                "models of this kind cannot be run", expected: "\(known) with a config.json, or \(named.joined(separator: ", "))",
                found: "\(family.name), by the tensors' names")
        }
        return Problem(
            "is missing", subject: "config.json", expected: "the settings of the model, whose tensors have the names of \(family.name)",
            hint: "the number of heads cannot be seen from the tensors")
    }

    /// Refuses what would be run as something else: weights that are quantised while the model runs, models that answer with other things
    /// than tokens. Weights that are stored quantised were decoded when the checkpoint was opened, or cannot be read.
    ///
    /// - Parameter isInside: whether the language model is a part of another model, which is named instead.
    private static func checkWhatElseIsSaid(
        _ settings: Configuration, of family: RunnableFamily, isInside: Bool, _ checkpoint: Checkpoint
    ) throws(Problem) {
        if settings.hasValue("quantization_config"), !checkpoint.isDecoded {
            throw Problem(
                "the model quantises its weights when it runs, which is not done here", subject: "config.json: 'quantization_config'",
                expected: "weights that are stored quantised", found: "none among \(checkpoint.tensors.count) tensors")
        }
        guard let architecture = try settings.texts("architectures")?.first else { return }
        let known = family.architectures + (isInside ? ["ForConditionalGeneration"] : [])
        if known.contains(where: architecture.hasSuffix) { return }
        guard family.architectures == RunnableFamily.languageModels else {
            throw Problem(
                "a model with this head cannot be run", subject: "config.json: 'architectures'",
                expected: "a name that ends in \(family.architectures.joined(separator: ", "))", found: "'\(architecture)'")
        }
        throw Problem(
            "only language models can be run", subject: "config.json: 'architectures'",
            expected: "a name that ends in ForCausalLM or LMHeadModel", found: "'\(architecture)'")
    }
}
