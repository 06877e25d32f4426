/// A tensor's name taken apart at its dots, or at its slashes where it has no dots, without the prefixes that training wrappers and base models
/// put in front.
package struct TensorName: Sendable {
    /// The name in the checkpoint.
    package let full: String
    /// The name without ``ModelFamilies/prefixes`` at its front.
    package let bare: Substring
    /// The parts of the bare name between the dots or slashes.
    package let parts: [Substring]

    private static let prefixes = ModelFamilies.standard.prefixes
    /// Whether a prefix begins with a byte.
    private static let beginsPrefix = (UInt8.min...UInt8.max).map { byte in prefixes.contains { $0.utf8.first == byte } }

    private static func mayHavePrefix(_ name: Substring) -> Bool { name.utf8.first.map { beginsPrefix[Int($0)] } ?? false }

    package init(_ full: String) {
        self.full = full
        bare = Self.mayHavePrefix(full[...]) ? Self.withoutPrefixes(full).last ?? full[...] : full[...]
        // Keys of nested dictionaries may be joined by slashes instead. Bytes are split: a file has many names.
        let separator = bare.utf8.contains(UInt8(ascii: ".")) ? UInt8(ascii: ".") : UInt8(ascii: "/")
        parts = bare.utf8.split(separator: separator, omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// The names that a pattern may match: the full name, then the name with one prefix after another removed.
    package static func withoutPrefixes(_ name: String) -> [Substring] {
        var names = [name[...]]
        while let current = names.last, mayHavePrefix(current), let prefix = prefixes.first(where: { current.utf8.starts(with: $0.utf8) }),
            current.utf8.count > prefix.utf8.count
        {
            names.append(Substring(current.utf8.dropFirst(prefix.utf8.count)))
        }
        return names
    }

    /// The endings of a name after each of its dots, longest first; they have at least two parts, since every layer has a `weight`.
    static func endings(_ name: String) -> [Substring] {
        let dots = name.utf8.indices.filter { name.utf8[$0] == UInt8(ascii: ".") }
        return dots.dropLast().map { name[name.utf8.index(after: $0)...] }
    }

    /// The last part, `weight` or `bias` as a rule.
    package var last: Substring { parts.last ?? "" }

    /// The parts that name the module, without a closing `weight`.
    package var module: ArraySlice<Substring> { last == "weight" ? parts.dropLast() : parts[...] }

    /// The name of the module itself, `c_fc` in `h.0.mlp.c_fc.weight`.
    package var moduleName: Substring { module.last ?? "" }

    /// The part that has the experts of a mixture below it: `experts`, and in MLX the module that holds them all.
    package var experts: Substring? { parts.first(where: Self.mixtures.contains) }

    static let mixtures: Set<Substring> = ["experts", "switch_mlp", "switch_glu"]

    /// Whether a part is a number, as in the names of a stack of blocks.
    package var isNumbered: Bool { parts.contains { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } } }
}
