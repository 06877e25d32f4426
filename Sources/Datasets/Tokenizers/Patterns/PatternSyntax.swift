import Text

/// A pattern's parts as it is written.
indirect enum PatternNode {
    /// How a repetition gives way.
    enum Greed {
        /// As often as possible, less often where what follows would not match.
        case greedy
        /// As rarely as possible.
        case lazy
        /// As often as possible, and never less.
        case possessive
    }

    /// Matches nothing at the start or the end of a line or text.
    enum Anchor {
        case lineStart, lineEnd, textStart, textEnd
    }

    case empty
    case scalar(Unicode.Scalar)
    case oneOf(ScalarClass)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// `maximum` nil: without bound.
    case repeated(PatternNode, minimum: Int, maximum: Int?, Greed)
    case lookahead(PatternNode, isNegative: Bool)
    case atomic(PatternNode)
    case anchor(Anchor)

    /// Whether it can match without taking a character.
    var canBeEmpty: Bool {
        switch self {
        case .empty, .lookahead, .anchor: true
        case .scalar, .oneOf: false
        case .sequence(let parts): parts.allSatisfy(\.canBeEmpty)
        case .alternatives(let parts): parts.contains(where: \.canBeEmpty)
        case .repeated(let part, let minimum, _, _): minimum == 0 || part.canBeEmpty
        case .atomic(let part): part.canBeEmpty
        }
    }
}

/// Reads the patterns of tokenizers: the part of the package's regular expressions (Oniguruma's Ruby syntax) that they use.
///
/// Read are alternatives, groups, `(?i:)` over ASCII letters, classes with ranges and `\p{}`, `\s \d \w` and their opposites, the
/// quantifiers `? * + {m,n}` with lazy and possessive forms, lookahead, atomic groups, `^ $ \A \z`. All else is refused by name.
struct PatternParser {
    private var scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    private static let maximumLength = 10_000
    private static let maximumDepth = 50
    private static let maximumCount = 1_000

    /// - Throws: ``Problem`` that shows the construct that is not read.
    static func parse(_ pattern: String) throws -> PatternNode {
        var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
        guard parser.scalars.count <= maximumLength else {
            throw Problem(
                "a pattern is too long", expected: "at most \(maximumLength) characters", found: "\(parser.scalars.count)")
        }
        let node = try parser.alternatives(ignoresCase: false)
        guard parser.position == parser.scalars.count else { throw parser.unread(from: parser.position, length: 1) }
        return node
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    private func unread(from start: Int, length: Int) -> Problem {
        var shown = String.UnicodeScalarView()
        shown.append(contentsOf: scalars[start..<min(start + length, scalars.count)])
        var pattern = String.UnicodeScalarView()
        pattern.append(contentsOf: scalars)
        return Problem(
            "the pattern \(String(pattern).quotedInMessage) holds \(String(shown).quotedInMessage) at character \(start + 1), which is not read"
        )
    }

    private mutating func alternatives(ignoresCase: Bool) throws -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maximumDepth else {
            throw Problem("a pattern's groups are nested too deeply", expected: "at most \(Self.maximumDepth) levels")
        }
        let ignoresCase = take("(?i)") || ignoresCase
        var parts = [try sequence(ignoresCase: ignoresCase)]
        while take("|") { parts.append(try sequence(ignoresCase: ignoresCase)) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence(ignoresCase: Bool) throws -> PatternNode {
        var parts: [PatternNode] = []
        var previousLetter: Unicode.Scalar?
        while let next, next != "|", next != ")" {
            let start = position
            var part = try atom(ignoresCase: ignoresCase)
            // Unicode folds some pairs of letters with one sign: 'ss' with 'ß', 'ff' with its ligature.
            let letter = ignoresCase && position == start + 1 ? Unicode.Scalar(next.properties.lowercaseMapping) : nil
            if let previousLetter, let letter,
                ["ff", "fi", "fl", "ss", "st"].contains(String([previousLetter, letter].map(Character.init)))
            {
                throw unread(from: start - 1, length: 2)
            }
            previousLetter = letter
            while let quantified = try quantifier(of: part) { part = quantified }
            parts.append(part)
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    private mutating func atom(ignoresCase: Bool) throws -> PatternNode {
        let start = position
        let scalar = scalars[position]
        switch scalar {
        case "(": return try group(ignoresCase: ignoresCase)
        case "[": return .oneOf(try characterClass(ignoresCase: ignoresCase))
        case "\\":
            if take("\\A") { return .anchor(.textStart) }
            if take("\\z") { return .anchor(.textEnd) }
            switch try escape(ignoresCase: ignoresCase, inClass: false) {
            case .scalar(let value): return try literal(value, ignoresCase: ignoresCase, from: start)
            case .item(let item): return .oneOf(ScalarClass(items: [item]))
            }
        case "^", "$", ".":
            position += 1
            if scalar == "." { return .oneOf(ScalarClass(items: [.scalar(0x0A)], isNegated: true)) }
            return .anchor(scalar == "^" ? .lineStart : .lineEnd)
        case "?", "*", "+", "{", "}", "]": throw unread(from: position, length: 1)
        default:
            position += 1
            return try literal(scalar, ignoresCase: ignoresCase, from: start)
        }
    }

    private func literal(_ scalar: Unicode.Scalar, ignoresCase: Bool, from start: Int) throws -> PatternNode {
        guard ignoresCase, scalar.properties.isCased || scalar.value >= 0x80 else { return .scalar(scalar) }
        guard scalar.isASCII else { throw unread(from: start, length: 1) }
        return .oneOf(ScalarClass(items: [Self.bothCases(scalar.value)]))
    }

    /// An ASCII letter in both cases, with the signs that Unicode folds to it: the long s and the Kelvin sign.
    private static func bothCases(_ letter: UInt32) -> ScalarClass.Item {
        let (lower, upper) = (letter | 0x20, letter & ~0x20)
        var item = ScalarClass.Item(ranges: [lower...lower, upper...upper])
        if lower == 0x73 { item.ranges.append(0x17F...0x17F) }
        if lower == 0x6B { item.ranges.append(0x212A...0x212A) }
        return item
    }

    private mutating func group(ignoresCase: Bool) throws -> PatternNode {
        let start = position
        let node: PatternNode
        if take("(?:") {
            node = try alternatives(ignoresCase: ignoresCase)
        } else if take("(?i:") {
            node = try alternatives(ignoresCase: true)
        } else if take("(?-i:") {
            node = try alternatives(ignoresCase: false)
        } else if take("(?!") {
            node = .lookahead(try alternatives(ignoresCase: ignoresCase), isNegative: true)
        } else if take("(?=") {
            node = .lookahead(try alternatives(ignoresCase: ignoresCase), isNegative: false)
        } else if take("(?>") {
            node = .atomic(try alternatives(ignoresCase: ignoresCase))
        } else if take("(?") {
            throw unread(from: start, length: 4)
        } else {
            position += 1
            node = try alternatives(ignoresCase: ignoresCase)
        }
        guard take(")") else { throw unread(from: start, length: scalars.count) }
        return node
    }

    // MARK: - Quantifiers

    private mutating func quantifier(of part: PatternNode) throws -> PatternNode? {
        let start = position
        var (minimum, maximum): (Int, Int?)
        var isInterval = false
        if take("?") {
            (minimum, maximum) = (0, 1)
        } else if take("*") {
            (minimum, maximum) = (0, nil)
        } else if take("+") {
            (minimum, maximum) = (1, nil)
        } else if next == "{" {
            (minimum, maximum) = try interval()
            isInterval = true
        } else {
            return nil
        }
        var greed = PatternNode.Greed.greedy
        // In this syntax 'a{2}?' means 'a{2}' or nothing, and 'a{1,3}+' repeats 'a{1,3}'.
        if next == "?", !(isInterval && maximum == minimum) {
            position += 1
            greed = .lazy
        } else if next == "+", !isInterval {
            position += 1
            greed = .possessive
        }
        if case .lookahead = part { throw unread(from: start, length: position - start) }
        if case .anchor = part { throw unread(from: start, length: position - start) }
        if part.canBeEmpty, maximum != 1 {
            throw Problem("a pattern repeats what can match nothing, which is not read")
        }
        return .repeated(part, minimum: minimum, maximum: maximum, greed)
    }

    /// `{m}`, `{m,}`, `{,n}` or `{m,n}`.
    private mutating func interval() throws -> (Int, Int?) {
        let start = position
        position += 1
        let low = number()
        let hasComma = take(",")
        let high = hasComma ? number() : low
        guard take("}"), low != nil || high != nil, (low ?? 0) <= Self.maximumCount, (high ?? 1) <= Self.maximumCount,
            (high ?? .max) >= max(low ?? 0, 1)
        else { throw unread(from: start, length: 8) }
        return (low ?? 0, high)
    }

    /// The digits that come next, as a number that stops growing if it is too large.
    private mutating func number() -> Int? {
        var value: Int?
        while let next, ("0"..."9").contains(next) {
            value = min((value ?? 0) * 10 + Int(next.value - 0x30), Self.maximumCount + 1)
            position += 1
        }
        return value
    }

    // MARK: - Classes

    private mutating func characterClass(ignoresCase: Bool) throws -> ScalarClass {
        let start = position
        position += 1
        var result = ScalarClass()
        result.isNegated = take("^")
        while let scalar = next, scalar != "]" {
            let itemStart = position
            if scalar == "[" || scalar == "&" && scalars[position...].starts(with: "&&".unicodeScalars) {
                throw unread(from: position, length: 2)
            }
            guard let first = try classMember(ignoresCase: ignoresCase, &result) else { continue }
            var range = first.value...first.value
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                position += 1
                guard next != "[", let last = try classMember(ignoresCase: ignoresCase, &result), last >= first else {
                    throw unread(from: itemStart, length: position - itemStart)
                }
                range = first.value...last.value
            }
            try add(range, to: &result, ignoresCase: ignoresCase, from: itemStart)
        }
        guard take("]"), !result.items.isEmpty else { throw unread(from: start, length: scalars.count) }
        return result
    }

    /// A single scalar; a set of them is added to `result` and nil returned.
    private mutating func classMember(ignoresCase: Bool, _ result: inout ScalarClass) throws -> Unicode.Scalar? {
        let scalar = scalars[position]
        guard scalar == "\\" else {
            position += 1
            return scalar
        }
        switch try escape(ignoresCase: ignoresCase, inClass: true) {
        case .scalar(let value): return value
        case .item(let item):
            result.items.append(item)
            return nil
        }
    }

    private func add(_ range: ClosedRange<UInt32>, to result: inout ScalarClass, ignoresCase: Bool, from start: Int) throws {
        result.items.append(.init(ranges: [range]))
        guard ignoresCase else { return }
        guard range.upperBound < 0x80 else { throw unread(from: start, length: position - start) }
        for value in range where (0x41...0x5A).contains(value & ~0x20) { result.items.append(Self.bothCases(value)) }
    }

    // MARK: - Escapes

    private enum Escape {
        case scalar(Unicode.Scalar)
        case item(ScalarClass.Item)
    }

    private mutating func escape(ignoresCase: Bool, inClass: Bool) throws -> Escape {
        let start = position
        position += 1
        guard let scalar = next else { throw unread(from: start, length: 1) }
        position += 1
        func negated(_ item: ScalarClass.Item) -> Escape {
            var item = item
            item.isNegated.toggle()
            return .item(item)
        }
        switch scalar {
        case "n": return .scalar("\n")
        case "r": return .scalar("\r")
        case "t": return .scalar("\t")
        case "f": return .scalar("\u{C}")
        case "v": return .scalar("\u{B}")
        case "a": return .scalar("\u{7}")
        case "e": return .scalar("\u{1B}")
        case "s": return .item(ScalarClass.whitespace)
        case "S": return negated(ScalarClass.whitespace)
        case "d": return .item(ScalarClass.digit)
        case "D": return negated(ScalarClass.digit)
        case "w": return .item(ScalarClass.word)
        case "W": return negated(ScalarClass.word)
        case "p", "P": return .item(try property(isNegated: scalar == "P", ignoresCase: ignoresCase, from: start))
        case "u": return .scalar(try hexadecimal(4, from: start))
        case "x":
            guard take("{") else { return .scalar(try hexadecimal(2, from: start)) }
            let value = try hexadecimal(8, isExact: false, from: start)
            guard take("}") else { throw unread(from: start, length: position - start) }
            return .scalar(value)
        default:
            guard scalar.isASCII, !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else {
                throw unread(from: start, length: 2)
            }
            return .scalar(scalar)
        }
    }

    private mutating func hexadecimal(_ digits: Int, isExact: Bool = true, from start: Int) throws -> Unicode.Scalar {
        var (value, count): (UInt32, Int) = (0, 0)
        while count < digits, let next, let digit = Character(next).hexDigitValue, next.isASCII {
            value = value << 4 | UInt32(digit)
            count += 1
            position += 1
        }
        // Below 128 in '\x80' there is no difference between a byte, which is what it means, and a character.
        guard count > 0, count == digits || !isExact, digits != 2 || value < 0x80, let scalar = Unicode.Scalar(value) else {
            throw unread(from: start, length: max(position - start, 2))
        }
        return scalar
    }

    private static let longNames = [
        "Letter": "L", "Mark": "M", "Number": "N", "Punctuation": "P", "Punct": "P", "Symbol": "S", "Separator": "Z", "Other": "C",
    ]

    private mutating func property(isNegated: Bool, ignoresCase: Bool, from start: Int) throws -> ScalarClass.Item {
        guard take("{") else { throw unread(from: start, length: 3) }
        let isInverted = take("^")
        var name = ""
        while let scalar = next, scalar != "}" {
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}") else { throw unread(from: start, length: position - start) }
        var item = ScalarClass.Item(isNegated: isNegated != isInverted)
        if name == "Alphabetic" || name == "Alpha" {
            item.includesAlphabetic = true
        } else if let categories = UInt32.categories(Self.longNames[name] ?? name), !(ignoresCase && ["Lu", "Ll", "Lt"].contains(name)) {
            item.categories = categories
        } else {
            throw unread(from: start, length: position - start)
        }
        return item
    }
}
