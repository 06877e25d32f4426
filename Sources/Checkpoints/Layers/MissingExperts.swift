import Text

/// Mixtures that lack some of their experts, each of which has tensors of its own.
enum MissingExperts {
    /// What is said of them; nil if none lacks any.
    ///
    /// The experts are numbered from 0, and the router has a row for each.
    static func note(_ tensors: [TensorRecord], unreadable: [UnreadableTensor]) -> String? {
        var mixtures: [String: Set<Int>] = [:]
        for name in tensors.lazy.map(\.name) + unreadable.map(\.name) {
            guard let (mixture, expert) = expert(name) else { continue }
            mixtures[mixture, default: []].insert(expert)
        }
        guard !mixtures.isEmpty else { return nil }
        let shapes = Dictionary(
            tensors.lazy.filter { $0.shape.count == 2 }.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
        var lacking: [(mixture: String, missing: [Int], count: Int)] = []
        for (mixture, present) in mixtures {
            let routed = TensorParts.routerNames.lazy.compactMap { shapes[mixture.dropLast("experts.".count) + $0]?.first }.first
            let count = max((present.max() ?? 0) + 1, routed ?? 0)
            // A file can name any number.
            guard count > present.count, count <= mostExperts else { continue }
            lacking.append((mixture, (0..<count).filter { !present.contains($0) }, count))
        }
        guard let first = lacking.min(by: { $0.mixture.precedesNaturally($1.mixture) }) else { return nil }
        let others = lacking.count > 1 ? "; likewise \(ByteText.counted(lacking.count - 1, "other mixture"))" : ""
        return "'\(first.mixture.dropLast())' lacks \(first.missing.count == 1 ? "expert" : "experts") "
            + first.missing.map(String.init).listed() + " of \(first.count)" + others
    }

    private static let mostExperts = 1 << 16
    private static let word = Array("experts.".utf8)

    /// `layers.0.mlp.experts.` and 3 of `layers.0.mlp.experts.3.w1.weight`.
    private static func expert(_ name: String) -> (mixture: String, expert: Int)? {
        // Bytes are compared: every name is searched, and Unicode's equality of strings takes its time.
        guard let range = name.utf8.firstRange(of: word),
            range.lowerBound == name.startIndex || name.utf8[name.utf8.index(before: range.lowerBound)] == UInt8(ascii: ".")
        else { return nil }
        let number = name[range.upperBound...].utf8.prefix { $0 != UInt8(ascii: ".") }
        guard number.count <= 6, let expert = Int(Substring(number)), expert >= 0 else { return nil }
        return (String(name[..<range.upperBound]), expert)
    }
}
