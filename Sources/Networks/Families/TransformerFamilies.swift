import Checkpoints
import Text

/// The families of models that can be run: from a checkpoint's configuration and names to a network.
package struct TransformerFamilies: Sendable {
    package let families: [RunnableFamily]

    /// The families of this program. A family belongs here and, with its names, among ``ModelFamilies/standard``.
    package static let standard = TransformerFamilies([
        GPT2.family, GPTNeoX.family, Llama.family, Mistral.family, Qwen2.family, Gemma.family, Grokking.family,
        Bert.family, Roberta.family, DistilBert.family, Electra.family,
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
        let (family, settings) = try families.family(of: checkpoint, catalog: catalog)
        return try family.network(
            FamilySource(settings: settings, names: CheckpointNames(checkpoint), checkpoint: checkpoint, catalog: catalog))
    }

    /// The family that builds the network of a checkpoint, and the settings that it reads.
    private func family(
        of checkpoint: Checkpoint, catalog: LayerCatalog
    ) throws(Problem) -> (RunnableFamily, Configuration) {
        if let family = families.first(where: { $0.family == catalog.family }), family.modelTypes.isEmpty {
            return (family, Configuration([:]))
        }
        guard let configuration = checkpoint.configuration else { throw withoutConfiguration(catalog) }
        let settings = try Configuration(configuration)
        guard let modelType = try settings.text("model_type") else {
            throw Problem("is missing", subject: "config.json: 'model_type'", expected: known)
        }
        guard let family = families.first(where: { $0.modelTypes.contains(modelType) }) else {
            throw settings.problem("models of this kind cannot be run", "model_type", expected: known)
        }
        try Self.checkWhatElseIsSaid(settings, checkpoint, family)
        return (family, settings)
    }

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
    private static func checkWhatElseIsSaid(
        _ settings: Configuration, _ checkpoint: Checkpoint, _ family: RunnableFamily
    ) throws(Problem) {
        if settings.hasValue("quantization_config"), !checkpoint.isDecoded {
            throw Problem(
                "the model quantises its weights when it runs, which is not done here", subject: "config.json: 'quantization_config'",
                expected: "weights that are stored quantised", found: "none among \(checkpoint.tensors.count) tensors")
        }
        guard let architecture = try settings.texts("architectures")?.first else { return }
        if family.architectures.contains(where: architecture.hasSuffix) { return }
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
