import Text

/// Bars of categories: side by side with intervals, or stacked.
package struct BarChart: Chart {
    /// The bars of one colour, a value a category.
    package struct Series: Hashable, Sendable {
        package var name: String
        /// In the order of the categories; nil, or a number that is not finite, where there is none.
        package var values: [Estimate?]
        /// The colour; nil for the next of the ten.
        package var paint: Paint?

        package init(_ name: String, _ values: [Estimate?], paint: Paint? = nil) {
            self.name = name
            self.values = values
            self.paint = paint
        }
    }

    package enum Arrangement: Hashable, Sendable {
        /// A bar a series in each category: a measure and its control.
        case beside
        /// The series of a category on each other; negative values below the axis.
        case stacked
    }

    package enum Direction: Hashable, Sendable {
        /// Bars stand; names lie below them.
        case standing
        /// Bars lie; names are to their left. For long names and for many.
        case lying
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var categories: [String]
    package var series: [Series]
    package var arrangement: Arrangement
    package var direction: Direction
    package var valueTitle: String
    package var categoryTitle: String
    package var references: [LineChart.Reference]
    /// A range that must be seen whatever the numbers are.
    package var including: ClosedRange<Double>?
    /// Whether colours go with the categories instead of the series, for one series of clusters.
    package var coloursCategories: Bool
    /// Whether the values are counts, between which the axis has no ticks.
    package var isOfCounts = false

    package init(
        title: String, caption: String = "", alternative: String = "", categories: [String], series: [Series],
        arrangement: Arrangement = .beside, direction: Direction = .standing, valueTitle: String = "", categoryTitle: String = "",
        references: [LineChart.Reference] = [], including: ClosedRange<Double>? = nil, coloursCategories: Bool = false
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.categories = categories
        self.series = series
        self.arrangement = arrangement
        self.direction = direction
        self.valueTitle = valueTitle
        self.categoryTitle = categoryTitle
        self.references = references
        self.including = including
        self.coloursCategories = coloursCategories
    }

    /// The range of the values, with 0, where bars begin.
    private var range: ClosedRange<Double>? {
        let drawable = series.flatMap { $0.values.compactMap { $0 }.flatMap(\.numbers) }.filter { Scale.accepts($0, .linear) }
        guard !drawable.isEmpty else { return nil }
        var numbers = [0] + references.map(\.value)
        switch arrangement {
        case .beside: numbers += drawable
        case .stacked:
            for category in categories.indices {
                let values = series.compactMap { value($0, category)?.value }
                numbers.append(values.reduce(0) { $0 + max($1, 0) })
                numbers.append(values.reduce(0) { $0 + min($1, 0) })
            }
        }
        return Scale.range(numbers)
    }

    package var extents: Extents {
        let range = Extents(horizontal: range).union(Extents(horizontal: including)).horizontal
        return direction == .standing ? Extents(vertical: range) : Extents(horizontal: range)
    }

    package var legend: [LegendEntry] {
        let bars = series.count > 1 ? series.indices.map { LegendEntry(series[$0].name, .square(paint(of: $0, category: 0))) } : []
        // Standing bars have room for names at the ends of the lines.
        return direction == .standing
            ? bars : bars + references.map { LegendEntry($0.name, .line(Stroke(.faint, width: 1, dash: [4, 3]))) }
    }

    private func paint(of index: Int, category: Int) -> Paint {
        series[index].paint ?? .cluster(coloursCategories && series.count == 1 ? category : index)
    }

    /// The value if it can be drawn.
    private func value(_ series: Series, _ category: Int) -> Estimate? {
        guard category < series.values.count, let value = series.values[category], Scale.accepts(value.value, .linear) else { return nil }
        return value
    }

    package func plot(in panel: Panel) -> Drawing {
        guard !categories.isEmpty, !series.isEmpty else { return Notice.drawing("There are no values to draw.", width: panel.width) }
        let shared = extents.union(panel.extents)
        guard range != nil, let range = direction == .standing ? shared.vertical : shared.horizontal else {
            return Notice.drawing("None of the values is finite, so none can be drawn.", width: panel.width)
        }
        let legend = Legend(panel.hasLegend ? self.legend : [], width: panel.width)
        let numbers = Axis(title: valueTitle, content: .numbers(range, .linear), isWhole: isOfCounts)
        let names = Axis(title: categoryTitle, content: .categories(categories))
        let isStanding = direction == .standing
        let rows = arrangement == .beside ? max(1, series.count) : 1
        let innerHeight =
            isStanding
            ? min(max(panel.width * 0.42, 120), 300)
            : min(Double(categories.count) * max(17, Double(rows) * 9 + 6), max(1600, Double(categories.count)))
        let labels = isStanding ? references.map(\.name) : []
        let right = labels.isEmpty ? 14 : EndLabels.width(of: labels, longest: panel.width * 0.25) + 2
        let axes = Axes(
            width: panel.width, innerHeight: innerHeight, top: legend.height, right: right, bottom: isStanding ? names : numbers,
            left: isStanding ? numbers : names)
        guard let scale = axes.verticalScale ?? axes.horizontalScale, let bands = axes.verticalBands ?? axes.horizontalBands,
            let zero = scale.position(0)
        else { return Notice.drawing("The values have no place on one axis.", width: panel.width) }
        var marks = legend.marks + axes.marks
        var leftOut = 0
        for category in categories.indices {
            var (above, below) = (0.0, 0.0)
            let (start, length) = bands.band(category, filling: arrangement == .stacked ? 0.66 : rows > 1 ? 0.78 : 0.62)
            for index in series.indices {
                guard let value = value(series[index], category) else {
                    if category < series[index].values.count, series[index].values[category] != nil { leftOut += 1 }
                    continue
                }
                var (from, to) = (0.0, value.value)
                if arrangement == .stacked {
                    from = value.value < 0 ? below : above
                    to = from + value.value
                    if value.value < 0 { below = to } else { above = to }
                }
                let part = arrangement == .beside ? length / Double(rows) : length
                let side = arrangement == .beside ? start + Double(index) * part : start
                guard let first = scale.position(from), let second = scale.position(to) else { continue }
                marks += bar(
                    value, from: first, to: second, side: side, thickness: part * (rows > 1 && part > 4 ? 0.9 : 1), scale: scale,
                    series: index, category: category)
            }
        }
        marks.append(baseline(zero, in: axes.inner))
        marks += referenceMarks(axes, scale, width: panel.width)
        let note = Notice.leftOut(leftOut, width: panel.width, y: axes.bottom)
        return Drawing(width: panel.width, height: axes.bottom + note.height, marks: marks + note.marks)
    }

    private func baseline(_ zero: Double, in inner: Rectangle) -> Mark {
        direction == .standing
            ? .line(Point(inner.x, zero), Point(inner.maxX, zero), stroke: Stroke(.axis), part: .axis)
            : .line(Point(zero, inner.y), Point(zero, inner.maxY), stroke: Stroke(.axis), part: .axis)
    }

    private func bar(
        _ value: Estimate, from: Double, to: Double, side: Double, thickness: Double, scale: Scale, series index: Int, category: Int
    ) -> [Mark] {
        let (low, high) = (min(from, to), max(from, to))
        let isStanding = direction == .standing
        func point(_ along: Double, _ across: Double) -> Point { isStanding ? Point(across, along) : Point(along, across) }
        let rectangle =
            isStanding
            ? Rectangle(x: side, y: low, width: thickness, height: high - low)
            : Rectangle(x: low, y: side, width: high - low, height: thickness)
        let name = [series[index].name, categories[category]].filter { !$0.isEmpty }.joined(separator: ", ")
        var marks: [Mark] = [
            .rectangle(
                rectangle, fill: paint(of: index, category: category), title: "\(name): \(value.text)",
                data: [Datum("series", series[index].name), Datum("category", categories[category])] + value.data, part: .data)
        ]
        if let low = value.low.flatMap(scale.position), let high = value.high.flatMap(scale.position), arrangement == .beside {
            let middle = side + thickness / 2
            let cap = min(4, thickness / 3)
            let stroke = Stroke(.ink, width: 1)
            marks += [
                .line(point(low, middle), point(high, middle), stroke: stroke, part: .data),
                .line(point(low, middle - cap), point(low, middle + cap), stroke: stroke, part: .data),
                .line(point(high, middle - cap), point(high, middle + cap), stroke: stroke, part: .data),
            ]
        }
        return marks
    }

    /// Dashed lines at values that bars are compared with; named at the end of the line, or in the legend.
    private func referenceMarks(_ axes: Axes, _ scale: Scale, width: Double) -> [Mark] {
        let isStanding = direction == .standing
        let stroke = Stroke(.faint, width: 1, dash: [4, 3])
        var marks: [Mark] = []
        var labels: [EndLabels.Label] = []
        for reference in references {
            guard let place = scale.position(reference.value) else { continue }
            let inner = axes.inner
            marks.append(
                .line(
                    isStanding ? Point(inner.x, place) : Point(place, inner.y),
                    isStanding ? Point(inner.maxX, place) : Point(place, inner.maxY),
                    stroke: stroke, title: "\(reference.name): \(NumberText.rounded(reference.value))",
                    data: [Datum("reference", reference.name), Datum("value", reference.value)], part: .data))
            labels.append(EndLabels.Label(text: reference.name, y: place, x: inner.maxX, paint: .faint, title: nil))
        }
        guard isStanding else { return marks }
        return marks
            + EndLabels.marks(
                Array(labels.prefix(Int(axes.inner.height / EndLabels.lineHeight))), edge: axes.inner.maxX, width: width,
                bounds: axes.inner.y...axes.inner.maxY)
    }
}
