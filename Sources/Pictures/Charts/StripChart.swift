import Text

/// The distribution of many values along one axis: dots heaped up, or bars where they are too many, with the outliers named.
package struct StripChart: Chart {
    package struct Entry: Hashable, Sendable {
        package var name: String
        package var value: Double
        /// Whether the value stands out and is named.
        package var isOutlier: Bool
        /// Whether it is named though it does not stand out: the least and the greatest.
        package var isNamed: Bool

        package init(_ name: String, _ value: Double, isOutlier: Bool = false, isNamed: Bool = false) {
            self.name = name
            self.value = value
            self.isOutlier = isOutlier
            self.isNamed = isNamed
        }
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var entries: [Entry]
    package var valueTitle: String
    /// What is counted, beside bars.
    package var countTitle: String
    package var references: [LineChart.Reference]
    /// A range that must be seen whatever the numbers are.
    package var including: ClosedRange<Double>?
    /// The height of the heaps, which small multiples have in common; nil for what the highest heap needs.
    package var heapHeight: Double?

    package init(
        title: String, caption: String = "", alternative: String = "", entries: [Entry], valueTitle: String = "",
        countTitle: String = "values",
        references: [LineChart.Reference] = [], including: ClosedRange<Double>? = nil,
        heapHeight: Double? = nil
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.entries = entries
        self.valueTitle = valueTitle
        self.countTitle = countTitle
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
        let drawn = drawnEntries
        guard !drawn.isEmpty, let range = extents.union(panel.extents).horizontal else {
            return Notice.drawing("None of the values is finite, so none can be drawn.", width: panel.width)
        }
        let legend = Legend(panel.hasLegend ? self.legend : [], width: panel.width)
        var highest = highestHeap(in: panel)
        let isBarred = panel.highestBar != nil || isBarred(highest)
        if let shared = panel.highestBar { highest = max(highest, shared) }
        // The axis of counts has room for its title.
        let body = heapHeight.map { isBarred ? max($0, 76) : $0 } ?? (isBarred ? 120 : max(40, Self.needed(highest)))
        func axes(top: Double) -> Axes {
            Axes(
                width: panel.width, innerHeight: body, top: top, right: 14, turnsLeftTitle: true,
                bottom: Axis(title: valueTitle, content: .numbers(range, .linear)),
                left: isBarred
                    ? Axis(title: countTitle, content: .numbers(0...Double(highest), .linear), isWhole: true)
                    : Axis(title: "", content: .categories([])))
        }
        // The axes are laid out once to learn where values lie, and again below their names. Labels of counts shift the heaps a little.
        guard let flat = axes(top: 0).horizontalScale else { return Notice.drawing("", width: panel.width) }
        let heaps = Self.heaps(drawn, scale: flat)
        highest = max(highest, heaps.map(\.count).max() ?? 1)
        let names = outlierNames(drawn, scale: flat, width: panel.width)
        let labelled = axes(top: legend.height + names.height)
        guard let scale = labelled.horizontalScale else { return Notice.drawing("", width: panel.width) }
        // Names and their lines reach down to where the plot begins, beside the title of its axis.
        let nameOffset = Point(0, labelled.inner.y - names.height)
        var marks = legend.marks + names.marks.map { $0.moved(by: nameOffset) }
        marks += labelled.marks
        let floor = labelled.inner.maxY
        for reference in references {
            guard let x = scale.position(reference.value) else { continue }
            marks.append(
                .line(
                    Point(x, labelled.inner.y), Point(x, floor), stroke: Stroke(.faint, width: 1, dash: [4, 3]),
                    title: "\(reference.name): \(NumberText.rounded(reference.value))",
                    data: [Datum("reference", reference.name), Datum("value", reference.value)], part: .data))
        }
        for heap in heaps {
            // From the plot's edge, where the lines of the names end, to what they belong to.
            for entry in heap.entries where names.values.contains(entry.value) {
                guard let x = scale.position(entry.value) else { continue }
                let top = isBarred ? labelled.verticalScale?.position(Double(heap.count)) : floor - Double(heap.count) * 2 * Self.radius - 2
                guard let top, top > labelled.inner.y + 2 else { continue }
                marks.append(
                    .line(Point(x, labelled.inner.y), Point(x, top), stroke: Stroke(.faint, width: 1, opacity: 0.6), part: .leader))
            }
            if isBarred {
                let top = labelled.verticalScale?.position(Double(heap.count)) ?? labelled.inner.y
                let isOutlier = heap.allSatisfy(\.isOutlier)
                marks.append(
                    .rectangle(
                        Rectangle(x: heap.x - Self.radius, y: top, width: 2 * Self.radius, height: floor - top),
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
                        title: "\(entry.name): \(NumberText.rounded(entry.value))",
                        data: [Datum("name", entry.name), Datum("value", entry.value)], part: .data))
            }
        }
        let note = Notice.leftOut(entries.count - drawn.count, width: panel.width, y: labelled.bottom)
        return Drawing(width: panel.width, height: labelled.bottom + note.height, marks: marks + note.marks)
    }

    private var drawnEntries: [Entry] {
        entries.filter { Scale.accepts($0.value, .linear) }.sorted { ($0.value, $0.name) < ($1.value, $1.name) }
    }

    private static func needed(_ highest: Int) -> Double { Double(highest) * 2 * radius + 8 }

    /// Whether a heap of so many dots is too high, so that bars are drawn.
    func isBarred(_ highest: Int) -> Bool { heapHeight.map { Self.needed(highest) > $0 } ?? (highest > Self.highestHeap) }

    /// The values in the highest heap of a panel.
    func highestHeap(in panel: Panel) -> Int {
        guard let range = extents.union(panel.extents).horizontal else { return 1 }
        func heaps(_ counts: Int?) -> Int {
            let axes = Axes(
                width: panel.width, innerHeight: heapHeight ?? 120, top: 0, right: 14, turnsLeftTitle: true,
                bottom: Axis(title: valueTitle, content: .numbers(range, .linear)),
                left: counts.map { Axis(title: countTitle, content: .numbers(0...Double($0), .linear), isWhole: true) }
                    ?? Axis(title: "", content: .categories([])))
            return axes.horizontalScale.flatMap { Self.heaps(drawnEntries, scale: $0).map(\.count).max() } ?? 1
        }
        let highest = heaps(nil)
        return isBarred(highest) ? heaps(highest) : highest
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
    private func outlierNames(_ entries: [Entry], scale: Scale, width: Double) -> (marks: [Mark], height: Double, values: Set<Double>) {
        let median = entries[entries.count / 2].value
        let far = entries.filter { $0.isOutlier || $0.isNamed }.sorted {
            (-abs($0.value - median), $0.name) < (-abs($1.value - median), $1.name)
        }
        let named = far.prefix(Self.namedLimit).sorted { ($0.value, $0.name) < ($1.value, $1.name) }
        let size = EndLabels.size
        let names = ShortNames.shortened(named.map(\.name.singleLine), toWidth: min(240, width * 0.4), size: size)
        let placed = OutlierLabels.placed(
            zip(named, names).compactMap { entry, name in
                scale.position(entry.value).map { x in
                    (x, "\(name) \(NumberText.rounded(entry.value))", "\(entry.name): \(NumberText.rounded(entry.value))")
                }
            }, width: width)
        guard let highest = placed.map(\.row).max() else { return ([], 0, []) }
        let height = Double(highest + 1) * EndLabels.lineHeight + 4
        let marks = placed.flatMap { label -> [Mark] in
            let baseline = height - 6 - Double(label.row) * EndLabels.lineHeight
            return [
                .line(
                    Point(label.x, baseline - size + 2), Point(label.x, height + 2), stroke: Stroke(.faint, width: 1, opacity: 0.6),
                    part: .leader),
                .text(
                    TextLine(
                        label.text, at: Point(label.edge, baseline), size: size, anchor: label.isOnLeft ? .end : .start), fill: .ink,
                    title: label.title, part: .label),
            ]
        }
        return (marks, height, Set(named.map(\.value)))
    }
}
