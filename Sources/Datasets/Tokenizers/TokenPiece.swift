import Text

/// A token of a text, with the part of the text that it stands for.
package struct TokenPiece: Sendable, Equatable {
    package let id: Int32
    /// As the vocabulary writes it.
    package let entry: String
    /// The characters of the text, as Unicode scalars counted from 0; nil for what the tokenizer puts around it. Tokens that share a character
    /// have it both.
    package let range: Range<Int>?
    /// Whether the token is one of those that mean no text.
    package let isSpecial: Bool
}

extension Tokenizer {
    /// The tokens of ``encode(_:addingSpecialTokens:)`` with their places in the text.
    ///
    /// A token that was found literally has its exact place. The places of the others follow from their spelling in the normalised text: what
    /// normalisation makes of each character is known, and a token that spells none of it, as the unknown one, has what its neighbours leave.
    ///
    /// - Throws: as ``encode(_:addingSpecialTokens:)``.
    package func pieces(of text: String, addingSpecialTokens specialTokens: SpecialTokens) throws -> [TokenPiece] {
        do {
            var text = text
            let found = try text.withUTF8 { try places(of: $0) }
            let special = specialTokens == .byTemplate ? postProcessor.apply(to: [-1]) : [-1]
            return special.flatMap { token in
                token == -1 ? found.map { piece($0.id, $0.range) } : [piece(token, nil)]
            }
        } catch let problem as Problem {
            throw problem.at(path: path)
        }
    }

    private func piece(_ id: Int32, _ range: Range<Int>?) -> TokenPiece {
        TokenPiece(id: id, entry: entry(of: id) ?? "", range: range, isSpecial: added.isSpecial(id))
    }

    private func places(of text: UnsafeBufferPointer<UInt8>) throws -> [(id: Int32, range: Range<Int>)] {
        var matcher = patterns.matcher()
        var found: [(id: Int32, range: Range<Int>)] = []
        var first = 0
        for segment in try added.raw.segments(of: text) {
            let part = UnsafeBufferPointer(rebasing: text[segment.range])
            let scalars = part.count { $0 & 0xC0 != 0x80 }
            defer { first += scalars }
            if let token = segment.token {
                found.append((token, first..<first + scalars))
                continue
            }
            let ids = try encode(part, startsWholeText: segment.range.lowerBound == 0, &matcher)
            let source = try NormalizedCharacters(part, normalizer, patterns, &matcher, signsAreSpaces: !preTokenizer.mapsBytes)
            let spelt = ids.map { spelling(of: $0) }
            for (id, range) in zip(ids, TokenAlignment(spelt, in: source, endsAtWords: model.endsAtWords).ranges) {
                found.append((id, first + range.lowerBound..<first + range.upperBound))
            }
        }
        return found
    }

    /// The tokens of a part between added tokens.
    private func encode(_ part: UnsafeBufferPointer<UInt8>, startsWholeText: Bool, _ matcher: inout PatternMatcher) throws -> [Int32] {
        var run = EncodingRun(model, preTokenizer, patterns, matcher)
        var normalized = Normalizer.Text(bytes: Array(part), startsWholeText: startsWholeText)
        try normalizer.apply(to: &normalized, patterns, &matcher)
        try normalized.bytes.withUnsafeBufferPointer { text in
            for segment in try added.normalized.segments(of: text) {
                if let token = segment.token {
                    run.append(token)
                } else {
                    let startsText = normalized.startsWholeText && segment.range.lowerBound == 0
                    try run.append(UnsafeBufferPointer(rebasing: text[segment.range]), startsWholeText: startsText)
                }
            }
        }
        return run.tokens
    }

    /// The bytes of the normalised text that a token spells; nil if it spells none.
    private func spelling(of token: Int32) -> [UInt8]? {
        if token == model.unknownToken { return nil }
        if let form = added.form(of: token) { return preTokenizer.mapsBytes ? form : NormalizedCharacters.withSpaces(form) }
        guard let bytes = model.vocabulary.token(token) else { return nil }
        if preTokenizer.mapsBytes { return ByteAlphabet.bytes(of: bytes) ?? bytes }
        if case .bytePair(let model) = model, let byte = model.byteTokens.firstIndex(of: token) { return [UInt8(byte)] }
        if case .wordPiece(let model) = model, !model.prefix.isEmpty, bytes.starts(with: model.prefix) {
            return Array(bytes.dropFirst(model.prefix.count))
        }
        return NormalizedCharacters.withSpaces(bytes)
    }
}

extension PreTokenizer {
    fileprivate var mapsBytes: Bool { steps.contains { if case .mapBytes = $0 { true } else { false } } }
}

extension TokenModel {
    /// The token of what is not in the vocabulary; nil if there is none.
    fileprivate var unknownToken: Int32? {
        if case .bytePair(let model) = self { return model.unknown }
        if case .wordPiece(let model) = self { return model.vocabulary.id(of: model.unknown) }
        if case .wordLevel(let vocabulary, let unknown) = self { return vocabulary.id(of: unknown) }
        return nil
    }

    /// Whether an unknown token is a whole word.
    fileprivate var endsAtWords: Bool {
        switch self {
        case .wordPiece, .wordLevel: true
        default: false
        }
    }
}
