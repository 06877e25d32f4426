import Text

/// How tokens are decoded to text.
struct TokenDecoder: Sendable {
    enum Step: Sendable {
        /// Characters represent bytes; all tokens become one text.
        case byteLevel
        /// `<0x0A>` represents a byte.
        case byteFallback
        case replace(pattern: Int, content: [UInt8])
        /// Removes a character from each token's ends, at most this many times.
        case strip(character: [UInt8], start: Int, end: Int)
        /// All tokens become one text.
        case fuse
        /// The prefix joins a token to the one before it; a space separates the others. With `cleansUp`, the spaces before punctuation go.
        case wordPiece(prefix: [UInt8], cleansUp: Bool)
        /// The sign represents a space; with `dropsInFirst`, nothing in the first token.
        case metaspace(sign: [UInt8], dropsInFirst: Bool)
    }

    private var steps: [Step] = []
    /// Without a decoder, tokens are shown with spaces between them.
    private let joinsWithSpaces: Bool

    private static let known = "ByteLevel, ByteFallback, WordPiece, Replace, Strip, Fuse, Metaspace or Sequence"

    init(_ section: JSONSection, patterns: inout PatternList) throws {
        joinsWithSpaces = section.isNull
        if !section.isNull { try add(section, &patterns) }
        try section.checkLength(steps.count)
    }

    private mutating func add(_ section: JSONSection, _ patterns: inout PatternList) throws {
        let type = try section.type()
        switch type {
        case "ByteLevel": steps.append(.byteLevel)
        case "ByteFallback": steps.append(.byteFallback)
        case "Replace":
            steps.append(.replace(pattern: try patterns.add(section["pattern"]), content: Array(try section["content"].string().utf8)))
        case "Strip":
            let content = try section["content"].string()
            guard content.unicodeScalars.count == 1 else { throw section["content"].mismatch("one character") }
            steps.append(
                .strip(character: Array(content.utf8), start: Int(try section["start"].count()), end: Int(try section["stop"].count())))
        case "Fuse": steps.append(.fuse)
        case "WordPiece":
            steps.append(
                .wordPiece(
                    prefix: Array(try section["prefix"].string().utf8), cleansUp: try section["cleanup"].bool(absent: true)))
        case "Metaspace":
            steps.append(.metaspace(sign: Array(try section.metaspaceSign().utf8), dropsInFirst: try section.prependScheme() != .never))
        case "Sequence":
            for part in try section["decoders"].list() { try add(part, &patterns) }
        default: throw section.unknownType(type, known: Self.known)
        }
    }

    /// Whether a whole text is made, or one token's part in it.
    enum Extent {
        case wholeText
        /// Nothing is removed from the ends: the space before a word is part of its token.
        case oneToken
    }

    /// The text of the tokens, each given as the vocabulary writes it.
    func text(of tokens: [[UInt8]], _ extent: Extent, _ patterns: PatternList) -> String {
        var tokens = tokens
        var matcher = patterns.matcher()
        for step in steps {
            switch step {
            case .byteLevel: tokens = [Self.repaired(tokens.flatMap { ByteAlphabet.bytes(of: $0) ?? $0 })]
            case .byteFallback: tokens = Self.bytesJoined(tokens)
            case .replace(let pattern, let content):
                tokens = tokens.map { Self.replaced($0, patterns.programs[pattern], number: pattern, content, &matcher) }
            case .strip(let character, let start, let end):
                if extent == .wholeText { tokens = tokens.map { Self.stripped($0, character, start: start, end: end) } }
            case .fuse: tokens = [Array(tokens.joined())]
            case .wordPiece(let prefix, let cleansUp):
                tokens = tokens.enumerated().map { index, token in
                    Self.joined(token, prefix, cleansUp: cleansUp && extent == .wholeText, isFirst: index == 0)
                }
            case .metaspace(let sign, let dropsInFirst):
                tokens = tokens.enumerated().map { index, token in
                    Self.spaced(token, sign, dropsInFirst: dropsInFirst && index == 0 && extent == .wholeText)
                }
            }
        }
        return String(decoding: joinsWithSpaces ? Array(tokens.joined(separator: [0x20])) : Array(tokens.joined()), as: UTF8.self)
    }

    private static func repaired(_ bytes: [UInt8]) -> [UInt8] { Array(String(decoding: bytes, as: UTF8.self).utf8) }

    /// Joins the bytes of neighbouring tokens such as `<0xE2>`; if they are not UTF-8, each becomes the replacement character.
    private static func bytesJoined(_ tokens: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var pending: [UInt8] = []
        func flush() {
            if pending.isEmpty { return }
            if String(validating: pending, as: UTF8.self) != nil {
                result.append(pending)
            } else {
                result.append(contentsOf: pending.map { _ in Array("\u{FFFD}".utf8) })
            }
            pending = []
        }
        for token in tokens {
            if let byte = byte(of: token) {
                pending.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        return result
    }

    private static func byte(of token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }

    private static func replaced(
        _ token: [UInt8], _ program: PatternProgram, number: Int, _ content: [UInt8], _ matcher: inout PatternMatcher
    ) -> [UInt8] {
        token.withUnsafeBufferPointer { bytes in
            var (result, end, search): ([UInt8], Int, PatternMatcher.Search) = ([], 0, .init())
            matcher.allowSteps(forBytes: bytes.count)
            // A pattern that needs too many steps leaves the rest of the token unchanged: this text is only shown to people.
            while let match = try? matcher.next(program, number: number, in: bytes, &search) {
                result += bytes[end..<match.lowerBound]
                result += content
                end = match.upperBound
            }
            return result + bytes[end...]
        }
    }

    private static func stripped(_ token: [UInt8], _ character: [UInt8], start: Int, end: Int) -> [UInt8] {
        var rest = token[...]
        for _ in 0..<min(start, token.count) {
            guard rest.starts(with: character) else { break }
            rest = rest.dropFirst(character.count)
        }
        for _ in 0..<min(end, token.count) {
            guard rest.reversed().starts(with: character.reversed()) else { break }
            rest = rest.dropLast(character.count)
        }
        return Array(rest)
    }

    /// A token with what separates it from the one before it, as the package's WordPiece decoder writes it.
    private static func joined(_ token: [UInt8], _ prefix: [UInt8], cleansUp: Bool, isFirst: Bool) -> [UInt8] {
        var text = String(decoding: token, as: UTF8.self)
        if !isFirst {
            text = token.starts(with: prefix) ? String(decoding: token.dropFirst(prefix.count), as: UTF8.self) : " " + text
        }
        guard cleansUp else { return Array(text.utf8) }
        let pairs = [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"),
            (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ]
        for (old, new) in pairs { text = replaced(text, old, by: new) }
        return Array(text.utf8)
    }

    private static func replaced(_ text: String, _ old: String, by new: String) -> String {
        var (bytes, position, result): ([UInt8], Int, [UInt8]) = (Array(text.utf8), 0, [])
        while position < bytes.count {
            if bytes[position...].starts(with: old.utf8) {
                result += new.utf8
                position += old.utf8.count
            } else {
                result.append(bytes[position])
                position += 1
            }
        }
        bytes = result
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func spaced(_ token: [UInt8], _ sign: [UInt8], dropsInFirst: Bool) -> [UInt8] {
        var (result, position): ([UInt8], Int) = ([], 0)
        while position < token.count {
            if token[position...].starts(with: sign) {
                if !dropsInFirst { result.append(0x20) }
                position += sign.count
            } else {
                result.append(token[position])
                position += 1
            }
        }
        return result
    }
}
