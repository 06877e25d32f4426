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

extension Configuration {
    /// Checks that the settings speak of as many classes as a head has.
    ///
    /// - Parameters:
    ///   - count: the number of classes that the head scores.
    ///   - name: the tensor that has as many rows.
    /// - Throws: ``Problem`` naming the setting that speaks of others.
    func checkClasses(_ count: Int, rowsOf name: String) throws(Problem) {
        if let stated = try size("num_labels"), stated != count {
            throw problem("contradicts the tensors", "num_labels", expected: "\(count), as '\(name)' has rows")
        }
        guard let labels = try section("id2label")?.names, !labels.isEmpty else { return }
        if labels.count != count {
            throw problem(
                "contradicts the tensors", "id2label", expected: "\(count) names, as '\(name)' has rows", found: "\(labels.count)")
        }
        if let missing = (0..<count).first(where: { !labels.contains("\($0)") }) {
            throw problem(
                "contradicts the tensors", "id2label", expected: "a name for each class from 0 to \(count - 1)",
                found: "none for \(missing)")
        }
    }
}
