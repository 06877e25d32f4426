import Text

/// Which tensors of a program show the same numbers under several names, so that an operation that overwrites one of them changes all.
struct TensorAliases {
    /// The tensor whose numbers a tensor shows, if it is another.
    private var sources: [String: String] = [:]
    /// Tensors whose numbers were overwritten under another name, and the operation that did it.
    private var stale: [String: String] = [:]

    /// Operations that show their input's numbers in another form, or may.
    static let viewing: Set<String> = [
        "view", "reshape", "flatten", "unflatten", "transpose", "permute", "t", "numpy_T", "unsqueeze", "squeeze", "expand", "select",
        "slice", "split", "split_with_sizes", "chunk", "unbind", "detach", "alias", "contiguous", "to", "dropout", "feature_dropout",
        "alpha_dropout", "narrow", "movedim", "mT", "_unsafe_view", "identity", "lift_fresh", "expand_as", "type_as", "reshape_as",
        "view_as", "unfold", "diagonal",
    ]

    private func source(_ tensor: String) -> String { sources[tensor] ?? tensor }

    /// Refuses an operation that reads numbers which another has overwritten under another name.
    func check(_ node: TorchExportGraph.Node) throws(Problem) {
        for name in node.inputs.flatMap(\.value.names) { try check(name) }
    }

    func check(_ tensor: String) throws(Problem) {
        guard let operation = stale[tensor] else { return }
        throw Problem(
            "overwrites numbers that are read under another name, which is not run", subject: "operation '\(operation)'",
            found: "'\(tensor)'")
    }

    /// Follows an operation after it has run.
    ///
    /// - Parameters:
    ///   - parameters: the tensors of the model.
    ///   - written: the tensors whose numbers were replaced with those of the one that was overwritten.
    /// - Throws: ``Problem`` if it overwrites one of the model's own.
    mutating func follow(
        _ node: TorchExportGraph.Node, parameters: [String: String], written: Set<String> = []
    ) throws(Problem) {
        guard let input = node.inputs.first?.value.tensor else { return }
        if node.overwrites {
            let source = source(input)
            if let own = parameters[source] { throw Problem("overwrites a tensor of the model, which is not run", found: "'\(own)'") }
            let others = sources.filter { $0.value == source && $0.key != input }.map(\.key) + (source == input ? [] : [source])
            for name in others where !written.contains(name) { stale[name] = node.target }
            // What it made is the tensor itself.
            for output in node.outputs where output != input { sources[output] = source }
        } else if Self.viewing.contains(node.name) {
            for output in node.outputs where output != input {
                sources[output] = source(input)
                if let operation = stale[input] { stale[output] = operation }
            }
        }
    }
}
