import Text

/// Words as the longest pieces of the vocabulary, from left to right; a word that is none becomes the unknown token as a whole.
///
/// Source: the `tokenizers` package's WordPiece.
struct WordPieceModel: Sendable {
    let vocabulary: Vocabulary
    let unknown: String
    /// What precedes a piece that does not begin a word.
    let prefix: [UInt8]
    /// The characters of the longest word that is cut.
    let longestWord: Int

    init(_ vocabulary: Vocabulary, _ section: JSONSection) throws {
        self.vocabulary = vocabulary
        unknown = try section["unk_token"].string()
        prefix = Array(try section["continuing_subword_prefix"].string().utf8)
        longestWord = Int(try section["max_input_chars_per_word"].count())
    }

    /// Appends the tokens of a word.
    ///
    /// - Parameter buffer: memory that is used again from word to word.
    /// - Throws: ``Problem`` if the unknown token is needed and not in the vocabulary.
    func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32], _ buffer: inout [UInt8]) throws {
        let start = tokens.count
        var count = 0
        for byte in word where byte & 0xC0 != 0x80 { count += 1 }
        guard count <= longestWord else { return try appendUnknown(&tokens) }
        var position = 0
        while position < word.count {
            var end = word.count
            var found: Int32?
            while position < end {
                buffer.removeAll(keepingCapacity: true)
                if position > 0 { buffer.append(contentsOf: prefix) }
                buffer.append(contentsOf: word[position..<end])
                found = buffer.withUnsafeBufferPointer { vocabulary.id(of: $0) }
                if found != nil { break }
                end -= 1
                while end > position, word[end] & 0xC0 == 0x80 { end -= 1 }
            }
            guard let found else {
                tokens.removeSubrange(start...)
                return try appendUnknown(&tokens)
            }
            tokens.append(found)
            position = end
        }
    }

    private func appendUnknown(_ tokens: inout [Int32]) throws {
        guard let id = vocabulary.id(of: unknown) else {
            throw Problem(
                "the text holds a word outside the vocabulary, and the unknown token \(unknown.quotedInMessage) is not in it either")
        }
        tokens.append(id)
    }
}
