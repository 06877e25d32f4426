extension GlobPattern {
    /// The names that need the fewest edits to become the pattern, for the message that nothing matches it; wild cards cost nothing.
    ///
    /// - Parameters:
    ///   - names: the compared texts and the names that they represent; at most the first 5000.
    ///   - count: how many to return.
    package func nearest(in names: [(compared: String, name: String)], count: Int = 3) -> [String] {
        let wanted = Array(text.utf8.prefix(200))
        let ranked = names.prefix(5000).enumerated().map { place, name in
            (Self.distance(wanted, Array(name.compared.utf8.prefix(200))), place, name.name)
        }
        return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(count).map(\.2)
    }

    /// Levenshtein's distance, where a `*` matches any run for nothing.
    private static func distance(_ pattern: [UInt8], _ name: [UInt8]) -> Int {
        var row = Array(0...name.count)
        for byte in pattern {
            let isStar = byte == UInt8(ascii: "*")
            var diagonal = row[0]
            if !isStar { row[0] += 1 }
            for j in name.indices {
                let above = row[j + 1]
                if isStar {
                    row[j + 1] = min(above, row[j])
                } else {
                    let same = byte == name[j] || byte == UInt8(ascii: "?")
                    row[j + 1] = min(diagonal + (same ? 0 : 1), above + 1, row[j] + 1)
                }
                diagonal = above
            }
        }
        return row[name.count]
    }
}
