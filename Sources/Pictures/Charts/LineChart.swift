import Text

/// Lines over a numeric axis, with bands and reference lines, each labelled at its end.
package struct LineChart: Chart {
    package struct Vertex: Hashable, Sendable {
        package var x: Double
        package var y: Estimate

        package init(_ x: Double, _ y: Estimate) {
            self.x = x
            self.y = y
        }
    }

    /// One line; a break where a number is not finite.
    package struct Series: Hashable, Sendable {
        package enum Style: Hashable, Sendable {
            /// A line, with a dot at each place while there are few.
            case line
            /// The same, dashed: for what the others are compared with.
            case dashed
            /// Dots alone.
            case dots
            /// The interval alone: a null model's range, say.
            case band
        }

        package var name: String
        /// What stands at the end of the line, where its colour tells the rest; nil for the name.
        package var label: String?
        package var vertices: [Vertex]
        package var style: Style
        /// The colour; nil for the next of the ten.
        package var paint: Paint?
        /// Whether labels and legend name it; where there are many lines, a few of them tell what the others are.
        package var isNamed = true

        /// - Parameter vertices: in the order of the line. Where they have intervals, a band is drawn behind the line.
        package init(_ name: String, label: String? = nil, _ vertices: [Vertex], style: Style = .line, paint: Paint? = nil) {
            self.name = name
            self.label = label
            self.vertices = vertices
            self.style = style
            self.paint = paint
        }
    }

    /// A dashed line across the plot: chance, the intact model.
    package struct Reference: Hashable, Sendable {
        package var name: String
        package var value: Double

        package init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var series: [Series]
    package var references: [Reference]
    package var horizontalTitle: String
    package var verticalTitle: String
    package var horizontalKind: Scale.Kind
    package var verticalKind: Scale.Kind
    /// Ranges that must be seen whatever the numbers are: 0 to 1 for shares.
    package var including: Extents
    /// Whether the area between the first line and the axis is shaded: the area that a score is the integral of.
    package var shadesArea: Bool
    /// The height of the plot in pixels; nil to go with its width.
    package var height: Double?

    package init(
        title: String, caption: String = "", alternative: String = "", series: [Series], references: [Reference] = [],
        horizontalTitle: String = "", verticalTitle: String = "", horizontalKind: Scale.Kind = .linear,
        verticalKind: Scale.Kind = .linear, including: Extents = Extents(), shadesArea: Bool = false, height: Double? = nil
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.series = series
        self.references = references
        self.horizontalTitle = horizontalTitle
        self.verticalTitle = verticalTitle
        self.horizontalKind = horizontalKind
        self.verticalKind = verticalKind
        self.including = including
        self.shadesArea = shadesArea
        self.height = height
    }

    /// The vertices that have a place on both axes.
    private var drawable: [Vertex] {
        series.flatMap { $0.vertices.filter { Scale.accepts($0.x, horizontalKind) && Scale.accepts($0.y.value, verticalKind) } }
    }

    package var extents: Extents {
        let drawable = self.drawable
        return Extents(
            horizontal: Scale.range(drawable.map(\.x), horizontalKind),
            vertical: drawable.isEmpty ? nil : Scale.range(drawable.flatMap(\.y.numbers) + references.map(\.value), verticalKind)
        ).union(including)
    }

    package var legend: [LegendEntry] {
        guard series.count > 1 else { return [] }
        return series.indices.filter { series[$0].isNamed }.map { LegendEntry(series[$0].name, symbol(of: $0)) }
    }

    private func paint(of index: Int) -> Paint {
        if let paint = series[index].paint { return paint }
        if series[index].style == .band { return .faint }
        // Bands that go with other lines take no colour away from them.
        return .cluster(series[..<index].count { $0.paint == nil && $0.style != .band })
    }

    /// Whether a later line has the same vertices and would hide this one.
    private func isCovered(_ index: Int) -> Bool {
        let own = series[index]
        guard own.style != .band, !own.vertices.isEmpty else { return false }
        return series[(index + 1)...].contains { other in
            other.style != .band && own.vertices.count == other.vertices.count
                && zip(own.vertices, other.vertices).allSatisfy { $0.x == $1.x && $0.y.value == $1.y.value }
        }
    }

    private func symbol(of index: Int) -> LegendEntry.Symbol {
        switch series[index].style {
        case .line: .line(Stroke(paint(of: index), width: 2))
        case .dashed: .line(Stroke(paint(of: index), width: 2, dash: [5, 3]))
        case .dots: .dot(paint(of: index))
        case .band: .band(paint(of: index))
        }
    }

    package func plot(in panel: Panel) -> Drawing {
        let all = extents.union(panel.extents)
        guard series.contains(where: { !$0.vertices.isEmpty }) else {
            return Notice.drawing("There are no values to draw.", width: panel.width)
        }
        guard !drawable.isEmpty, let horizontal = all.horizontal, let vertical = all.vertical else {
            let reason = verticalKind == .logarithmic ? "positive and finite" : "finite"
            return Notice.drawing("None of the values is \(reason), so none can be drawn.", width: panel.width)
        }
        let innerHeight = height ?? min(max(panel.width * 0.48, 120), 340)
        let names = (series.count > 1 ? series.filter(\.isNamed).map { $0.label ?? $0.name } : []) + references.map(\.name)
        let isDirect = !panel.namesAbove && Double(names.count) * EndLabels.lineHeight <= innerHeight
        let needsLegend = panel.hasLegend && !isDirect
        let legend = Legend(needsLegend ? self.legend : [], width: panel.width)
        let labelNames = isDirect ? (panel.hasLegend ? names : references.map(\.name)) : references.prefix(8).map(\.name)
        let right = labelNames.isEmpty ? 14 : EndLabels.width(of: labelNames, longest: panel.width * 0.3, hasSymbols: true) + 2
        let axes = Axes(
            width: panel.width, innerHeight: innerHeight, top: legend.height, right: right,
            bottom: Axis(
                title: horizontalTitle, content: .numbers(horizontal, horizontalKind),
                isWhole: series.allSatisfy { $0.vertices.allSatisfy { $0.x == $0.x.rounded() } }),
            left: Axis(title: verticalTitle, content: .numbers(vertical, verticalKind)))
        var marks = legend.marks + axes.marks
        var labels: [EndLabels.Label] = []
        for reference in references {
            guard let y = axes.verticalScale?.position(reference.value) else { continue }
            marks.append(
                .line(
                    Point(axes.inner.x, y), Point(axes.inner.maxX, y), stroke: Stroke(.faint, width: 1, dash: [4, 3]),
                    title: "\(reference.name): \(NumberText.rounded(reference.value))",
                    data: [Datum("reference", reference.name), Datum("value", reference.value)], part: .data))
            labels.append(
                EndLabels.Label(
                    text: reference.name, y: y, x: axes.inner.maxX, paint: .faint, title: nil,
                    symbol: .line(Stroke(.faint, width: 1, dash: [4, 3]))))
        }
        var leftOut = 0
        // Bands lie behind all lines.
        let order = series.indices.sorted { (series[$0].style == .band ? 0 : 1, $0) < (series[$1].style == .band ? 0 : 1, $1) }
        for index in order {
            let line = SeriesMarks(
                series[index], paint: paint(of: index), axes: axes, shadesArea: shadesArea && index == 0, isCovered: isCovered(index))
            marks += line.marks
            leftOut += line.leftOut
            if series.count > 1, series[index].isNamed, isDirect, panel.hasLegend, let end = line.end {
                labels.append(
                    EndLabels.Label(
                        text: series[index].label ?? series[index].name, y: end.y, x: end.x, paint: paint(of: index), title: nil,
                        symbol: symbol(of: index)))
            }
        }
        if !isDirect { labels = Array(labels.prefix(8)) }
        marks += EndLabels.marks(
            labels, edge: axes.inner.maxX, width: panel.width, bounds: axes.inner.y...axes.inner.maxY)
        let note = Notice.leftOut(
            leftOut, isLogarithmic: verticalKind == .logarithmic || horizontalKind == .logarithmic, width: panel.width, y: axes.bottom)
        return Drawing(width: panel.width, height: axes.bottom + note.height, marks: marks + note.marks)
    }
}

/// The marks of one series of a line chart.
private struct SeriesMarks {
    private(set) var marks: [Mark] = []
    private(set) var leftOut = 0
    /// Where the label belongs: the last place that was drawn.
    private(set) var end: Point?

    /// Up to so many vertices each has a dot of its own; longer lines carry their numbers as lists.
    private static let dotLimit = 120
    /// Longer lines are thinned out to the extremes of each pixel.
    private static let listLimit = 2000

    private struct Place {
        let vertex: LineChart.Vertex
        let point: Point
        let low: Double?
        let high: Double?
    }

    init(_ series: LineChart.Series, paint: Paint, axes: Axes, shadesArea: Bool, isCovered: Bool) {
        // Wide enough to be seen on both sides of the line that lies on it.
        let extra = isCovered ? 1.75 : 0
        guard let horizontal = axes.horizontalScale, let vertical = axes.verticalScale else { return }
        // Runs of places without a break.
        var runs: [[Place]] = [[]]
        for vertex in series.vertices {
            guard let x = horizontal.position(vertex.x), let y = vertical.position(vertex.y.value) else {
                leftOut += 1
                if runs[runs.count - 1].isEmpty == false { runs.append([]) }
                continue
            }
            let low = vertex.y.low.flatMap { vertical.position($0) ?? ($0 <= 0 ? vertical.start : nil) }
            runs[runs.count - 1].append(
                Place(vertex: vertex, point: Point(x, y), low: low, high: vertex.y.high.flatMap(vertical.position)))
        }
        runs.removeAll(where: \.isEmpty)
        let count = runs.reduce(0) { $0 + $1.count }
        if count > Self.listLimit { runs = runs.map(Self.thinned) }
        let hasDots = count <= Self.dotLimit
        for run in runs {
            appendBand(run, series, paint)
            if shadesArea {
                // Down to 0, where the axis has it: what lies below counts against the area.
                let base = vertical.position(0) ?? vertical.start
                let points = run.map(\.point) + [Point(run[run.count - 1].point.x, base), Point(run[0].point.x, base)]
                marks.append(Mark(.polygon(points), fill: paint, opacity: 0.15, part: .data))
            }
            guard series.style != .band, series.style != .dots else { continue }
            let data =
                hasDots
                ? []
                : [
                    Datum("x", run.map { ByteText.shortest($0.vertex.x) }.joined(separator: " ")),
                    Datum("y", run.map { ByteText.shortest($0.vertex.y.value) }.joined(separator: " ")),
                ]
            if run.count > 1 {
                marks.append(
                    .polyline(
                        run.map(\.point), stroke: Stroke(paint, width: 1.75 + 2 * extra, dash: series.style == .dashed ? [5, 3] : []),
                        title: series.name.isEmpty ? nil : series.name, data: [Datum("series", series.name)] + data, part: .data))
            }
        }
        let isCrowded = count > 40
        for place in runs.joined() where hasDots || series.style == .dots || runs.contains(where: { $0.count == 1 }) {
            marks.append(
                .circle(
                    place.point, radius: series.style == .band ? 0.1 : (isCrowded ? 1.75 : 2.75) + extra,
                    fill: series.style == .band ? .none : paint,
                    title: "\(series.name.isEmpty ? "" : series.name + ", ")\(NumberText.shortest(place.vertex.x)): \(place.vertex.y.text)",
                    data: [Datum("series", series.name), Datum("x", place.vertex.x)] + place.vertex.y.data, part: .data))
        }
        guard let last = runs.last?.last else { return }
        end = last.point
        if series.style == .band, let low = last.low, let high = last.high { end = Point(last.point.x, (low + high) / 2) }
    }

    /// The interval of a run as an area; where only one vertex has it, as a line.
    private mutating func appendBand(_ run: [Place], _ series: LineChart.Series, _ paint: Paint) {
        let places = run.compactMap { place in
            place.low.flatMap { low in place.high.map { (x: place.point.x, low: low, high: $0) } }
        }
        guard let first = places.first else { return }
        let data = [Datum("band", series.name)]
        if places.count == 1 {
            marks.append(
                .line(
                    Point(first.x, first.low), Point(first.x, first.high), stroke: Stroke(paint, width: 3, opacity: 0.4), data: data,
                    part: .data))
            return
        }
        let points = places.map { Point($0.x, $0.high) } + places.reversed().map { Point($0.x, $0.low) }
        marks.append(
            Mark(.polygon(points), fill: paint, opacity: 0.3, title: series.name.isEmpty ? nil : series.name, data: data, part: .data))
    }

    /// At most four places for each pixel of width: the first, the lowest, the highest and the last.
    private static func thinned(_ run: [Place]) -> [Place] {
        var result: [Place] = []
        var start = 0
        while start < run.count {
            let pixel = run[start].point.x.rounded(.down)
            var end = start
            while end < run.count, run[end].point.x.rounded(.down) == pixel { end += 1 }
            let places = start..<end
            let low = places.min { run[$0].point.y < run[$1].point.y }!
            let high = places.max { run[$0].point.y < run[$1].point.y }!
            result += Set([start, low, high, end - 1]).sorted().map { run[$0] }
            start = end
        }
        return result
    }
}
