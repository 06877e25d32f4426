import Text

/// Words as the pieces whose scores have the largest sum.
///
/// A character that is no piece has a score below all others; neighbouring ones are one unknown token, or the tokens of their bytes where the
/// model falls back to these. Source: the `tokenizers` package's Unigram (`encode_optimized`), after Kudo (2018).
struct UnigramModel: Sendable {
    let vocabulary: Vocabulary
    private let pieces: PieceIndex
    /// The score of each token.
    private let scores: [Double]
    private let unknown: Int32?
    private let unknownScore: Double
    /// The tokens `<0x00>` to `<0xFF>`, nil where one is missing; empty if there is no fallback to bytes.
    private let byteTokens: [Int32?]

    /// What an unknown character's score is below the lowest.
    private static let penalty = 10.0

    /// - Parameters:
    ///   - vocabulary: the token at each place of the list has that place as its id.
    ///   - scores: as many.
    /// - Throws: ``Problem`` for an unknown token that is none of the list's.
    init(_ vocabulary: Vocabulary, scores: [Double], _ section: JSONSection) throws {
        let known = section["unk_id"]
        unknown = known.isNull ? nil : try known.count()
        if let unknown, Int(unknown) >= scores.count {
            throw Problem("the unknown token is not in the vocabulary", expected: "an unk_id below \(scores.count)", found: "\(unknown)")
        }
        byteTokens =
            try section["byte_fallback"].bool(absent: false)
            ? (0..<256).map { byte in
                let digits = String(byte, radix: 16, uppercase: true)
                return vocabulary.id(of: "<0x" + (byte < 16 ? "0" : "") + digits + ">")
            } : []
        self.vocabulary = vocabulary
        self.scores = scores
        unknownScore = (scores.min() ?? 0) - Self.penalty
        pieces = PieceIndex((0..<scores.count).map { vocabulary.token(Int32($0)) ?? [] })
    }

    /// The best way to a place in a word.
    private struct Step {
        var score = 0.0
        /// Where the last piece begins; -1 if none ends here.
        var start = -1
        var token: Int32 = -1
    }

    /// Appends the tokens of a word.
    ///
    /// - Throws: ``Problem`` if the unknown token is needed and there is none.
    func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32]) throws {
        var steps = [Step](repeating: Step(), count: word.count + 1)
        func offer(_ token: Int32, score: Double, from start: Int, to end: Int) {
            guard steps[end].start < 0 || score > steps[end].score else { return }
            steps[end] = Step(score: score, start: start, token: token)
        }
        var start = 0
        while start < word.count {
            let before = steps[start].score
            let length = min(word.scalarLength(at: start), word.count - start)
            var hasOwnPiece = false
            pieces.forEachPrefix(of: UnsafeBufferPointer(rebasing: word[start...])) { token, count in
                offer(token, score: scores[Int(token)] + before, from: start, to: start + count)
                if count == length { hasOwnPiece = true }
            }
            if !hasOwnPiece { offer(try unknownToken(), score: unknownScore + before, from: start, to: start + length) }
            start += length
        }
        try append(path(through: steps), of: word, to: &tokens)
    }

    private func unknownToken() throws -> Int32 {
        guard let unknown else { throw Problem("the text holds a character outside the vocabulary, and the model has no unknown token") }
        return unknown
    }

    /// The pieces of the best way, from the word's beginning on; neighbouring unknown ones are one.
    private func path(through steps: [Step]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var wasUnknown = false
        var end = steps.count - 1
        while end > 0 {
            let step = steps[end]
            let isUnknown = step.token == unknown
            if isUnknown, wasUnknown, let last = found.popLast() {
                found.append(step.start..<last.upperBound)
            } else {
                found.append(step.start..<end)
            }
            wasUnknown = isUnknown
            end = step.start
        }
        return found.reversed()
    }

    private func append(_ pieces: [Range<Int>], of word: UnsafeBufferPointer<UInt8>, to tokens: inout [Int32]) throws {
        for range in pieces {
            let piece = UnsafeBufferPointer(rebasing: word[range])
            if let token = vocabulary.id(of: piece) {
                tokens.append(token)
            } else if !byteTokens.isEmpty, piece.allSatisfy({ byteTokens[Int($0)] != nil }) {
                tokens.append(contentsOf: piece.compactMap { byteTokens[Int($0)] })
            } else {
                tokens.append(try unknownToken())
            }
        }
    }
}

/// Pieces in the order of their bytes, in which all that begin a text are found.
private struct PieceIndex: Sendable {
    private let bytes: [UInt8]
    /// Where each piece begins and the last one ends.
    private let starts: [Int]
    private let tokens: [Int32]
    /// The pieces that begin with each byte, the first of them and the end.
    private let byFirstByte: [Int]

    /// - Parameter pieces: by token; empty ones are left out.
    init(_ pieces: [[UInt8]]) {
        let order = pieces.indices.filter { !pieces[$0].isEmpty }.sorted { pieces[$0].lexicographicallyPrecedes(pieces[$1]) }
        tokens = order.map { Int32($0) }
        var (bytes, starts): ([UInt8], [Int]) = ([], [0])
        for place in order {
            bytes += pieces[place]
            starts.append(bytes.count)
        }
        var counts = [Int](repeating: 0, count: 257)
        for place in order { counts[Int(pieces[place][0]) + 1] += 1 }
        for byte in 1..<257 { counts[byte] += counts[byte - 1] }
        (self.bytes, self.starts, byFirstByte) = (bytes, starts, counts)
    }

    /// Calls `body` with each piece that `text`, which is not empty, begins with, the shortest first, and its length.
    func forEachPrefix(of text: UnsafeBufferPointer<UInt8>, _ body: (Int32, Int) -> Void) {
        let first = Int(text[0])
        var (low, high) = (byFirstByte[first], byFirstByte[first + 1])
        var depth = 1
        while low < high {
            // Of pieces that begin alike, the one that ends here comes first.
            if starts[low + 1] - starts[low] == depth {
                body(tokens[low], depth)
                low += 1
            }
            guard depth < text.count else { return }
            let byte = text[depth]
            low = bound(low, high, depth) { $0 < byte }
            high = bound(low, high, depth) { $0 <= byte }
            depth += 1
        }
    }

    /// The first of the pieces from `low` on, all longer than `depth`, whose byte there is not `isBefore`.
    private func bound(_ low: Int, _ high: Int, _ depth: Int, _ isBefore: (UInt8) -> Bool) -> Int {
        var (low, high) = (low, high)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(bytes[starts[middle] + depth]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
