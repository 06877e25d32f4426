/// Which of a model's outputs is its answer.
package enum ModelOutput {
    /// What the documentation of an output begins with that says what the model calls it.
    static let note = "modinspect: output "

    /// The output called `logits`, otherwise the first.
    ///
    /// - Parameter names: what the model calls its outputs of numbers, in its order: the keys of a dictionary, or places.
    package static func answer(among names: [String]) -> Int? { names.firstIndex(of: "logits") ?? names.indices.first }
}
