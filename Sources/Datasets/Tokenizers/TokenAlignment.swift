import Text

/// A text as it is normalised, character by character: its bytes, and the characters of the text that each is made of.
struct NormalizedCharacters {
    private(set) var bytes: [UInt8] = []
    /// For each byte the scalars of the text.
    private(set) var sources: [Range<Int>] = []
    /// The number of scalars of the text.
    private(set) var count = 0

    /// The sign that sentence pieces write for a space.
    private static let sign = Array("\u{2581}".utf8)

    /// The bytes with spaces for their signs.
    static func withSpaces(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(sign[0]) else { return bytes }
        var (result, place): ([UInt8], Int) = ([], 0)
        while place < bytes.count {
            let isSign = bytes[place...].starts(with: sign)
            result.append(isSign ? 0x20 : bytes[place])
            place += isSign ? sign.count : 1
        }
        return result
    }

    /// - Parameter signsAreSpaces: whether the tokens are spelled with the signs of spaces.
    /// - Throws: what the normalizer throws.
    init(
        _ text: UnsafeBufferPointer<UInt8>, _ normalizer: Normalizer, _ patterns: PatternList, _ matcher: inout PatternMatcher,
        signsAreSpaces: Bool
    ) throws {
        var normalizer = normalizer
        // What is put before a text, or taken from its ends, is nothing of a character's.
        normalizer.steps.removeAll { step in
            switch step {
            case .prepend, .strip: true
            default: false
            }
        }
        let composes = normalizer.steps.contains { if case .composed = $0 { true } else { false } }
        let scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
        count = scalars.count
        var start = 0
        while start < scalars.count {
            var end = start + 1
            // Marks may become one character with the one before them.
            if composes {
                while end < scalars.count, !scalars[end].isASCII, Self.joins(scalars[end]) { end += 1 }
            }
            var piece = Normalizer.Text(bytes: scalars[start..<end].flatMap { Array(UTF8.encode($0) ?? .init()) }, startsWholeText: false)
            if !normalizer.steps.isEmpty { try normalizer.apply(to: &piece, patterns, &matcher) }
            let made = signsAreSpaces ? Self.withSpaces(piece.bytes) : piece.bytes
            bytes += made
            let parts = String(decoding: made, as: UTF8.self).unicodeScalars
            if parts.count == end - start, parts.reduce(0, { $0 + UTF8.width($1) }) == made.count {
                // Nothing was joined.
                for (place, part) in parts.enumerated() {
                    sources += [Range<Int>](repeating: start + place..<start + place + 1, count: UTF8.width(part))
                }
            } else {
                sources += [Range<Int>](repeating: start..<end, count: made.count)
            }
            start = end
        }
    }

    private static func joins(_ scalar: Unicode.Scalar) -> Bool {
        if (0x1160...0x11FF).contains(scalar.value) { return true }
        return switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }
}

/// The places of tokens in a text, found from their spelling.
struct TokenAlignment {
    /// For each token the scalars of the text that it stands for.
    private(set) var ranges: [Range<Int>] = []

    private let source: NormalizedCharacters
    private let endsAtWords: Bool
    /// How far the next token is searched for behind one that spells nothing.
    private static let longestSearch = 4096

    /// - Parameters:
    ///   - tokens: what each spells; nil for those that spell nothing.
    ///   - endsAtWords: whether a token that spells nothing is a word.
    init(_ tokens: [[UInt8]?], in source: NormalizedCharacters, endsAtWords: Bool) {
        self.source = source
        self.endsAtWords = endsAtWords
        var cursor = 0
        var place = 0
        while place < tokens.count {
            if let token = tokens[place], let found = match(token, at: cursor) {
                ranges.append(scalars(found))
                cursor = found.upperBound
                place += 1
                continue
            }
            if endsAtWords, tokens[place] == nil, skippingSpaces(cursor) < source.bytes.count {
                let word = skippingSpaces(cursor)..<skipped(cursor)
                ranges.append(scalars(word))
                cursor = word.upperBound
                place += 1
                continue
            }
            // Until a token is found again, all share what is between.
            var next = place + 1
            var end: Int?
            while next < tokens.count, end == nil {
                if let token = tokens[next] { end = search(token, from: skipped(cursor)) }
                if end == nil { next += 1 }
            }
            let start = skippingSpaces(cursor)
            let stop = max(start, trimmed(end ?? source.bytes.count))
            for _ in place..<next { ranges.append(scalars(start..<stop)) }
            cursor = stop
            place = next
        }
    }

    /// The bytes of a token that begins at a place, or behind spaces there; one with a space before it may lack that.
    private func match(_ token: [UInt8], at cursor: Int) -> Range<Int>? {
        if let found = exact(token[...], at: cursor) { return found }
        let withoutSpaces = token.drop { $0 == 0x20 }
        if withoutSpaces.isEmpty { return cursor..<cursor }
        let start = skippingSpaces(cursor)
        if start > cursor, let found = exact(token[...], at: start) { return found }
        return exact(withoutSpaces, at: start)
    }

    private func exact(_ token: ArraySlice<UInt8>, at place: Int) -> Range<Int>? {
        guard place + token.count <= source.bytes.count, source.bytes[place..<place + token.count].elementsEqual(token) else { return nil }
        return place..<place + token.count
    }

    /// Where a token begins at the earliest; spaces before it are not counted.
    private func search(_ token: [UInt8], from start: Int) -> Int? {
        let wanted = token.drop { $0 == 0x20 }
        guard !wanted.isEmpty else { return nil }
        for place in start..<max(start, min(source.bytes.count, start + Self.longestSearch)) where exact(wanted, at: place) != nil {
            return place
        }
        return nil
    }

    /// The first place that can follow a token that spells nothing.
    private func skipped(_ cursor: Int) -> Int {
        var place = skippingSpaces(cursor)
        guard endsAtWords else { return min(place + 1, source.bytes.count) }
        let start = place
        while place < source.bytes.count, !isSpace(place), !isPunctuation(place) { place += 1 }
        return min(max(place, start + 1), source.bytes.count)
    }

    private func skippingSpaces(_ cursor: Int) -> Int {
        var place = cursor
        while place < source.bytes.count, isSpace(place) { place += 1 }
        return place
    }

    private func trimmed(_ end: Int) -> Int {
        var place = end
        while place > 0, isSpace(place - 1) { place -= 1 }
        return place
    }

    private func isSpace(_ place: Int) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(source.bytes[place]) }

    private func isPunctuation(_ place: Int) -> Bool {
        let byte = source.bytes[place]
        return (0x21...0x2F).contains(byte) || (0x3A...0x40).contains(byte) || (0x5B...0x60).contains(byte) || (0x7B...0x7E).contains(byte)
    }

    /// The scalars of the text that a range of bytes is made of.
    private func scalars(_ range: Range<Int>) -> Range<Int> {
        guard let first = range.first, let last = range.last else {
            let place = range.lowerBound < source.sources.count ? source.sources[range.lowerBound].lowerBound : source.count
            return place..<place
        }
        return source.sources[first].lowerBound..<source.sources[last].upperBound
    }
}
