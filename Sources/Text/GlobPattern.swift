/// A shell pattern for whole names: `*` matches any characters, `?` any one, and `[abc]`, `[a-z]` and `[!a-z]` one of a set.
///
/// Dots are characters like any other. A `[` without its `]` matches itself.
package struct GlobPattern: Sendable {
    private enum Element: Sendable {
        case anyRun
        case anyOne
        case one(Unicode.Scalar)
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    /// The pattern as it was written.
    package let text: String
    private let elements: [Element]

    /// Any text is a pattern.
    ///
    /// - Parameter readsSets: whether `[` begins a set; else it matches itself.
    package init(_ text: String, readsSets: Bool = true) {
        self.text = text
        var elements: [Element] = []
        let scalars = Array(text.unicodeScalars)
        var i = 0
        while i < scalars.count {
            switch scalars[i] {
            case "*":
                elements.append(.anyRun)
                i += 1
            case "?":
                elements.append(.anyOne)
                i += 1
            case "[":
                if readsSets, let (set, next) = Self.set(scalars, at: i) {
                    elements.append(set)
                    i = next
                } else {
                    elements.append(.one("["))
                    i += 1
                }
            default:
                elements.append(.one(scalars[i]))
                i += 1
            }
        }
        self.elements = elements
    }

    /// The pattern that matches a name alone.
    package static func literal(_ name: String) -> String {
        String(name.flatMap { character -> [Character] in "*?[".contains(character) ? ["[", character, "]"] : [character] })
    }

    /// Whether it may match other names than its own text.
    package var isPattern: Bool {
        elements.contains { if case .one = $0 { false } else { true } }
    }

    private static func set(_ scalars: [Unicode.Scalar], at start: Int) -> (Element, next: Int)? {
        var i = start + 1
        let isNegated = i < scalars.count && (scalars[i] == "!" || scalars[i] == "^")
        if isNegated { i += 1 }
        let first = i
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        // A `]` in the first place is a member of the set.
        while i < scalars.count, scalars[i] != "]" || i == first {
            if i + 2 < scalars.count, scalars[i + 1] == "-", scalars[i + 2] != "]" {
                if scalars[i] <= scalars[i + 2] { ranges.append(scalars[i]...scalars[i + 2]) }
                i += 3
            } else {
                ranges.append(scalars[i]...scalars[i])
                i += 1
            }
        }
        guard i < scalars.count else { return nil }
        return (.set(ranges, isNegated: isNegated), i + 1)
    }

    /// Whether the pattern matches the whole of `name`; the time is at most the product of the two lengths.
    @inlinable
    package func matches(_ name: some StringProtocol) -> Bool { matches(Array(name.unicodeScalars)) }

    @usableFromInline
    func matches(_ scalars: [Unicode.Scalar]) -> Bool {
        var i = 0
        var j = 0
        var retry: (element: Int, scalar: Int)?
        while j < scalars.count {
            if i < elements.count {
                if case .anyRun = elements[i] {
                    retry = (i + 1, j)
                    i += 1
                    continue
                }
                if Self.matches(elements[i], scalars[j]) {
                    i += 1
                    j += 1
                    continue
                }
            }
            guard let last = retry else { return false }
            retry = (last.element, last.scalar + 1)
            i = last.element
            j = last.scalar + 1
        }
        return elements[i...].allSatisfy { if case .anyRun = $0 { true } else { false } }
    }

    private static func matches(_ element: Element, _ scalar: Unicode.Scalar) -> Bool {
        switch element {
        case .anyRun: false
        case .anyOne: true
        case .one(let expected): scalar == expected
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
        }
    }
}
