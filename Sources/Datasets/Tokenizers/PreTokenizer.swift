import Text

/// How a text is split into the words that the model sees one by one.
struct PreTokenizer: Sendable {
    /// How a split divides matches and the text between them into pieces.
    enum Behavior: String, Sendable {
        /// Each match is a separate piece.
        case isolated = "Isolated"
        /// Matches are dropped.
        case removed = "Removed"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        /// Neighbouring matches are one piece.
        case contiguous = "Contiguous"
    }

    /// When a text gets the sign of a space before it.
    enum PrependScheme: String, Sendable {
        case always
        /// Only where the piece begins the whole text.
        case first
        case never
    }

    enum Step: Sendable {
        /// Splits at the matches of a pattern; with `isInverted`, at the text between them.
        case split(pattern: Int, Behavior, isInverted: Bool)
        /// Puts a space before a piece that has none there.
        case prependSpace
        /// Writes each byte as the character that represents it.
        case mapBytes
        /// Writes `sign` for each space, and before the piece as the scheme requires.
        case markSpaces(sign: [UInt8], PrependScheme)
    }

    private(set) var steps: [Step] = []

    private static let known =
        "ByteLevel, BertPreTokenizer, Split, CharDelimiterSplit, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation or Sequence"
    /// GPT-2's words.
    private static let byteLevelPattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    init(_ section: JSONSection, patterns: inout PatternList) throws {
        if !section.isNull { try add(section, &patterns) }
        try section.checkLength(steps.count)
        let mapCount = steps.count { if case .mapBytes = $0 { true } else { false } }
        guard mapCount <= 1 else { throw Problem("pre_tokenizer has more than one step of type ByteLevel, which is not read") }
    }

    private mutating func add(_ section: JSONSection, _ patterns: inout PatternList) throws {
        let type = try section.type()
        switch type {
        case "ByteLevel":
            if try section["add_prefix_space"].bool() { steps.append(.prependSpace) }
            if try section["use_regex"].bool(absent: true) {
                steps.append(.split(pattern: try patterns.add(PatternProgram(Self.byteLevelPattern)), .isolated, isInverted: false))
            }
            steps.append(.mapBytes)
        case "Split":
            let pattern = try patterns.add(section["pattern"])
            steps.append(.split(pattern: pattern, try Self.behavior(section["behavior"]), isInverted: try section["invert"].bool()))
        case "Digits":
            let behavior: Behavior = try section["individual_digits"].bool() ? .isolated : .contiguous
            try addSplit(at: ScalarClass.digits, behavior, &patterns)
        case "Whitespace":
            let word = ScalarClass(items: [ScalarClass.wordOfAddedTokens])
            let other = ScalarClass(items: [ScalarClass.wordOfAddedTokens, ScalarClass.whitespace], isNegated: true)
            let pattern = PatternNode.alternatives([word, other].map { .repeated(.oneOf($0), minimum: 1, maximum: nil, .greedy) })
            steps.append(.split(pattern: try patterns.add(PatternProgram(pattern)), .removed, isInverted: true))
        case "WhitespaceSplit": try addSplit(at: ScalarClass(items: [ScalarClass.whitespace]), .removed, &patterns)
        case "Punctuation":
            let behavior: Behavior = section["behavior"].isNull ? .isolated : try Self.behavior(section["behavior"])
            try addSplit(at: ScalarClass.punctuation, behavior, &patterns)
        case "BertPreTokenizer":
            try addSplit(at: ScalarClass(items: [ScalarClass.whitespace]), .removed, &patterns)
            try addSplit(at: ScalarClass.punctuation, .isolated, &patterns)
        case "CharDelimiterSplit":
            let delimiter = try section["delimiter"].string()
            guard delimiter.unicodeScalars.count == 1 else { throw section["delimiter"].mismatch("one character") }
            steps.append(.split(pattern: try patterns.add(PatternProgram(literal: delimiter)), .removed, isInverted: false))
        case "Metaspace": try addMetaspace(section, &patterns)
        case "Sequence":
            for part in try section["pretokenizers"].list() { try add(part, &patterns) }
        default: throw section.unknownType(type, known: Self.known)
        }
    }

    private mutating func addSplit(at members: ScalarClass, _ behavior: Behavior, _ patterns: inout PatternList) throws {
        let pattern = try patterns.add(PatternProgram(.oneOf(members)))
        steps.append(.split(pattern: pattern, behavior, isInverted: false))
    }

    private mutating func addMetaspace(_ section: JSONSection, _ patterns: inout PatternList) throws {
        let sign = try section.metaspaceSign()
        steps.append(.markSpaces(sign: Array(sign.utf8), try section.prependScheme()))
        if try section["split"].bool(absent: true) {
            steps.append(.split(pattern: try patterns.add(PatternProgram(literal: sign)), .mergedWithNext, isInverted: false))
        }
    }

    private static func behavior(_ section: JSONSection) throws -> Behavior {
        guard let behavior = Behavior(rawValue: try section.string()) else {
            throw section.mismatch("Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous")
        }
        return behavior
    }
}

extension JSONSection {
    /// Metaspace's sign for a space, one character.
    func metaspaceSign() throws -> String {
        let sign = try self["replacement"].string()
        guard sign.unicodeScalars.count == 1 else { throw self["replacement"].mismatch("one character") }
        return sign
    }

    /// Metaspace's scheme; files from before there were schemes say `add_prefix_space` instead.
    func prependScheme() throws -> PreTokenizer.PrependScheme {
        let section = self["prepend_scheme"]
        if section.isNull { return try self["add_prefix_space"].bool(absent: true) ? .always : .never }
        guard let scheme = PreTokenizer.PrependScheme(rawValue: try section.string()) else {
            throw section.mismatch("always, first or never")
        }
        guard try self["add_prefix_space"].bool(absent: scheme != .never) == (scheme != .never) else {
            throw self["add_prefix_space"].mismatch("the same as the prepend_scheme '\(scheme)'")
        }
        return scheme
    }
}

extension PreTokenizer.Behavior {
    /// Collects the pieces of a behaviour from the sequence of matches and the text between them.
    struct Pieces {
        let behavior: PreTokenizer.Behavior
        private var pending: Range<Int>?
        private var isPendingMatch = false
        private var isPreviousMatch = false

        init(_ behavior: PreTokenizer.Behavior) { self.behavior = behavior }

        /// Takes the next range, which may be empty; the piece that is complete with it, if any.
        mutating func take(_ range: Range<Int>, isMatch: Bool) -> Range<Int>? {
            defer { isPreviousMatch = isMatch }
            let extendsPending: Bool
            switch behavior {
            case .isolated: return range
            case .removed: return isMatch ? nil : range
            case .mergedWithPrevious: extendsPending = isMatch && !isPreviousMatch
            case .contiguous: extendsPending = isMatch == isPreviousMatch
            case .mergedWithNext: extendsPending = !isMatch && isPendingMatch
            }
            if extendsPending, let start = pending?.lowerBound {
                pending = start..<range.upperBound
                isPendingMatch = false
                return nil
            }
            defer {
                pending = range
                isPendingMatch = isMatch
            }
            return pending
        }

        /// The last piece.
        func last() -> Range<Int>? { pending }
    }
}
