import Pictures
import Text

/// Numbers and names in the sentences of titles, captions and alternative texts.
enum Words {
    /// Four decimals; `undefined` where there is no number.
    static func number(_ value: Double?) -> String { value.map(NumberText.rounded) ?? "undefined" }

    /// Two decimals, for titles.
    static func short(_ value: Double?) -> String {
        guard let value else { return "undefined" }
        let magnitude = abs(value)
        return magnitude != 0 && magnitude < 0.01 || magnitude >= 1e6 ? NumberText.rounded(value) : NumberText.fixed(value, digits: 2)
    }

    /// The numbers of one sentence, all with the same digits after the point: two, or as many as the smallest needs.
    static func together(_ values: [Double?]) -> [String] {
        let known = values.compactMap(\.self)
        guard known.allSatisfy({ abs($0) < 1e6 }) else { return values.map(number) }
        let digits = NullDistance.digits(known)
        return values.map { $0.map { NumberText.fixed($0, digits: digits) } ?? "undefined" }
    }

    /// Hundredths with one decimal, `95.0%`.
    static func percent(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "undefined" }
        return abs(value) > 1e6 ? NumberText.rounded(value) : NumberText.fixed(value * 100, digits: 1) + "%"
    }

    /// What savers put before the names of one model's tensors.
    private static let prefixes = ["module.", "_orig_mod.", "model."]

    /// The name of a layer without what was put before it.
    static func layer(_ name: String) -> String {
        var name = name
        while let prefix = prefixes.first(where: name.hasPrefix) { name = String(name.dropFirst(prefix.count)) }
        return name
    }

    /// The last component of a path: what tells checkpoints in one directory apart.
    static func name(ofPath path: String) -> String {
        let parts = path.split(separator: "/")
        return parts.last.map(String.init) ?? path
    }

    /// Short names for paths, for titles and legends: the last components, as many as tell them apart, and of long ones the parts that do.
    static func names(ofPaths paths: [String]) -> [String] {
        ShortNames.shortened(components(ofPaths: paths).map(\.singleLine), toWidth: longestName, size: 12)
    }

    /// Room for two names and what is said of them in one line of a title.
    private static let longestName = 230.0

    private static func components(ofPaths paths: [String]) -> [String] {
        let parts = paths.map { $0.split(separator: "/").map(String.init) }
        for count in 1...4 {
            let names = zip(parts, paths).map { $0.isEmpty ? $1 : $0.suffix(count).joined(separator: "/") }
            if Set(names).count == Set(paths).count { return names }
        }
        return paths
    }

    /// `a, b and c`, with the number of those that are not named.
    static func list(_ names: [String], atMost limit: Int = 12) -> String {
        if names.count > limit { return names.prefix(limit).joined(separator: ", ") + " and \(names.count - limit) more" }
        guard names.count > 1 else { return names.first ?? "none" }
        return names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1]
    }

    /// The number behind `step`, or the last number in a path: `run/step-200/model.pt` is 200.
    static func step(inPath path: String) -> Double? { stepPlace(in: Array(path.utf8))?.value }

    /// The number behind `step`, `checkpoint`, `epoch` or `iter` in a path, and the path with a star in its place; nil where no number is so
    /// named.
    static func namedStep(inPath path: String) -> (step: Double, rest: String)? {
        let bytes = Array(path.utf8)
        guard let found = stepPlace(in: bytes), found.isNamed else { return nil }
        let rest = bytes[..<found.place.lowerBound] + [UInt8(ascii: "*")] + bytes[found.place.upperBound...]
        return (found.value, String(decoding: rest, as: UTF8.self))
    }

    private static func stepPlace(in lower: [UInt8]) -> (value: Double, isNamed: Bool, place: Range<Int>)? {
        var found: (value: Double, isNamed: Bool, place: Range<Int>)?
        var position = 0
        while position < lower.count {
            guard (0x30...0x39).contains(lower[position]) else {
                position += 1
                continue
            }
            let start = position
            while position < lower.count, (0x30...0x39).contains(lower[position]) { position += 1 }
            guard position - start <= 15, let value = Double(String(decoding: lower[start..<position], as: UTF8.self)) else { continue }
            let before = String(decoding: lower[..<start].suffix(12), as: UTF8.self).lowercased()
            let isNamed = ["step", "checkpoint", "epoch", "iter"].contains {
                before.trimmingSuffix(while: { "-_=/. ".contains($0) }).hasSuffix($0)
            }
            if isNamed || found?.isNamed != true { found = (value, isNamed, start..<position) }
        }
        return found
    }
}

extension StringProtocol {
    /// The text without the characters at its end that `isLeftOut` names.
    fileprivate func trimmingSuffix(while isLeftOut: (Character) -> Bool) -> SubSequence {
        var rest = self[...]
        while let last = rest.last, isLeftOut(last) { rest = rest.dropLast() }
        return rest
    }
}
