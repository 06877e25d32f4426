import Text

/// The distribution of many values along one axis: dots heaped up, or bars where they are too many, with the outliers named.
package struct StripChart: Chart {
    package struct Entry: Hashable, Sendable {
        package var name: String
        package var value: Double
        /// Whether the value stands out and is named.
        package var isOutlier: Bool

        package init(_ name: String, _ value: Double, isOutlier: Bool = false) {
            self.name = name
            self.value = value
            self.isOutlier = isOutlier
        }
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var entries: [Entry]
    package var valueTitle: String
    package var references: [LineChart.Reference]
    /// A range that must be seen whatever the numbers are.
    package var including: ClosedRange<Double>?
    /// The height of the heaps, which small multiples have in common; nil for what the highest heap needs.
    package var heapHeight: Double?

    package init(
        title: String, caption: String = "", alternative: String = "", entries: [Entry], valueTitle: String = "",
        references: [LineChart.Reference] = [], including: ClosedRange<Double>? = nil,
        heapHeight: Double? = nil
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.entries = entries
        self.valueTitle = valueTitle
        self.references = references
        self.including = including
        self.heapHeight = heapHeight
    }

    package var extents: Extents {
        Extents(horizontal: Scale.range(entries.map(\.value) + references.map(\.value))).union(Extents(horizontal: including))
    }

    package var legend: [LegendEntry] {
        references.map { LegendEntry($0.name, .line(Stroke(.faint, width: 1, dash: [4, 3]))) }
    }

    private static let radius = 3.0
    private static let highestHeap = 22
    /// So many outliers are named at most, those farthest from the median first.
    private static let namedLimit = 12

    package func plot(in panel: Panel) -> Drawing {
        guard !entries.isEmpty else { return Notice.drawing("There are no values to draw.", width: panel.width) }
        let drawn = entries.filter { Scale.accepts($0.value, .linear) }.sorted { ($0.value, $0.name) < ($1.value, $1.name) }
        guard !drawn.isEmpty, let range = extents.union(panel.extents).horizontal else {
            return Notice.drawing("None of the values is finite, so none can be drawn.", width: panel.width)
        }
        let legend = Legend(panel.hasLegend ? self.legend : [], width: panel.width)
        // The axis is laid out once to learn where values lie, and again when the heaps' height is known.
        let flat = axes(range, width: panel.width, height: 40, top: legend.height)
        guard let scale = flat.horizontalScale else { return Notice.drawing("", width: panel.width) }
        let names = outlierNames(drawn, scale: scale, width: panel.width)
        let heaps = Self.heaps(drawn, scale: scale)
        let highest = heaps.map(\.count).max() ?? 1
        let needed = Double(highest) * 2 * Self.radius + 8
        let isBarred = heapHeight.map { needed > $0 } ?? (highest > Self.highestHeap)
        let body = heapHeight ?? (isBarred ? 120 : max(40, needed))
        // Bars have no axis for their heights: what the tallest holds says it.
        let labelled = axes(
            range, width: panel.width, height: body, top: legend.height + names.height,
            note: isBarred ? "tallest bar: \(ByteText.grouped(highest))" : nil)
        var marks =
            legend.marks + names.marks.map { $0.moved(by: Point(0, legend.height + labelled.inner.y - legend.height - names.height)) }
        marks += labelled.marks
        let floor = labelled.inner.maxY
        for reference in references {
            guard let x = scale.position(reference.value) else { continue }
            marks.append(
                .line(
                    Point(x, labelled.inner.y), Point(x, floor), stroke: Stroke(.faint, width: 1, dash: [4, 3]),
                    title: "\(reference.name): \(ByteText.rounded(reference.value))",
                    data: [Datum("reference", reference.name), Datum("value", reference.value)], part: .data))
        }
        for heap in heaps {
            if isBarred {
                let height = Double(heap.count) / Double(highest) * (body - 6)
                let isOutlier = heap.allSatisfy(\.isOutlier)
                marks.append(
                    .rectangle(
                        Rectangle(
                            x: heap.x - Self.radius, y: floor - height, width: 2 * Self.radius, height: height),
                        fill: .cluster(isOutlier ? 3 : 0), title: ByteText.counted(heap.count, "value"),
                        data: [
                            Datum("count", heap.count), Datum("low", heap.entries[0].value),
                            Datum("high", heap.entries[heap.count - 1].value),
                        ], part: .data))
                continue
            }
            for (place, entry) in heap.entries.enumerated() {
                let y = floor - Self.radius - 1 - Double(place) * 2 * Self.radius
                marks.append(
                    .circle(
                        Point(heap.x, y), radius: Self.radius - 0.4, fill: .cluster(entry.isOutlier ? 3 : 0),
                        title: "\(entry.name): \(ByteText.rounded(entry.value))",
                        data: [Datum("name", entry.name), Datum("value", entry.value)], part: .data))
            }
        }
        let note = Notice.leftOut(entries.count - drawn.count, width: panel.width, y: labelled.bottom)
        return Drawing(width: panel.width, height: labelled.bottom + note.height, marks: marks + note.marks)
    }

    private func axes(_ range: ClosedRange<Double>, width: Double, height: Double, top: Double, note: String? = nil) -> Axes {
        let title = [valueTitle, note ?? ""].filter { !$0.isEmpty }.joined(separator: " · ")
        return Axes(
            width: width, innerHeight: height, top: top, right: 14, bottom: Axis(title: title, content: .numbers(range, .linear)),
            left: Axis(title: "", content: .categories([])))
    }

    private struct Heap {
        let x: Double
        var entries: [Entry]
        var count: Int { entries.count }
        func allSatisfy(_ holds: (Entry) -> Bool) -> Bool { entries.allSatisfy(holds) }
    }

    /// The entries by the dot's width that they fall into.
    private static func heaps(_ entries: [Entry], scale: Scale) -> [Heap] {
        var heaps: [Heap] = []
        for entry in entries {
            guard let x = scale.position(entry.value) else { continue }
            let slot = ((x - scale.start) / (2 * radius)).rounded(.down)
            let middle = min(scale.start + (slot + 0.5) * 2 * radius, scale.end - radius)
            if let last = heaps.indices.last, heaps[last].x == middle {
                heaps[last].entries.append(entry)
            } else {
                heaps.append(Heap(x: middle, entries: [entry]))
            }
        }
        return heaps
    }

    /// Names of outliers in rows above the heaps, no two on each other, with lines down to their values that cross no name.
    private func outlierNames(_ entries: [Entry], scale: Scale, width: Double) -> (marks: [Mark], height: Double) {
        let median = entries[entries.count / 2].value
        let far = entries.filter(\.isOutlier).sorted { (-abs($0.value - median), $0.name) < (-abs($1.value - median), $1.name) }
        let named = far.prefix(Self.namedLimit).sorted { ($0.value, $0.name) < ($1.value, $1.name) }
        let size = EndLabels.size
        let placed = OutlierLabels.placed(
            named.compactMap { entry in
                scale.position(entry.value).map { x in
                    let name = entry.name.singleLine.shortened(toWidth: min(240, width * 0.4), size: size)
                    return (x, "\(name) \(ByteText.rounded(entry.value))", "\(entry.name): \(ByteText.rounded(entry.value))")
                }
            }, width: width)
        guard let highest = placed.map(\.row).max() else { return ([], 0) }
        let height = Double(highest + 1) * EndLabels.lineHeight + 4
        let marks = placed.flatMap { label -> [Mark] in
            let baseline = height - 6 - Double(label.row) * EndLabels.lineHeight
            return [
                .line(
                    Point(label.x, baseline - size + 2), Point(label.x, height + 2), stroke: Stroke(.cluster(3), width: 1, opacity: 0.6),
                    part: .leader),
                .text(
                    TextLine(
                        label.text, at: Point(label.edge, baseline), size: size, anchor: label.isOnLeft ? .end : .start), fill: .ink,
                    title: label.title, part: .label),
            ]
        }
        return (marks, height)
    }
}
