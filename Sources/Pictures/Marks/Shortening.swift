import Text

extension String {
    /// The text if it is at most so wide, else its beginning and its end with an ellipsis between them; empty if not even that
    /// has room.
    ///
    /// Names of layers and neurons tell themselves apart at both ends. Very long texts are cut before they are measured.
    package func shortened(toWidth width: Double, size: Double = 12, bold: Bool = false) -> String {
        let limit = max(0, Int(min(width, 1e5)) + 1)
        if utf8.count <= 4 * limit, TextWidth.width(of: self, size: size, bold: bold) <= width { return self }
        // A character is at least a quarter of a pixel wide, so no more of either end can fit.
        let head = Array(prefix(2 * limit))
        let tail = Array(suffix(2 * limit))
        func cut(_ count: Int) -> String {
            let behind = count / 2
            return String(head.prefix(count - behind)) + "…" + String(tail.suffix(behind))
        }
        var (fitting, tooMany) = (-1, min(head.count, tail.count) + 1)
        while fitting + 1 < tooMany {
            let count = (fitting + tooMany) / 2
            if TextWidth.width(of: cut(count), size: size, bold: bold) <= width { fitting = count } else { tooMany = count }
            if count == 0, fitting < 0 { return "" }
        }
        return fitting < 0 ? "" : cut(fitting)
    }

    /// The text in lines of at most this width, broken at spaces; words that are wider are shortened.
    package func wrapped(toWidth width: Double, size: Double = 12, bold: Bool = false, maximum: Int = 8) -> [String] {
        var lines: [String] = []
        var line = ""
        for part in split(whereSeparator: { $0 == " " || $0.isNewline }) {
            // Marks of the direction of text would turn what follows them.
            let word = String(part).singleLine
            let joined = line.isEmpty ? word : line + " " + word
            if joined.utf8.count < 4096, TextWidth.width(of: joined, size: size, bold: bold) <= width {
                line = joined
                continue
            }
            if !line.isEmpty { lines.append(line) }
            if lines.count == maximum {
                lines[maximum - 1] = (lines[maximum - 1] + " …").shortened(toWidth: width, size: size, bold: bold)
                return lines
            }
            line = word.shortened(toWidth: width, size: size, bold: bold)
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }
}

extension Array<String> {
    /// Each text ``String/shortened(toWidth:size:bold:)``, where different texts would become the same with what tells them apart between two
    /// ellipses: of `blocks.0.attention.output.weight` and `blocks.0.attention.query.weight` it is `output` and `query`.
    ///
    /// What still is the same has no room to differ.
    package func shortenedApart(toWidth width: Double, size: Double = 12, bold: Bool = false) -> [String] {
        var short = map { $0.shortened(toWidth: width, size: size, bold: bold) }
        let groups = Dictionary(grouping: indices) { short[$0] }
        for (text, members) in groups where !text.isEmpty && members.count > 1 && Set(members.map { self[$0] }).count > 1 {
            guard members.allSatisfy({ self[$0].utf8.count <= Self.longest }) else { continue }
            let names = members.map { [Character](self[$0]) }
            let shared = Self.shared(names)
            for (index, name) in zip(members, names) {
                let middle = Swift.max(0, shared.start - Self.context)..<name.count - shared.end
                let known = Self.cut(name, around: middle) { TextWidth.width(of: $0, size: size, bold: bold) <= width }
                // Where they differ in several places, those at both ends of what differs are shown.
                let room = width - 2 * TextWidth.width(of: "…", size: size, bold: bold)
                let part = String(name[middle]).shortened(toWidth: room, size: size, bold: bold)
                short[index] = known ?? (part.isEmpty ? short[index] : "…\(part)…")
            }
        }
        return short
    }

    /// Longer texts are not compared.
    private static var longest: Int { 4096 }

    /// So many characters before the first difference are shown, so that a number has its word before it.
    private static var context: Int { 4 }

    /// How many characters all names have in common at the start, and how many of the others at the end.
    private static func shared(_ names: [[Character]]) -> (start: Int, end: Int) {
        let first = names[0]
        var (start, end) = (0, 0)
        let shortest = names.map(\.count).min() ?? 0
        while start < shortest, names.allSatisfy({ $0[start] == first[start] }) { start += 1 }
        while end < shortest - start, names.allSatisfy({ $0[$0.count - 1 - end] == first[first.count - 1 - end] }) { end += 1 }
        return (start, end)
    }

    /// The middle with as much of both ends as fits; nil if not even the middle fits.
    private static func cut(_ name: [Character], around middle: Range<Int>, fits: (String) -> Bool) -> String? {
        func text(_ ends: Int) -> String {
            let (head, tail) = (Swift.min((ends + 1) / 2, middle.lowerBound), Swift.min(ends / 2, name.count - middle.upperBound))
            return String(name[..<head]) + (head < middle.lowerBound ? "…" : "") + String(name[middle])
                + (middle.upperBound < name.count - tail ? "…" : "") + String(name[(name.count - tail)...])
        }
        guard fits(text(0)) else { return nil }
        var (fitting, tooMany) = (0, name.count + 1)
        while fitting + 1 < tooMany {
            let count = (fitting + tooMany) / 2
            if fits(text(count)) { fitting = count } else { tooMany = count }
        }
        return text(fitting)
    }
}
