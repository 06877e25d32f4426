import Text

/// The encoding of one text: its words, and the tokens of the words so far.
struct EncodingRun {
    private let model: TokenModel
    private let steps: [PreTokenizer.Step]
    private let patterns: PatternList
    private var matcher: PatternMatcher
    private var merging = BytePairMerging()
    /// The characters of a text that is cut before it is merged.
    private var characters: [Int32] = []
    /// The words seen, and where the tokens of each end in ``wordTokens``; for texts that are cut, the characters of the parts.
    private var words = ByteStringTable()
    private var wordEnds: [Int] = []
    private var wordTokens: [Int32] = []
    /// One buffer for each step that rewrites a piece.
    private var buffers: [[UInt8]]
    private(set) var tokens: [Int32] = []
    /// A part of a word that is looked up.
    private var piece: [UInt8] = []

    private static let longestRememberedWord = 128
    private static let maximumRememberedBytes = 1 << 22

    init(_ model: TokenModel, _ preTokenizer: PreTokenizer, _ patterns: PatternList, _ matcher: PatternMatcher) {
        self.model = model
        steps = preTokenizer.steps
        self.patterns = patterns
        self.matcher = matcher
        buffers = Array(repeating: [], count: steps.count)
    }

    /// Appends a token that was found literally in the text.
    mutating func append(_ token: Int32) { tokens.append(token) }

    /// Appends the tokens of a normalised text.
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, startsWholeText: Bool) throws {
        try split(text, step: 0, startsWholeText: startsWholeText)
    }

    /// Takes a piece through the steps from `step` on.
    private mutating func split(_ text: UnsafeBufferPointer<UInt8>, step: Int, startsWholeText: Bool) throws {
        if text.isEmpty { return }
        guard step < steps.count else { return try encode(text) }
        switch steps[step] {
        case .prependSpace:
            if text.first == 0x20 { return try split(text, step: step + 1, startsWholeText: startsWholeText) }
            try rewrite(step: step, startsWholeText) { buffer in
                buffer.append(0x20)
                buffer.append(contentsOf: text)
            }
        case .mapBytes:
            try rewrite(step: step, startsWholeText) { buffer in
                ByteAlphabet.encoded.withUnsafeBufferPointer { encoded in
                    for byte in text {
                        let character = encoded[Int(byte)]
                        buffer.append(UInt8(truncatingIfNeeded: character))
                        if character > 0xFF { buffer.append(UInt8(character >> 8)) }
                    }
                }
            }
        case .markSpaces(let sign, let scheme):
            try rewrite(step: step, startsWholeText) { buffer in
                let isMarked = text.first == 0x20 || text.starts(with: sign)
                if !isMarked, scheme == .always || scheme == .first && startsWholeText { buffer.append(contentsOf: sign) }
                for byte in text {
                    if byte == 0x20 { buffer.append(contentsOf: sign) } else { buffer.append(byte) }
                }
            }
        case .split(let pattern, let behavior, let isInverted):
            try split(text, at: pattern, behavior, isInverted: isInverted, step: step, startsWholeText: startsWholeText)
        }
    }

    private mutating func rewrite(step: Int, _ startsWholeText: Bool, _ fill: (inout [UInt8]) -> Void) throws {
        // The buffer is moved out while it is in use; no step is entered twice at the same time.
        var buffer: [UInt8] = []
        swap(&buffer, &buffers[step])
        buffer.removeAll(keepingCapacity: true)
        fill(&buffer)
        defer { swap(&buffer, &buffers[step]) }
        try buffer.withUnsafeBufferPointer { try split($0, step: step + 1, startsWholeText: startsWholeText) }
    }

    private mutating func split(
        _ text: UnsafeBufferPointer<UInt8>, at pattern: Int, _ behavior: PreTokenizer.Behavior, isInverted: Bool, step: Int,
        startsWholeText: Bool
    ) throws {
        let program = patterns.programs[pattern]
        matcher.allowSteps(forBytes: text.count)
        var search = PatternMatcher.Search()
        var pieces = PreTokenizer.Behavior.Pieces(behavior)
        var end = 0
        while let match = try matcher.next(program, number: pattern, in: text, &search) {
            if end < match.lowerBound {
                try pass(pieces.take(end..<match.lowerBound, isMatch: isInverted), of: text, step, startsWholeText)
            }
            try pass(pieces.take(match, isMatch: !isInverted), of: text, step, startsWholeText)
            end = match.upperBound
        }
        if end < text.count { try pass(pieces.take(end..<text.count, isMatch: isInverted), of: text, step, startsWholeText) }
        try pass(pieces.last(), of: text, step, startsWholeText)
    }

    @inline(__always)
    private mutating func pass(_ piece: Range<Int>?, of text: UnsafeBufferPointer<UInt8>, _ step: Int, _ startsWholeText: Bool) throws {
        guard let piece, !piece.isEmpty else { return }
        let part = UnsafeBufferPointer(rebasing: text[piece])
        try split(part, step: step + 1, startsWholeText: startsWholeText && piece.lowerBound == 0)
    }

    // MARK: - Words

    private mutating func encode(_ word: UnsafeBufferPointer<UInt8>) throws {
        switch model {
        case .bytePair(let model): try encode(word, model)
        case .wordPiece(let model):
            if appendRemembered(word) { return }
            let start = tokens.count
            try model.append(word, to: &tokens, &piece)
            remember(word, tokens[start...])
        case .unigram(let model):
            if appendRemembered(word) { return }
            let start = tokens.count
            try model.append(word, to: &tokens)
            remember(word, tokens[start...])
        case .wordLevel(let vocabulary, let unknown):
            guard let id = vocabulary.id(of: word) ?? vocabulary.id(of: unknown) else {
                throw Problem(
                    "the text holds a word outside the vocabulary, and the unknown token \(unknown.quotedInMessage) is not in it either")
            }
            tokens.append(id)
        }
    }

    private mutating func encode(_ word: UnsafeBufferPointer<UInt8>, _ model: BytePairModel) throws {
        guard word.count <= Int(Int32.max) else { throw Problem("a word of the text is longer than 2 GB") }
        if model.cutsTexts { return try encodeParts(of: word, model) }
        if appendRemembered(word) { return }
        let start = tokens.count
        if model.settings.ignoresMerges, let id = model.vocabulary.id(of: word) {
            tokens.append(id)
        } else {
            try model.appendCharacters(of: word, to: &tokens)
            merging.merge(&tokens, from: start, model.merges)
        }
        remember(word, tokens[start...])
    }

    /// Encodes a word that may be a whole text: if no merge joins two neighbours, the parts on both sides are merged separately.
    private mutating func encodeParts(of word: UnsafeBufferPointer<UInt8>, _ model: BytePairModel) throws {
        if model.settings.ignoresMerges, let id = model.vocabulary.id(of: word) { return tokens.append(id) }
        var characters: [Int32] = []
        swap(&characters, &self.characters)
        defer { swap(&characters, &self.characters) }
        characters.removeAll(keepingCapacity: true)
        try model.appendCharacters(of: word, to: &characters)
        characters.withUnsafeBufferPointer { characters in
            var start = 0
            for end in characters.indices.dropFirst() where !model.canJoin(characters[end - 1], characters[end]) {
                encode(characters[start..<end], model)
                start = end
            }
            if start < characters.count { encode(characters[start...], model) }
        }
    }

    private mutating func encode(_ characters: Slice<UnsafeBufferPointer<Int32>>, _ model: BytePairModel) {
        if characters.count == 1 { return tokens.append(characters[characters.startIndex]) }
        UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: characters)).withMemoryRebound(to: UInt8.self) { key in
            if appendRemembered(key) { return }
            let start = tokens.count
            tokens.append(contentsOf: characters)
            merging.merge(&tokens, from: start, model.merges)
            remember(key, tokens[start...])
        }
    }

    /// Appends the tokens of a word that was seen before.
    private mutating func appendRemembered(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        guard word.count <= Self.longestRememberedWord, let index = words.index(of: word) else { return false }
        tokens.append(contentsOf: wordTokens[(index == 0 ? 0 : wordEnds[index - 1])..<wordEnds[index]])
        return true
    }

    private mutating func remember(_ word: UnsafeBufferPointer<UInt8>, _ tokens: ArraySlice<Int32>) {
        guard word.count <= Self.longestRememberedWord else { return }
        if words.byteCount + word.count > Self.maximumRememberedBytes {
            words.removeAll()
            wordEnds.removeAll(keepingCapacity: true)
            wordTokens.removeAll(keepingCapacity: true)
        }
        words.insert(word)
        wordTokens.append(contentsOf: tokens)
        wordEnds.append(wordTokens.count)
    }
}
