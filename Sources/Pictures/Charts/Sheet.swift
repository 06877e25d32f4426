/// Several charts in a grid, with shared scales, one title, one caption and, where all have the same, one legend.
package struct Sheet: Sendable {
    /// What the charts share.
    package enum Sharing: Hashable, Sendable {
        case nothing
        /// The same number lies at the same height and has the same colour everywhere.
        case vertical
        /// The same number lies at the same distance from the left everywhere.
        case horizontal
        /// All axes and colours.
        case everything
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var charts: [any Chart]
    /// How many stand side by side; nil for as many as have room.
    package var columns: Int?
    package var sharing: Sharing

    package init(
        title: String, caption: String = "", alternative: String = "", charts: [any Chart], columns: Int? = nil,
        sharing: Sharing = .everything
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.charts = charts
        self.columns = columns
        self.sharing = sharing
    }

    private static let gap = 20.0
    private static let panelTitleSize = 12.0
    /// Charts beyond this are named, not drawn: a picture stays one that a browser opens.
    private static let maximum = 200

    /// The whole picture.
    ///
    /// - Parameter imageBytes: how many bytes of the file all embedded images take at most.
    package func drawing(width: Double = 960, imageBytes: Int = 400_000) -> Drawing {
        let width = Frame.usable(width)
        let inner = width - 2 * Frame.margin
        guard !charts.isEmpty else {
            let notice = Notice.drawing("There is nothing to draw.", width: inner)
            return Frame.drawing(
                around: notice.marks, height: notice.height, width: width, title: title, caption: caption, alternative: alternative)
        }
        let shown = charts.prefix(Self.maximum)
        let most = max(1, min(shown.count, Int((inner + Self.gap) / (150 + Self.gap))))
        let columns = columns.map { min(max($0, 1), most) } ?? min(most, shown.count < 3 ? shown.count : 3)
        let panelWidth = (inner - Double(columns - 1) * Self.gap) / Double(columns)
        var panel = Panel(width: panelWidth, extents: sharedExtents(shown))
        panel.imageBytes = min(imageBytes / shown.count, Panel.imageBytes(of: shown.count))
        panel.highestBar = Self.highestBar(shown, panel)
        panel.namesAbove = sharing == .horizontal
        let first = shown[0].legend
        let isShared = shown.count > 1 && !first.isEmpty && shown.allSatisfy { $0.legend == first }
        panel.hasLegend = !isShared
        let legend = Legend(isShared ? first : [], width: inner)
        var marks = legend.marks
        var y = legend.height
        if let key = sharedKey(shown, extents: panel.extents, width: inner) {
            panel.hasLegend = false
            marks += key.marks
            y += key.height
        }
        let allTitles = Self.titles(shown.map(\.title), width: panelWidth)
        for start in stride(from: 0, to: shown.count, by: columns) {
            let row = shown[start..<min(start + columns, shown.count)]
            let titles = allTitles[start..<row.endIndex]
            let titleHeight = Double(titles.map(\.count).max() ?? 0) * 16 + 4
            var height = 0.0
            for (column, (chart, lines)) in zip(row, titles).enumerated() {
                let x = Double(column) * (panelWidth + Self.gap)
                let plot = chart.plot(in: panel)
                height = max(height, plot.height)
                var group: [Mark] = []
                for (index, line) in lines.enumerated() {
                    group.append(
                        .text(
                            TextLine(
                                line, at: Point(x, y + 12 + Double(index) * 16), size: Self.panelTitleSize, isBold: true), part: .title))
                }
                group += plot.marks(at: Point(x, y + titleHeight))
                marks.append(.group(group, data: [Datum("chart", chart.title)]))
            }
            y += titleHeight + height + Self.gap
        }
        y -= Self.gap
        if charts.count > shown.count {
            y += 18
            marks.append(
                .text(
                    TextLine("\(charts.count - shown.count) more are not drawn", at: Point(0, y), size: Axes.labelSize), fill: .faint,
                    part: .note))
        }
        return Frame.drawing(around: marks, height: y, width: width, title: title, caption: caption, alternative: alternative)
    }

    /// Strips are all bars where one has to be, on one axis of counts; nil for dots.
    private static func highestBar(_ charts: some Collection<any Chart>, _ panel: Panel) -> Int? {
        let strips = charts.compactMap { $0 as? StripChart }
        guard strips.count == charts.count else { return nil }
        let highest = strips.map { $0.highestHeap(in: panel) }
        return zip(strips, highest).contains { $0.isBarred($1) } ? highest.max() : nil
    }

    /// The lines of the panels' titles: those that differ look different, however little room they have.
    private static func titles(_ titles: [String], width: Double) -> [[String]] {
        func shortened(_ texts: [String]) -> [String] {
            ShortNames.shortened(texts, toWidth: width, size: panelTitleSize, bold: true)
        }
        var seen: Set<String> = []
        let wide = titles.flatMap(\.words).filter {
            TextWidth.width(of: $0, size: panelTitleSize, bold: true) > width && seen.insert($0).inserted
        }
        let words = Dictionary(zip(wide, shortened(wide)), uniquingKeysWith: { first, _ in first })
        let lines = titles.map { $0.wrapped(toWidth: width, size: panelTitleSize, bold: true, maximum: 3, shortened: words) }
        // What differs may lie behind the last line.
        let isTold = Set(lines).count == Set(titles.map { $0.words }).count
        return isTold ? lines : shortened(titles.map(\.singleLine)).map { [$0] }
    }

    /// One bar of colours where all charts are maps with the same colours.
    private func sharedKey(_ charts: some Sequence<any Chart>, extents: Extents, width: Double) -> HeatKey? {
        let maps = charts.compactMap { $0 as? HeatMap }
        guard sharing != .nothing, maps.count > 1, maps.count == charts.count(where: { _ in true }), let range = extents.colour,
            maps.allSatisfy({ $0.scheme == maps[0].scheme && $0.valueTitle == maps[0].valueTitle })
        else { return nil }
        return HeatKey(
            HeatScale(range: range, scheme: maps[0].scheme), title: maps[0].valueTitle, hasMissing: maps.contains(where: \.hasMissing),
            clips: maps.contains { $0.clips(range) }, isOfCounts: maps.allSatisfy(\.isOfCounts), width: width)
    }

    private func sharedExtents(_ charts: some Sequence<any Chart>) -> Extents {
        guard sharing != .nothing else { return Extents() }
        var all = charts.reduce(Extents()) { $0.union($1.extents) }
        if sharing == .vertical { all.horizontal = nil }
        if sharing == .horizontal { all = Extents(horizontal: all.horizontal) }
        return all
    }
}
