import Checkpoints
import Text

/// Models of timm and torchvision whose tensors do not show everything that they compute: what is not seen is taken as the libraries' standard
/// models have it, and said.
enum StandardModels {
    /// What is assumed; nil if a config.json names a standard model, as the Hub's of timm do.
    ///
    /// - Parameters:
    ///   - unseen: what no tensor shows.
    ///   - assumed: what it is in the standard models.
    static func assumption(_ source: FamilySource, unseen: String, _ assumed: String) throws(Problem) -> String? {
        if let settings = try settings(source), settings.hasValue("architecture"), !settings.hasValue("model_args") { return nil }
        return "no tensor shows \(unseen): \(assumed), as the standard models have them"
    }

    /// Some of timm's models have the tensors of a standard one and compute something else: pools in place of strides, other activations.
    static func checkArchitecture(_ source: FamilySource) throws(Problem) {
        guard let settings = try settings(source), let name = try settings.text("architecture") else { return }
        let others = ["resnetblur", "resnetaa", "_gelu", "_clip_resnet", "quickgelu", "_aa_"]
        // Those of TensorFlow pad images on two sides alone.
        if name.hasPrefix("tf_") || others.contains(where: name.contains) || name.hasPrefix("resnet") && name.contains("_clip") {
            throw settings.problem("models of this kind cannot be run", "architecture", expected: "a standard model")
        }
    }

    static func settings(_ source: FamilySource) throws(Problem) -> Configuration? {
        guard let bytes = source.checkpoint.configuration else { return nil }
        return try Configuration(bytes)
    }

    /// Of vision transformers by their own names: heads, unless settings give them, activation and what the head reads.
    static func vision(_ source: FamilySource, _ network: Network, reading: String) throws(Problem) -> String? {
        let settings = try settings(source)
        let isStated = settings.map { $0.hasValue("num_heads") || $0.hasValue("num_attention_heads") } ?? false
        let heads = network.anatomy.blocks.first?.attention?.heads.heads ?? 0
        return try assumption(
            source,
            unseen: isStated ? "the activation and what the head reads" : "the number of heads, the activation and what the head reads",
            isStated ? "GELU and \(reading) are assumed" : "\(heads) heads, GELU and \(reading) are assumed")
    }
}
