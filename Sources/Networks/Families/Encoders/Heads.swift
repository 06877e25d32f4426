import Checkpoints
import Text

/// The head of an encoder, as the configuration or else the tensors say.
enum Heads {
    case bare
    case masked
    case classes

    /// - Parameters:
    ///   - masked: a tensor of the head for masked tokens.
    ///   - classes: a tensor of the head for classes.
    static func kind(_ source: FamilySource, masked: String, classes: String) throws(Problem) -> Heads {
        if let architecture = try source.settings.texts("architectures")?.first {
            if architecture.hasSuffix("ForSequenceClassification") { return .classes }
            return architecture.hasSuffix("Model") ? .bare : .masked
        }
        if source.names.has(classes) { return .classes }
        return source.names.has(masked) ? .masked : .bare
    }
}
