import Text

/// Which positions of a sequence are recorded.
package struct PositionChoice: Sendable, CustomStringConvertible {
    private enum Item: Sendable {
        /// From the beginning, or from the end if it is negative: -1 is the last.
        case place(Int)
        case range(ClosedRange<Int>)
    }

    private let items: [Item]
    /// The list as it was given.
    package let description: String

    /// Reads a list such as `0,4-7,last`: places from 0, ranges with both ends, and places from the end, of which `last` is -1.
    ///
    /// - Throws: ``Problem`` for what is none of these.
    package init(_ text: String) throws(Problem) {
        var items: [Item] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            if part == "last" {
                items.append(.place(-1))
            } else if let place = Int(part), part.utf8.first != UInt8(ascii: "+") {
                items.append(.place(place))
            } else if ends.count == 2, let first = Int(ends[0]), let last = Int(ends[1]), first >= 0, first <= last {
                items.append(.range(first...last))
            } else {
                throw Problem("is not a position", expected: "whole numbers, ranges such as 4-7, or last", found: "'\(part)'")
            }
        }
        self.items = items
        description = text
    }

    /// The chosen positions of a sequence, in order and each once; those that it does not have are left out.
    package func places(in length: Int) -> [Int] {
        var isChosen = [Bool](repeating: false, count: max(0, length))
        for item in items {
            switch item {
            case .place(let place):
                let place = place < 0 && place >= -length ? length + place : place
                if isChosen.indices.contains(place) { isChosen[place] = true }
            case .range(let range):
                for place in range.clamped(to: 0...max(0, length - 1)) where isChosen.indices.contains(place) && range.contains(place) {
                    isChosen[place] = true
                }
            }
        }
        return isChosen.indices.filter { isChosen[$0] }
    }
}
