/// Numbers the parts of circuits, so that circuits of one kind can be compared as sets of numbers.
///
/// A part is an element of a named group: a weight is an element of its tensor, an edge the only element of a group named after its ends.
package struct CircuitVocabulary: Sendable {
    private var groups: [String: UInt64] = [:]

    package init() {}

    /// A part's number. Groups count up to 2^24, the elements of one up to 2^40.
    package mutating func number(group: String, element: Int = 0) -> UInt64 {
        precondition(element >= 0 && element < 1 << 40, "element \(element)")
        let place = groups[group] ?? UInt64(groups.count)
        groups[group] = place
        return place << 40 | UInt64(element)
    }

    /// The numbers of several elements of one group.
    package mutating func numbers(group: String, elements: [Int]) -> [UInt64] {
        let first = number(group: group)
        return elements.map { element in
            precondition(element >= 0 && element < 1 << 40, "element \(element)")
            return first | UInt64(element)
        }
    }
}
