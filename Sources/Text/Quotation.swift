extension String {
    /// The text between quotes, cut if it is long: how a message shows what a file holds.
    package var quotedInMessage: String {
        unicodeScalars.count <= 60 ? "'\(self)'" : "'\(String(String.UnicodeScalarView(unicodeScalars.prefix(60))))...'"
    }
}

extension String {
    /// The most characters of a name that messages show: no file's name is longer.
    package static var longestNameInMessage: Int { 256 }

    /// The text with its middle left out if it is longer than `limit` characters.
    package func shortened(to limit: Int) -> String {
        guard utf8.count > limit, unicodeScalars.count > limit else { return self }
        let tail = (limit - 3) / 3
        let head = String(UnicodeScalarView(unicodeScalars.prefix(limit - 3 - tail)))
        return head + "..." + String(UnicodeScalarView(unicodeScalars.suffix(tail)))
    }

    /// The text as it stands in a message: the middle is left out of what stands between quotes, of each word, and of the whole, if they are
    /// long. A hostile file has names of megabytes.
    ///
    /// - Parameter longestWord: what a word outside of quotes may have, as a path does.
    package func shortenedForMessage(longestWord: Int = longestNameInMessage) -> String {
        let limit = Self.longestNameInMessage
        guard utf8.count > limit else { return self }
        var text = ""
        for (place, part) in split(separator: "'", omittingEmptySubsequences: false).enumerated() {
            if place > 0 { text += "'" }
            if part.utf8.count <= limit {
                text += part
            } else if place % 2 == 1 {
                text += String(part).shortened(to: limit)
            } else {
                text += part.split(separator: " ", omittingEmptySubsequences: false).map { String($0).shortened(to: longestWord) }
                    .joined(separator: " ")
            }
        }
        return text.shortened(to: 8 * max(limit, longestWord))
    }
}
