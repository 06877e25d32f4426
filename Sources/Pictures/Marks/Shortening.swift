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

    /// The words of the text, each on one line: marks of the direction of text would turn what follows them. No line ends before or behind the
    /// sign in `k = 4` and `0.57 ± 0.02`.
    var words: [String] {
        var words: [String] = []
        var isOpen = false
        for part in split(whereSeparator: { $0 == " " || $0.isNewline }) {
            let word = String(part).singleLine
            let isSign = word == "=" || word == "±"
            if isOpen || isSign, let last = words.last, last.utf8.count < 64 {
                words[words.count - 1] = last + " " + word
            } else {
                words.append(word)
            }
            isOpen = isSign
        }
        return words
    }

    /// The text in lines of at most this width, broken at spaces; words that are wider are shortened.
    ///
    /// - Parameter shortened: words that are too wide as they look beside others.
    package func wrapped(
        toWidth width: Double, size: Double = 12, bold: Bool = false, maximum: Int = 8, shortened: [String: String] = [:]
    ) -> [String] {
        var lines: [String] = []
        var line = ""
        for whole in words {
            let word = shortened[whole] ?? whole
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
