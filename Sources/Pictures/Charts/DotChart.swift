import Text

/// Dots of categories, a row each: values with intervals, or two and more values joined by a line (before and after).
package struct DotChart: Chart {
    package struct Series: Hashable, Sendable {
        package var name: String
        /// In the order of the categories; nil, or a number that is not finite, where there is none.
        package var values: [Estimate?]
        /// The colour; nil for the next of the ten.
        package var paint: Paint?
        /// Whether the dots are rings: for what the others are compared with.
        package var isHollow: Bool

        package init(_ name: String, _ values: [Estimate?], paint: Paint? = nil, isHollow: Bool = false) {
            self.name = name
            self.values = values
            self.paint = paint
            self.isHollow = isHollow
        }
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var categories: [String]
    package var series: [Series]
    /// Whether a line joins the dots of a category.
    package var joins: Bool
    package var valueTitle: String
    package var categoryTitle: String
    package var kind: Scale.Kind
    package var references: [LineChart.Reference]
    /// A range that must be seen whatever the numbers are.
    package var including: ClosedRange<Double>?
    /// Whether the values are counts, between which the axis has no ticks.
    package var isOfCounts = false

    package init(
        title: String, caption: String = "", alternative: String = "", categories: [String], series: [Series], joins: Bool = true,
        valueTitle: String = "", categoryTitle: String = "", kind: Scale.Kind = .linear, references: [LineChart.Reference] = [],
        including: ClosedRange<Double>? = nil
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.categories = categories
        self.series = series
        self.joins = joins
        self.valueTitle = valueTitle
        self.categoryTitle = categoryTitle
        self.kind = kind
        self.references = references
        self.including = including
    }

    package var extents: Extents {
        let numbers = series.flatMap { $0.values.compactMap { $0 }.flatMap(\.numbers) } + references.map(\.value)
        return Extents(horizontal: Scale.range(numbers, kind)).union(Extents(horizontal: including))
    }

    package var legend: [LegendEntry] {
        let dots =
            series.count > 1
            ? series.indices.map { LegendEntry(series[$0].name, series[$0].isHollow ? .ring(paint(of: $0)) : .dot(paint(of: $0))) } : []
        return dots + references.map { LegendEntry($0.name, .line(Stroke(.faint, width: 1, dash: [4, 3]))) }
    }

    private func paint(of index: Int) -> Paint { series[index].paint ?? .cluster(index) }

    package func plot(in panel: Panel) -> Drawing {
        guard !categories.isEmpty, !series.isEmpty else { return Notice.drawing("There are no values to draw.", width: panel.width) }
        guard series.contains(where: { $0.values.contains { $0.map { Scale.accepts($0.value, kind) } ?? false } }),
            let range = extents.union(panel.extents).horizontal
        else {
            let reason = kind == .logarithmic ? "positive and finite" : "finite"
            return Notice.drawing("None of the values is \(reason), so none can be drawn.", width: panel.width)
        }
        let legend = Legend(panel.hasLegend ? self.legend : [], width: panel.width)
        let innerHeight = min(Double(categories.count) * 20 + 8, max(1600, Double(categories.count)))
        let axes = Axes(
            width: panel.width, innerHeight: innerHeight, top: legend.height, right: 14,
            bottom: Axis(title: valueTitle, content: .numbers(range, kind), isWhole: isOfCounts),
            left: Axis(title: categoryTitle, content: .categories(categories)))
        guard let scale = axes.horizontalScale, let bands = axes.verticalBands else { return Notice.drawing("", width: panel.width) }
        var marks = legend.marks + axes.marks
        for reference in references {
            guard let x = scale.position(reference.value) else { continue }
            marks.append(
                .line(
                    Point(x, axes.inner.y), Point(x, axes.inner.maxY), stroke: Stroke(.faint, width: 1, dash: [4, 3]),
                    title: "\(reference.name): \(NumberText.rounded(reference.value))",
                    data: [Datum("reference", reference.name), Datum("value", reference.value)], part: .data))
        }
        let radius = min(4.5, max(1, bands.step * 0.3))
        var leftOut = 0
        for category in categories.indices {
            let y = bands.middle(category)
            if bands.step >= 8 {
                marks.append(.line(Point(axes.inner.x, y), Point(axes.inner.maxX, y), stroke: Stroke(.grid), part: .grid))
            }
            var places: [(x: Double, value: Estimate, series: Int)] = []
            for index in series.indices {
                guard category < series[index].values.count, let value = series[index].values[category] else { continue }
                guard let x = scale.position(value.value) else {
                    leftOut += 1
                    continue
                }
                places.append((x, value, index))
            }
            // Thin where there are intervals, which lie on it.
            let width = series.contains { $0.values.contains { $0?.low != nil } } ? 1 : min(2.5, radius)
            if joins, let first = places.map(\.x).min(), let last = places.map(\.x).max(), last - first > 0.5 {
                marks.append(
                    .line(Point(first, y), Point(last, y), stroke: Stroke(.axis, width: width), part: .data))
            }
            for (place, radius) in zip(places, Self.radii(places.map(\.x), radius: radius)) {
                marks += dot(
                    place.value, at: Point(place.x, y), radius: radius, scale: scale, series: place.series, category: category)
            }
        }
        let note = Notice.leftOut(leftOut, isLogarithmic: kind == .logarithmic, width: panel.width, y: axes.bottom)
        return Drawing(width: panel.width, height: axes.bottom + note.height, marks: marks + note.marks)
    }

    /// The radius of each dot of a row: dots on the same place lie within each other, the first outside, so that all are seen.
    private static func radii(_ places: [Double], radius: Double) -> [Double] {
        places.indices.map { index in
            let heap = places.indices.filter { abs(places[$0] - places[index]) < 0.5 * radius }
            guard heap.count > 1, let depth = heap.firstIndex(of: index) else { return radius }
            return max(1, (radius + 2) * (1 - Double(depth) / (Double(heap.count) + 0.25)))
        }
    }

    private func dot(_ value: Estimate, at point: Point, radius: Double, scale: Scale, series index: Int, category: Int) -> [Mark] {
        let paint = paint(of: index)
        var marks: [Mark] = []
        if let low = value.low.flatMap(scale.position), let high = value.high.flatMap(scale.position) {
            marks.append(
                .line(Point(low, point.y), Point(high, point.y), stroke: Stroke(paint, width: min(3.5, radius), opacity: 0.6), part: .data))
        }
        let name = [series[index].name, categories[category]].filter { !$0.isEmpty }.joined(separator: ", ")
        let isHollow = series[index].isHollow
        marks.append(
            .circle(
                point, radius: isHollow ? radius + 0.75 : radius, fill: isHollow ? .ground : paint,
                stroke: isHollow ? Stroke(paint, width: 1.5) : nil, title: "\(name): \(value.text)",
                data: [Datum("series", series[index].name), Datum("category", categories[category])] + value.data, part: .data))
        return marks
    }
}
