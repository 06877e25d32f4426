import Archives
import Text

extension LayerCatalog {
    /// The layers that `patterns` name, in the model's order.
    ///
    /// A pattern is matched against a layer's name, with and without the prefixes of training wrappers and base models; if nothing
    /// matches, it may be the end of a single name, such as `fc2.weight`. The name of a tensor that holds several layers selects them all;
    /// `[` and `]` also match themselves, so that a layer's name is a pattern. The names of a GGUF file that is read under transformers' names
    /// are patterns too, and so are all names of a tensor that has several. `all` selects every weight matrix; a pattern after `!`
    /// excludes layers. Without patterns the layers are ``defaultLayers``. If all patterns exclude, they do so from ``weightMatrices``.
    ///
    /// - Throws: ``Problem`` for a pattern that matches no weight matrix, and if no layer is left.
    package func select(_ patterns: [String]) throws(Problem) -> [Layer] {
        if layers.isEmpty, let first = unreadable.first(where: \.mayBeMatrix) { throw first.pathless }
        guard !layers.isEmpty else { throw Problem("no tensor is a weight matrix") }
        guard !patterns.isEmpty else {
            if let missing = unreadableDefaults.first { throw missing.pathless }
            let chosen = defaultLayers
            guard !chosen.isEmpty else { throw Problem("no tensor is a weight matrix of real numbers") }
            return chosen
        }
        var chosen: Set<String> = []
        if patterns.allSatisfy({ $0.hasPrefix("!") }) { chosen = Set(weightMatrices.map(\.name)) }
        for pattern in patterns {
            if pattern.hasPrefix("!") {
                chosen.subtract(try matches(String(pattern.dropFirst())))
            } else {
                chosen.formUnion(try matches(pattern))
            }
        }
        let selected = layers.filter { chosen.contains($0.name) }
        guard !selected.isEmpty else { throw Problem("leaves no layer", setting: .layers) }
        return selected
    }

    private func matches(_ pattern: String) throws(Problem) -> [String] {
        if pattern == "all" { return weightMatrices.map(\.name) }
        let glob = GlobPattern(pattern)
        let literal = pattern.contains("[") ? GlobPattern(pattern, readsSets: false) : nil
        func tensorNames(_ layer: Layer) -> [String] { layer.isPart ? ties.names(layer.tensorName) : [] }
        let found = layers.filter { layer in
            names(of: layer).contains { name in
                TensorName.withoutPrefixes(name).contains { glob.matches($0) || layer.isPart && literal?.matches($0) ?? false }
            } || tensorNames(layer).contains { TensorName.withoutPrefixes($0).contains { glob.matches($0) } }
        }
        if !found.isEmpty { return found.map(\.name) }
        let stored = layers.filter { layer in
            // An expert of several in one tensor is named with its place, and the tensor's name means all of them.
            fileName(of: layer).map { name in
                glob.matches(name) || literal?.matches(name) ?? false
                    || name.contains("[") && glob.matches(String(name.prefix { $0 != "[" }))
            } ?? false
        }
        if !stored.isEmpty { return stored.map(\.name) }
        if let bad = unreadable.first(where: { TensorName.withoutPrefixes($0.name).contains { glob.matches($0) } }) {
            throw bad.pathless
        }
        let ending = layers.filter { layer in
            (names(of: layer) + tensorNames(layer)).contains { TensorName.endings($0).contains(pattern[...]) }
        }
        if ending.count == 1 || Set(ending.map(\.tensorName)).count == 1 { return ending.map(\.name) }
        if ending.count > 1 {
            throw Problem(
                "'\(pattern)' matches the end of \(ending.count) layer names; '*.\(pattern)' selects all, the first are "
                    + ending.prefix(3).map { "'\($0.name)'" }.joined(separator: ", "))
        }
        if let bad = unreadable.first(where: { TensorName.endings($0.name).contains(pattern[...]) }) { throw bad.pathless }
        if let other = names.first(where: { name in TensorName.withoutPrefixes(name.full).contains { glob.matches($0) } }) {
            throw Problem("tensor '\(other.full)' is not a weight matrix")
        }
        throw Problem("no layer matches '\(pattern)'", hint: .nearest(nearestNames(to: pattern)))
    }

    /// The three layers whose names need the fewest edits to become the pattern; wild cards cost nothing.
    private func nearestNames(to pattern: String) -> [String] {
        let candidates = weightMatrices.isEmpty ? layers : weightMatrices
        return GlobPattern(pattern).nearest(in: candidates.map { (String(TensorName($0.name).bare), $0.name) })
    }
}
