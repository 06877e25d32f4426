import Text

/// Names beside the lines that lead down from them: a name that reaches over the line of another stands in a higher row.
struct OutlierLabels {
    let x: Double
    let text: String
    let title: String
    let length: Double
    /// Whether the name stands on the left of its line.
    var isOnLeft: Bool
    var row = 0

    private static let gap = 4.0

    /// Where the name begins, or ends where it stands on the left: beside the line, however wide its letters are.
    var edge: Double { isOnLeft ? x - Self.gap : x + Self.gap }
    var left: Double { isOnLeft ? x - Self.gap - length : x + Self.gap }

    /// - Parameter entries: places and names in the order of the places.
    static func placed(_ entries: [(x: Double, text: String, title: String)], width: Double) -> [OutlierLabels] {
        var labels: [OutlierLabels] = []
        // From the right, where names that have no room on the right of their lines stand on the left, and so do those between them.
        for (x, text, title) in entries.reversed() {
            let length = TextWidth.width(of: text, size: EndLabels.size)
            var label = OutlierLabels(x: x, text: text, title: title, length: length, isOnLeft: x + gap + length > width)
            if labels.contains(where: { $0.isOnLeft && label.reaches(over: $0) && $0.reaches(over: label) }) { label.isOnLeft = true }
            if label.isOnLeft, label.left < 0 {
                let short = text.shortened(toWidth: max(x - gap, 0), size: EndLabels.size)
                label = OutlierLabels(
                    x: x, text: short, title: title, length: TextWidth.width(of: short, size: EndLabels.size), isOnLeft: true)
            }
            labels.append(label)
        }
        for _ in 0..<labels.count * labels.count {
            var isSettled = true
            for first in labels.indices {
                for second in labels.indices where first != second {
                    let (upper, lower) = (labels[first], labels[second])
                    let mustRise =
                        upper.reaches(over: lower)
                        ? upper.row <= lower.row
                        : upper.row == lower.row && first > second && upper.left < lower.left + lower.length + gap
                            && lower.left < upper.left + upper.length + gap
                    if mustRise {
                        labels[first].row = lower.row + 1
                        isSettled = false
                    }
                }
            }
            if isSettled { break }
        }
        return labels.reversed()
    }

    /// Whether the name lies where the line of the other comes down.
    private func reaches(over other: OutlierLabels) -> Bool { left - Self.gap < other.x && other.x < left + length + Self.gap }
}
