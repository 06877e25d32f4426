/// Compares what a document shows with what a command wrote.
enum ShownOutput {
    /// Whether the lines are the same, but for numbers of nine digits and more, which need only agree to one part in a million:
    /// on another CPU the last digits differ.
    static func matches(_ shown: [String], _ written: String) -> Bool {
        var lines = written.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return shown.count == lines.count && zip(shown, lines).allSatisfy(matchesLine)
    }

    private static func matchesLine(_ shown: String, _ written: String) -> Bool {
        if shown == written { return true }
        let (left, right) = (pieces(shown), pieces(written))
        guard left.count == right.count else { return false }
        return zip(left, right).allSatisfy { a, b in
            if a == b { return true }
            guard digits(a) >= 9, digits(b) >= 9, let x = Double(a), let y = Double(b) else { return false }
            return abs(x - y) <= 1e-6 * max(abs(x), abs(y))
        }
    }

    private static func digits(_ piece: Substring) -> Int { piece.utf8.count { (48...57).contains($0) } }

    /// The line cut between what can be a number and what cannot.
    private static func pieces(_ line: String) -> [Substring] {
        func isNumeric(_ character: Character) -> Bool { character.isASCII && (character.isNumber || "+-.e".contains(character)) }
        var pieces: [Substring] = []
        var rest = line[...]
        while let first = rest.first {
            let piece = rest.prefix { isNumeric($0) == isNumeric(first) }
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}
