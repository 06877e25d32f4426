import Text

/// The tokens that are found in a text before it is split into words: special tokens, and those that a user added.
struct AddedTokens: Sendable {
    struct Token: Sendable {
        let content: String
        let id: Int32
        /// Whether it is found only if no word character is next to it.
        let isSingleWord: Bool
        /// Whether it includes the white space to its left.
        let stripsLeft: Bool
        let stripsRight: Bool
        /// Whether it is found in the normalised text, by its own normalised form.
        let isNormalized: Bool
        let isSpecial: Bool
    }

    /// A stretch of a text: a token, or text between tokens (`token` nil). Never empty.
    struct Segment {
        let range: Range<Int>
        let token: Int32?
    }

    private var tokens: [Token] = []
    private var special: Set<Int32> = []
    /// Prefix tree: node and byte -> node; the root is 0.
    private var children: [UInt64: Int32] = [:]
    /// The token that ends at each node, or -1.
    private var ends: [Int32] = [-1]
    private var firstBytes = Array(repeating: false, count: 256)

    static let maximumLength = 1_000
    /// The work allowed for each byte of text; real tokens need about one.
    private static let stepsPerByte = 100

    var isEmpty: Bool { tokens.isEmpty }

    /// Whether an id is that of a special token among these.
    func isSpecial(_ id: Int32) -> Bool { special.contains(id) }

    /// Adds a token that is found as `form`; if two have the same form, the first is kept.
    mutating func add(_ token: Token, form: [UInt8]) throws {
        guard !form.isEmpty else { return }
        guard form.count <= Self.maximumLength else {
            throw Problem(
                "the added token \(token.content.quotedInMessage) is too long", expected: "at most \(Self.maximumLength) bytes")
        }
        var node: Int32 = 0
        for byte in form {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let child = children[key] {
                node = child
            } else {
                children[key] = Int32(ends.count)
                node = Int32(ends.count)
                ends.append(-1)
            }
        }
        firstBytes[Int(form[0])] = true
        if ends[Int(node)] < 0 { ends[Int(node)] = Int32(tokens.count) }
        tokens.append(token)
        if token.isSpecial { special.insert(token.id) }
    }

    /// Cuts `text` into tokens and the text between them; the longest of the tokens that start at the same place is used.
    ///
    /// - Throws: ``Problem`` if the tokens almost match nearly everywhere, so that the search would take absurdly long.
    func segments(of text: UnsafeBufferPointer<UInt8>) throws -> [Segment] {
        var segments: [Segment] = []
        var remainingSteps = text.count * Self.stepsPerByte + 1_000_000
        var (position, textStart) = (0, 0)
        // A token may be found inside the white space that one before it has taken: that ends where it ended.
        var spaceEnd = 0
        while position < text.count {
            guard firstBytes[Int(text[position])], let match = longestMatch(at: position, text, &remainingSteps) else {
                guard remainingSteps >= 0 else { throw Problem("the added tokens take too many steps on this text") }
                position += 1
                continue
            }
            var (start, end) = (position, match.end)
            position = match.end
            let token = tokens[match.token]
            if token.isSingleWord, Self.endsInWord(text, start) || Self.startsWithWord(text, end) { continue }
            if token.stripsLeft {
                while start > textStart, Self.isSpace(text, at: text.scalarStart(before: start)) { start = text.scalarStart(before: start) }
            }
            if token.stripsRight {
                if end >= spaceEnd {
                    spaceEnd = end
                    while spaceEnd < text.count, Self.isSpace(text, at: spaceEnd) {
                        spaceEnd += text.scalarLength(at: spaceEnd)
                        remainingSteps -= 1
                    }
                }
                end = spaceEnd
            }
            if textStart < start { segments.append(Segment(range: textStart..<start, token: nil)) }
            segments.append(Segment(range: start..<end, token: token.id))
            textStart = end
        }
        if textStart < text.count { segments.append(Segment(range: textStart..<text.count, token: nil)) }
        return segments
    }

    private func longestMatch(at start: Int, _ text: UnsafeBufferPointer<UInt8>, _ steps: inout Int) -> (token: Int, end: Int)? {
        var (node, position) = (Int32(0), start)
        var found: (token: Int, end: Int)?
        while position < text.count, let child = children[UInt64(node) << 8 | UInt64(text[position])] {
            (node, position) = (child, position + 1)
            steps -= 1
            if ends[Int(node)] >= 0 { found = (Int(ends[Int(node)]), position) }
        }
        return found
    }

    private static let word = ScalarClass(items: [ScalarClass.wordOfAddedTokens])

    private static func endsInWord(_ text: UnsafeBufferPointer<UInt8>, _ end: Int) -> Bool {
        end > 0 && startsWithWord(text, text.scalarStart(before: end))
    }

    private static func startsWithWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        guard start < text.count, let scalar = Unicode.Scalar(text.scalar(at: start).value) else { return false }
        return word.contains(scalar)
    }

    private static func isSpace(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        Unicode.Scalar(text.scalar(at: position).value)?.properties.isWhitespace ?? false
    }
}
