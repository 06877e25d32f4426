import Text

/// Shortens names that are shown together: names that differ never look the same.
package enum ShortNames {
    /// Names at whose ends pictures cut.
    private static let separators: Set<Character> = [".", "/", "-", "_", ":", ",", " "]
    /// Names longer than this are cut in the middle alone, and numbered where that leaves them alike.
    private static let longest = 2000

    /// The names in their order, each at most as wide as it may be.
    ///
    /// Each is cut in the middle, see `String.shortened`. Names that would look the same keep the parts in which they differ, with as much
    /// around these as there is room for: `…0.attn.c_proj.weight` and `…0.mlp.c_proj.weight`.
    static func shortened(_ names: [String], toWidths widths: [Double], size: Double, bold: Bool = false) -> [String] {
        var result = zip(names, widths).map { $0.shortened(toWidth: $1, size: size, bold: bold) }
        /// The texts of these names with the parts in which they all differ; nil if some name has no room for its own.
        func told(_ members: [Int]) -> [String?]? {
            let differing = Set(members.map { names[$0] }).sorted()
            guard differing.allSatisfy({ $0.utf8.count <= longest }) else { return nil }
            let window = Window(differing.map(Array.init))
            return members.map { index in
                window.text(of: Array(names[index])) { TextWidth.width(of: $0, size: size, bold: bold) <= widths[index] }
            }
        }
        guard !alike(result, names).isEmpty else { return result }
        // All that are cut are cut in the same way if that tells them.
        let cut = names.indices.filter { result[$0] != names[$0] && !result[$0].isEmpty }
        if let texts = told(cut), texts.allSatisfy({ $0 != nil }) {
            var whole = result
            for (index, text) in zip(cut, texts) { whole[index] = text ?? "" }
            if alike(whole, names).isEmpty { return whole }
        }
        for members in alike(result, names) {
            for (index, text) in zip(members, told(members) ?? []) { result[index] = text ?? result[index] }
        }
        // No parts are left to tell these by.
        for members in alike(result, names) {
            var numbers: [String: Int] = [:]
            for index in members {
                let number = numbers[names[index]] ?? numbers.count + 1
                numbers[names[index]] = number
                let mark = " (\(number))"
                let room = widths[index] - TextWidth.width(of: mark, size: size, bold: bold)
                guard number > 1, room > 0 else { continue }
                result[index] = names[index].shortened(toWidth: room, size: size, bold: bold) + mark
            }
        }
        return result
    }

    package static func shortened(_ names: [String], toWidth width: Double, size: Double, bold: Bool = false) -> [String] {
        shortened(names, toWidths: Array(repeating: width, count: names.count), size: size, bold: bold)
    }

    /// The places of texts that are the same though their names are not, group by group; what has no room at all is left out.
    private static func alike(_ texts: [String], _ names: [String]) -> [[Int]] {
        Dictionary(grouping: texts.indices.filter { !texts[$0].isEmpty }, by: { texts[$0] }).values
            .filter { members in members.contains { names[$0] != names[members[0]] } }
            .sorted { $0[0] < $1[0] }
    }

    /// The parts of names that differ, between those that all have in common.
    private struct Window {
        /// How many characters of every name's beginning and end are the same in all, up to whole parts.
        let head: Int
        let tail: Int

        init(_ names: [[Character]]) {
            let shortest = names.map(\.count).min() ?? 0
            guard let first = names.first else {
                (head, tail) = (0, 0)
                return
            }
            var head = 0
            while head < shortest, names.allSatisfy({ $0[head] == first[head] }) { head += 1 }
            while head > 0, !separators.contains(first[head - 1]) { head -= 1 }
            var tail = 0
            while tail < shortest - head, names.allSatisfy({ $0[$0.count - 1 - tail] == first[first.count - 1 - tail] }) { tail += 1 }
            while tail > 0, !separators.contains(first[first.count - tail]) { tail -= 1 }
            (self.head, self.tail) = (head, tail)
        }

        /// The part that differs and what fits around it, part by part, to the right and to the left in turn; nil if not even the former fits.
        func text(of name: [Character], fits: (String) -> Bool) -> String? {
            func text(_ range: Range<Int>) -> String {
                (range.lowerBound > 0 ? "…" : "") + String(name[range]) + (range.upperBound < name.count ? "…" : "")
            }
            var range = head..<max(head, name.count - tail)
            guard fits(text(range)) else { return nil }
            var (canGrowRight, canGrowLeft) = (true, true)
            while canGrowRight || canGrowLeft {
                canGrowRight = canGrowRight && range.upperBound < name.count
                if canGrowRight {
                    var end = range.upperBound + 1
                    while end < name.count, !separators.contains(name[end]) { end += 1 }
                    canGrowRight = fits(text(range.lowerBound..<end))
                    if canGrowRight { range = range.lowerBound..<end }
                }
                canGrowLeft = canGrowLeft && range.lowerBound > 0
                if canGrowLeft {
                    var start = range.lowerBound - 1
                    while start > 0, !separators.contains(name[start - 1]) { start -= 1 }
                    canGrowLeft = fits(text(start..<range.upperBound))
                    if canGrowLeft { range = start..<range.upperBound }
                }
            }
            return text(range)
        }
    }
}
