/// The known word that a misspelt one was probably meant to be.
package enum NearestWord {
    /// - Returns: the word of `known` that differs least from `word`; nil if all differ too much for a typing mistake.
    package static func nearest(to word: String, in known: [String]) -> String? {
        let letters = Array(word.lowercased().unicodeScalars)
        // A long line of arguments is not a misspelling, and the table grows with the square of the length.
        guard !letters.isEmpty, letters.count <= 64 else { return nil }
        let ranked = known.compactMap { candidate -> (word: String, distance: Int)? in
            let target = Array(candidate.lowercased().unicodeScalars)
            let distance = distance(letters, target)
            if distance <= max(1, min(letters.count, target.count) / 3) { return (candidate, distance) }
            // The beginning of a word, which other programs accept as an abbreviation.
            let isBeginning = letters.count >= 3 && target.starts(with: letters)
            return isBeginning ? (candidate, target.count) : nil
        }
        return ranked.min { $0.distance < $1.distance }?.word
    }

    /// - Returns: the word of `known` that differs from `word` by one or two slips of the typist; nil if there is none. Short words differ by
    ///   one: other words are as near.
    package static func slip(of word: String, in known: some Sequence<String>) -> String? {
        let letters = Array(word.unicodeScalars)
        guard letters.count >= 4, letters.count <= 64 else { return nil }
        let most = letters.count < 8 ? 1 : 2
        return known.lazy.filter { abs($0.unicodeScalars.count - letters.count) <= most }
            .map { (word: $0, distance: distance(letters, Array($0.unicodeScalars))) }
            .filter { (1...most).contains($0.distance) }.min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
    }

    /// The insertions, deletions, replacements and exchanges of neighbours that turn one word into the other (optimal string alignment).
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var before: [Int] = []
        var row = Array(0...b.count)
        for i in a.indices {
            var next = [i + 1]
            for j in b.indices {
                var best = min(row[j] + (a[i] == b[j] ? 0 : 1), row[j + 1] + 1, next[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
                next.append(best)
            }
            (before, row) = (row, next)
        }
        return row[b.count]
    }
}
