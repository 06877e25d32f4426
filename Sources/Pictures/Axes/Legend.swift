import Text

/// Entries in rows, for the room above or below a plot.
struct Legend {
    private(set) var marks: [Mark] = []
    private(set) var height = 0.0

    static let size = 12.0
    private static let rowHeight = 18.0
    private static let symbolWidth = 16.0
    private static let maximum = 40

    /// - Parameter width: of the room; every entry is at most as wide.
    init(_ entries: [LegendEntry], width: Double) {
        guard !entries.isEmpty else { return }
        var shown = Array(entries.prefix(Self.maximum))
        if entries.count > Self.maximum {
            shown.append(LegendEntry("and \(entries.count - Self.maximum) more", .square(.none)))
        }
        var x = 0.0
        var y = 0.0
        let longest = max(20, min(width - Self.symbolWidth - 6, 260))
        let texts = ShortNames.shortened(shown.map(\.label.singleLine), toWidth: longest, size: Self.size)
        for (entry, text) in zip(shown, texts) {
            let length = Self.symbolWidth + 5 + TextWidth.width(of: text, size: Self.size)
            if x > 0, x + length > width {
                x = 0
                y += Self.rowHeight
            }
            let middle = y + Self.rowHeight / 2
            marks.append(
                .group(
                    [
                        Self.symbol(entry.symbol, x: x, y: middle),
                        .text(
                            TextLine(text, at: Point(x + Self.symbolWidth + 5, middle + Self.size * 0.35), size: Self.size), fill: .ink,
                            title: text == entry.label ? nil : entry.label),
                    ], part: .legend))
            x += length + 16
        }
        height = y + Self.rowHeight + 4
    }

    static func symbol(_ symbol: LegendEntry.Symbol, x: Double, y: Double, width symbolWidth: Double = symbolWidth) -> Mark {
        let middle = Point(x + symbolWidth / 2, y)
        return switch symbol {
        case .square(let paint):
            .rectangle(
                Rectangle(x: x + symbolWidth / 2 - 5, y: y - 5, width: 10, height: 10), fill: paint,
                stroke: paint == .none ? nil : Stroke(.axis, width: 0.5))
        case .band(let paint):
            Mark(.rectangle(Rectangle(x: x + 1, y: y - 4, width: symbolWidth - 2, height: 8), radius: 0), fill: paint, opacity: 0.3)
        case .line(let stroke): .line(Point(x, y), Point(x + symbolWidth, y), stroke: stroke)
        case .dot(let paint): .circle(middle, radius: 4, fill: paint)
        case .ring(let paint): .circle(middle, radius: 4, fill: .ground, stroke: Stroke(paint, width: 1.5))
        }
    }
}

/// Labels beside their places, moved apart so that none lies on another.
struct EndLabels {
    struct Label {
        var text: String
        /// The pixel that the label belongs to.
        var y: Double
        var x: Double
        var paint: Paint
        /// The whole name and the value.
        var title: String?
        /// What stands before the text, where several labels may belong to one place.
        var symbol: LegendEntry.Symbol?
    }

    static let size = 12.0
    static let lineHeight = 14.0
    static let leader = 14.0
    private static let symbolWidth = 15.0

    /// The pixels that labels need to the right of the marks.
    static func width(of labels: [String], longest: Double, hasSymbols: Bool = false) -> Double {
        leader + 4 + (hasSymbols ? symbolWidth : 0) + (labels.map { min(longest, TextWidth.width(of: $0, size: size)) }.max() ?? 0)
    }

    /// Where labels with these middles come to lie: in their order, a line apart, between the bounds, and moved as little as
    /// that allows (groups that touch are placed around the mean of their places).
    static func spread(_ places: [Double], in bounds: ClosedRange<Double>, apart: Double = lineHeight) -> [Double] {
        let order = places.indices.sorted { (places[$0], $0) < (places[$1], $1) }
        var groups: [(first: Double, count: Int, sum: Double)] = []
        let highest = max(bounds.lowerBound, bounds.upperBound)
        for index in order {
            // `sum` adds what each place would put the group's first label at.
            var group = (first: places[index], count: 1, sum: places[index])
            func settle(_ group: inout (first: Double, count: Int, sum: Double)) {
                let last = highest - Double(group.count - 1) * apart
                group.first = max(bounds.lowerBound, min(group.sum / Double(group.count), last))
            }
            settle(&group)
            while let before = groups.last, before.first + Double(before.count) * apart > group.first {
                groups.removeLast()
                group = (
                    0, before.count + group.count, before.sum + group.sum - Double(group.count) * Double(before.count) * apart
                )
                settle(&group)
            }
            groups.append(group)
        }
        var result = places
        var next = 0
        for group in groups {
            for place in 0..<group.count {
                result[order[next]] = group.first + Double(place) * apart
                next += 1
            }
        }
        return result
    }

    /// Labels to the right of `edge`, each with its symbol, and with a leader from its place where that lies near and is hidden by no other.
    static func marks(_ labels: [Label], edge: Double, width: Double, bounds: ClosedRange<Double>) -> [Mark] {
        let middles = spread(labels.map(\.y), in: bounds)
        let indent = labels.contains { $0.symbol != nil } ? symbolWidth : 0
        let room = max(0, width - edge - leader - 3 - indent)
        let texts = ShortNames.shortened(labels.map(\.text.singleLine), toWidth: room, size: size)
        return labels.indices.flatMap { index -> [Mark] in
            let (label, middle, text) = (labels[index], middles[index], texts[index])
            var marks: [Mark] = []
            if hasLeader(index, of: labels, edge: edge) {
                marks.append(
                    .polyline(
                        [
                            Point(label.x + 2, label.y), Point(edge + 3, label.y), Point(edge + leader - 3, middle),
                            Point(edge + leader, middle),
                        ],
                        // Through the plot it is dotted: no line of the chart.
                        stroke: Stroke(label.paint, width: 1, dash: label.x + 12 < edge ? [1.5, 2.5] : [], opacity: 0.7), part: .leader))
            }
            if let symbol = label.symbol {
                marks.append(.group([Legend.symbol(symbol, x: edge + leader + 2, y: middle, width: 11)], part: .leader))
            }
            marks.append(
                .text(
                    TextLine(text, at: Point(edge + leader + 3 + indent, middle + size * 0.35), size: size), fill: .ink,
                    title: label.title ?? (text == label.text ? nil : label.text), part: .label))
            return marks
        }
    }

    /// Whether a line leads to the label from its place: not across half the plot, nor over places of others at the same height.
    private static func hasLeader(_ index: Int, of labels: [Label], edge: Double) -> Bool {
        let label = labels[index]
        if label.symbol == nil || label.x + 12 >= edge { return true }
        guard edge - label.x < 80 else { return false }
        return !labels.contains { $0.x > label.x && abs($0.y - label.y) < 3 }
    }
}
