/// A regular expression over a whole text, in Python's syntax: Python programs use these in settings to match names.
///
/// Literals, `.`, classes, `\d \w \s` and their opposites, groups, alternatives, `* + ? {m,n}`, `^` and `$`. Matching takes time
/// proportional to the product of the lengths of text and expression, whatever the expression (K. Thompson, Regular expression search
/// algorithm, 1968).
package struct RegularExpression: Sendable {
    /// One step of the machine.
    private enum Step: Sendable {
        case scalar(ScalarSet)
        /// Continues at both places.
        case split(Int, Int)
        case start, end, accept
    }

    private var steps: [Step] = []
    /// How many parts were taken into steps: an empty part a thousand times over makes none.
    private var partCount = 0

    private static let maximumSteps = 4096

    /// - Throws: ``Problem`` for text that is not an expression, and for what is not read: references, looking around, flags.
    package init(_ text: String) throws(Problem) {
        var parser = ExpressionParser(text)
        let tree = try parser.expression()
        try append(tree, text)
        steps.append(.accept)
    }

    /// Whether the whole text matches.
    package func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var current: Set<Int> = []
        follow(0, at: 0, of: scalars.count, into: &current)
        for (place, scalar) in scalars.enumerated() {
            var next: Set<Int> = []
            for step in current {
                if case .scalar(let set) = steps[step], set.contains(scalar) {
                    follow(step + 1, at: place + 1, of: scalars.count, into: &next)
                }
            }
            current = next
            if current.isEmpty { return false }
        }
        return current.contains(steps.count - 1)
    }

    /// Adds the steps that are reached from one without reading anything.
    private func follow(_ first: Int, at place: Int, of count: Int, into reached: inout Set<Int>) {
        var waiting = [first]
        while let step = waiting.popLast() {
            guard reached.insert(step).inserted else { continue }
            switch steps[step] {
            case .scalar, .accept: continue
            case .split(let a, let b): waiting += [a, b]
            case .start: if place == 0 { waiting.append(step + 1) }
            case .end: if place == count { waiting.append(step + 1) }
            }
        }
    }

    private mutating func append(_ tree: ExpressionTree, _ text: String) throws(Problem) {
        partCount += 1
        guard max(steps.count, partCount) < Self.maximumSteps else {
            throw Problem("the expression is too long", expected: "at most \(Self.maximumSteps) steps", found: text.quotedInMessage)
        }
        switch tree {
        case .scalar(let set): steps.append(.scalar(set))
        case .start: steps.append(.start)
        case .end: steps.append(.end)
        case .sequence(let parts): for part in parts { try append(part, text) }
        case .alternatives(let parts):
            var ends: [Int] = []
            for (place, part) in parts.enumerated() {
                let fork = steps.count
                if place < parts.count - 1 { steps.append(.split(fork + 1, fork + 1)) }
                try append(part, text)
                guard place < parts.count - 1 else { continue }
                ends.append(steps.count)
                steps.append(.split(0, 0))
                steps[fork] = .split(fork + 1, steps.count)
            }
            for end in ends { steps[end] = .split(steps.count, steps.count) }
        case .repeated(let part, let least, let most):
            for _ in 0..<least { try append(part, text) }
            guard let most else {
                let fork = steps.count
                steps.append(.split(fork + 1, fork + 1))
                try append(part, text)
                steps.append(.split(fork, fork))
                steps[fork] = .split(fork + 1, steps.count)
                return
            }
            var forks: [Int] = []
            for _ in least..<max(most, least) {
                forks.append(steps.count)
                steps.append(.split(0, 0))
                try append(part, text)
            }
            for fork in forks { steps[fork] = .split(fork + 1, steps.count) }
        }
    }
}

/// The characters that one element of an expression matches.
private struct ScalarSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool { ranges.contains { $0.contains(scalar.value) } != isNegated }

    static func one(_ scalar: Unicode.Scalar) -> ScalarSet { ScalarSet(ranges: [scalar.value...scalar.value]) }
    /// Anything but the end of a line.
    static let any = ScalarSet(ranges: [10...10], isNegated: true)

    /// The ASCII characters of `\d`, `\w` and `\s`; the capitals mean all others.
    static func named(_ letter: Unicode.Scalar) -> ScalarSet? {
        let ranges: [ClosedRange<UInt32>]
        switch letter {
        case "d", "D": ranges = [48...57]
        case "w", "W": ranges = [48...57, 65...90, 95...95, 97...122]
        case "s", "S": ranges = [9...13, 32...32]
        default: return nil
        }
        return ScalarSet(ranges: ranges, isNegated: letter.properties.isUppercase)
    }
}

private indirect enum ExpressionTree {
    case scalar(ScalarSet)
    case start, end
    case sequence([ExpressionTree])
    case alternatives([ExpressionTree])
    /// Without a bound where `most` is nil.
    case repeated(ExpressionTree, least: Int, most: Int?)
}

private struct ExpressionParser {
    private let text: String
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    private static let maximumDepth = 32
    private static let maximumCount = 256

    init(_ text: String) {
        self.text = text
        scalars = Array(text.unicodeScalars)
    }

    /// The whole text as an expression.
    mutating func expression() throws(Problem) -> ExpressionTree {
        let tree = try alternatives()
        guard position == scalars.count else { throw wrong("no ')' without '('") }
        return tree
    }

    private mutating func alternatives() throws(Problem) -> ExpressionTree {
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws(Problem) -> ExpressionTree {
        var parts: [ExpressionTree] = []
        while let next = peek, next != "|", next != ")" { parts.append(try quantified(try atom())) }
        return .sequence(parts)
    }

    private mutating func quantified(_ part: ExpressionTree) throws(Problem) -> ExpressionTree {
        var tree = part
        if take("*") {
            tree = .repeated(part, least: 0, most: nil)
        } else if take("+") {
            tree = .repeated(part, least: 1, most: nil)
        } else if take("?") {
            tree = .repeated(part, least: 0, most: 1)
        } else if peek == "{", let (least, most, end) = counts() {
            guard least <= Self.maximumCount, (most ?? 0) <= Self.maximumCount, most.map({ $0 >= least }) ?? true else {
                throw wrong("counts up to \(Self.maximumCount)")
            }
            position = end
            tree = .repeated(part, least: least, most: most)
        } else {
            return part
        }
        // Whether the longest or the shortest match is tried first changes nothing about whether all of a text matches.
        _ = take("?")
        if let next = peek, "*+?".unicodeScalars.contains(next) { throw wrong("one quantifier after a part") }
        return tree
    }

    /// `{m}`, `{m,}`, `{,n}` or `{m,n}` at the cursor; anything else is a brace that matches itself.
    private func counts() -> (least: Int, most: Int?, end: Int)? {
        guard let close = scalars[position...].firstIndex(of: "}") else { return nil }
        let inside = String(String.UnicodeScalarView(scalars[position + 1..<close]))
        let parts = inside.split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), inside != ",", !inside.isEmpty,
            parts.allSatisfy({ $0.utf8.count <= 4 && $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        let least = Int(parts[0]) ?? 0
        return (least, parts.count == 1 ? least : Int(parts[1]), close + 1)
    }

    private mutating func atom() throws(Problem) -> ExpressionTree {
        let scalar = scalars[position]
        position += 1
        switch scalar {
        case "(": return try group()
        case "[": return .scalar(try set())
        case ".": return .scalar(.any)
        case "^": return .start
        case "$": return .end
        case "\\":
            if take("Z") { return .end }
            if take("A") { return .start }
            return .scalar(try escape())
        case "*", "+", "?": throw wrong("something before '\(scalar)'")
        default: return .scalar(.one(scalar))
        }
    }

    private mutating func group() throws(Problem) -> ExpressionTree {
        if take("?") {
            if take("P") {
                guard take("<"), let end = scalars[position...].firstIndex(of: ">") else { throw wrong("a group without a reference") }
                position = end + 1
            } else if !take(":") {
                throw wrong("a group that looks neither ahead nor behind")
            }
        }
        depth += 1
        guard depth <= Self.maximumDepth else { throw wrong("at most \(Self.maximumDepth) groups inside each other") }
        defer { depth -= 1 }
        let tree = try alternatives()
        guard take(")") else { throw wrong("')' at the end of a group") }
        return tree
    }

    private mutating func escape() throws(Problem) -> ScalarSet {
        guard let scalar = peek else { throw wrong("a character after '\\'") }
        position += 1
        if let set = ScalarSet.named(scalar) { return set }
        switch scalar {
        case "n": return .one("\n")
        case "t": return .one("\t")
        case "r": return .one("\r")
        default:
            guard !scalar.properties.isAlphabetic, !("0"..."9").contains(scalar) else { throw wrong("no '\\\(scalar)'") }
            return .one(scalar)
        }
    }

    private mutating func set() throws(Problem) -> ScalarSet {
        var set = ScalarSet()
        set.isNegated = take("^")
        var isFirst = true
        while let scalar = peek, scalar != "]" || isFirst {
            isFirst = false
            position += 1
            if scalar == "\\" {
                let escaped = try escape()
                guard !escaped.isNegated else { throw wrong("no opposite of a class inside a class") }
                set.ranges += escaped.ranges
            } else if peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
                let last = scalars[position + 1]
                guard last.value >= scalar.value, last != "\\" else { throw wrong("a range from a lower to a higher character") }
                position += 2
                set.ranges.append(scalar.value...last.value)
            } else {
                set.ranges.append(scalar.value...scalar.value)
            }
        }
        guard take("]") else { throw wrong("']' at the end of a class") }
        return set
    }

    private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar else { return false }
        position += 1
        return true
    }

    private func wrong(_ expected: String) -> Problem {
        Problem("is not read as a regular expression", expected: expected, found: text.quotedInMessage)
    }
}
