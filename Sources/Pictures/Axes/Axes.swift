import Text

/// What lies along one side of a plot.
struct Axis: Sendable {
    enum Content: Sendable {
        case numbers(ClosedRange<Double>, Scale.Kind)
        case categories([String])
    }

    var title: String
    var content: Content
    /// Whether the numbers are whole: `k`, and what is counted, has no tick at 2.5.
    var isWhole = false
}

/// A frame with two axes: their lines, ticks, labels, titles and grid, laid out around the room for marks.
struct Axes {
    /// Where marks go.
    let inner: Rectangle
    private(set) var marks: [Mark] = []
    /// The lower edge of the lowest label or title.
    private(set) var bottom: Double
    /// The scales of numeric axes.
    private(set) var horizontalScale: Scale?
    private(set) var verticalScale: Scale?
    /// The bands of axes of categories.
    private(set) var horizontalBands: Bands?
    private(set) var verticalBands: Bands?

    static let labelSize = 12.0
    private static let tickLength = 4.0
    private static let gap = 4.0
    /// The longest name that stands below an axis.
    private static let longestStanding = 160.0
    /// So far a title that stands beside a low plot may reach beyond it, mostly below.
    static let turnedOverhang = 36.0

    /// - Parameters:
    ///   - top: The pixels that are taken above, by a legend.
    ///   - right: The pixels that are kept free on the right, for labels at the ends of lines.
    ///   - above: The pixels between the left axis's title and the plot, for a strip of colours.
    ///   - widest: The greatest width of the plot; nil to take what there is.
    ///   - turnsLeftTitle: Whether the left axis's title stands along it; nothing is above the plot then that could be taken for its own title.
    ///   - hasLines: Whether the axes themselves are drawn; a matrix has edges of its own.
    init(
        width: Double, innerHeight: Double, top: Double, right: Double, above: Double = 0, widest: Double? = nil,
        turnsLeftTitle: Bool = false,
        hasLines: Bool = true, bottom bottomAxis: Axis, left leftAxis: Axis
    ) {
        let size = Self.labelSize
        let isTurned = turnsLeftTitle && !leftAxis.title.isEmpty
        let titleHeight = leftAxis.title.isEmpty || isTurned ? size / 2 + 2 : size + 10
        let upper = top + titleHeight + above
        let lower = upper + innerHeight
        // The left labels decide where the plot begins, and so how long the lower axis is.
        var leftLabels: [(y: Double, text: String, full: String?)] = []
        let longest = max(24, width * 0.34)
        switch leftAxis.content {
        case .numbers(let range, let kind):
            let scale = Scale(
                kind, holding: range, start: lower, end: upper, tickCount: max(2, Int(innerHeight / 36)), isWhole: leftAxis.isWhole)
            verticalScale = scale
            for tick in scale.ticks {
                if let y = scale.position(tick.value) { leftLabels.append((y, tick.text, nil)) }
            }
        case .categories(let names):
            let bands = Bands(count: names.count, start: upper, end: lower)
            verticalBands = bands
            let shown = Self.shown(names.count, step: bands.step, needed: size + 2)
            let texts = ShortNames.shortened(shown.map { names[$0].singleLine }, toWidth: longest, size: size)
            for (index, text) in zip(shown, texts) {
                leftLabels.append((bands.middle(index), text, text == names[index] ? nil : names[index]))
            }
        }
        let labelWidth = leftLabels.map { TextWidth.width(of: $0.text, size: size) }.max() ?? 0
        let left = (labelWidth + Self.tickLength + Self.gap + (isTurned ? size + 5 : 0)).rounded(.up)
        var rightEdge = max(left + 20, width - right)
        if case .numbers = bottomAxis.content { rightEdge = min(rightEdge, max(left + 20, width - 14)) }
        if let widest { rightEdge = min(rightEdge, left + widest) }
        inner = Rectangle(x: left, y: upper, width: rightEdge - left, height: innerHeight)
        bottom = lower

        var turnedLength = 0.0
        if !leftAxis.title.isEmpty {
            let text = leftAxis.title.singleLine.shortened(
                toWidth: isTurned ? innerHeight + Self.turnedOverhang : width - 2, size: size)
            turnedLength = isTurned ? TextWidth.width(of: text, size: size) : 0
            let title = text == leftAxis.title ? nil : leftAxis.title
            let line =
                isTurned
                ? TextLine(
                    text, at: Point(size, upper + max(innerHeight / 2, turnedLength / 2 - 8)), size: size, anchor: .middle, rotation: -90)
                : TextLine(text, at: Point(0, top + size), size: size)
            marks.append(.text(line, fill: .faint, title: title, part: .axisTitle))
        }
        for (y, text, full) in leftLabels {
            marks.append(
                .text(
                    TextLine(text, at: Point(left - Self.tickLength - Self.gap, y + size * 0.35), size: size, anchor: .end), fill: .faint,
                    title: full, part: .tickLabel))
        }
        if verticalScale != nil {
            for (y, _, _) in leftLabels where abs(y - lower) > 0.5 {
                marks.append(.line(Point(left, y), Point(inner.maxX, y), stroke: Stroke(.grid), part: .grid))
            }
        }
        appendLower(bottomAxis, lower: lower, width: width)
        if turnedLength > innerHeight { bottom = max(bottom, upper + turnedLength - 6) }
        guard hasLines else { return }
        marks.append(.line(Point(left, lower), Point(inner.maxX, lower), stroke: Stroke(.axis), part: .axis))
        if verticalBands != nil { marks.append(.line(Point(left, upper), Point(left, lower), stroke: Stroke(.axis), part: .axis)) }
    }

    /// The indices that are labelled so that each label has the pixels it needs: every one, every second, fifth, tenth, ...
    private static func shown(_ count: Int, step: Double, needed: Double) -> [Int] {
        guard count > 0, step > 0 else { return [] }
        var interval = 1
        let factors = [2, 5, 10]
        var power = 1
        while Double(interval) * step < needed {
            interval = factors.map { $0 * power }.first { $0 > interval } ?? 20 * power
            if interval >= 10 * power { power *= 10 }
            if interval > count { return [0] }
        }
        return Array(stride(from: 0, to: count, by: interval))
    }

    private mutating func appendLower(_ axis: Axis, lower: Double, width: Double) {
        let size = Self.labelSize
        let baseline = lower + Self.tickLength + size
        switch axis.content {
        case .numbers(let range, let kind):
            // The most ticks whose labels do not touch.
            // In narrow panels up to four, so that round numbers do not lie far beyond the values.
            var count = max(2, min(4, Int(inner.width / 28)), Int(inner.width / 48))
            var scale = Scale(kind, holding: range, start: inner.x, end: inner.maxX, tickCount: count, isWhole: axis.isWhole)
            while count > 2, !Self.fit(scale) {
                count -= 1
                scale = Scale(kind, holding: range, start: inner.x, end: inner.maxX, tickCount: count, isWhole: axis.isWhole)
            }
            horizontalScale = scale
            var edge = -Double.infinity
            for tick in scale.ticks {
                guard let x = scale.position(tick.value) else { continue }
                let half = TextWidth.width(of: tick.text, size: size) / 2
                marks.append(.line(Point(x, lower), Point(x, lower + Self.tickLength), stroke: Stroke(.axis), part: .axis))
                if verticalBands != nil, abs(x - inner.x) > 0.5 {
                    marks.append(.line(Point(x, inner.y), Point(x, lower), stroke: Stroke(.grid), part: .grid))
                }
                let middle = min(max(x, half), width - half)
                guard middle - half > edge else { continue }
                edge = middle + half + 4
                marks.append(
                    .text(
                        TextLine(tick.text, at: Point(middle, baseline), size: size, anchor: .middle), fill: .faint, part: .tickLabel))
            }
            bottom = baseline + 3
        case .categories(let names):
            let bands = Bands(count: names.count, start: inner.x, end: inner.maxX)
            horizontalBands = bands
            bottom = names.isEmpty ? lower + 3 : baseline + 3
            appendLower(names, bands, baseline: baseline, lower: lower, width: width)
        }
        guard !axis.title.isEmpty else { return }
        let text = axis.title.singleLine.shortened(toWidth: width - 2, size: size)
        let half = TextWidth.width(of: text, size: size) / 2
        let x = min(max(inner.midX, half + 1), width - half - 1)
        marks.append(
            .text(
                TextLine(text, at: Point(x, bottom + size + 1), size: size, anchor: .middle), fill: .faint,
                title: text == axis.title ? nil : axis.title, part: .axisTitle))
        bottom += size + 5
    }

    private static func fit(_ scale: Scale) -> Bool {
        var edge = -Double.infinity
        for tick in scale.ticks {
            guard let x = scale.position(tick.value) else { continue }
            let half = TextWidth.width(of: tick.text, size: labelSize) / 2
            if x - half < edge { return false }
            edge = x + half + 8
        }
        return true
    }

    /// Names below the axis: lying where they fit, else standing; short ones lie and are thinned out instead.
    private mutating func appendLower(_ names: [String], _ bands: Bands, baseline: Double, lower: Double, width: Double) {
        let size = Self.labelSize
        let longest = names.prefix(2000).map { TextWidth.width(of: String($0.prefix(64)), size: size) }.max() ?? 0
        if longest + 6 <= bands.step || longest <= 26 || bands.step >= 72 {
            let room = max(bands.step - 6, min(longest, 26))
            let shown = Self.shown(names.count, step: bands.step, needed: min(longest, room) + 6)
            let texts = ShortNames.shortened(shown.map { names[$0].singleLine }, toWidth: room, size: size)
            for (index, text) in zip(shown, texts) {
                let half = TextWidth.width(of: text, size: size) / 2
                let x = min(max(bands.middle(index), half), width - half)
                marks.append(
                    .text(
                        TextLine(text, at: Point(x, baseline), size: size, anchor: .middle), fill: .faint,
                        title: text == names[index] ? nil : names[index], part: .tickLabel))
            }
            return
        }
        var height = 0.0
        let shown = Self.shown(names.count, step: bands.step, needed: size + 3)
        let texts = ShortNames.shortened(shown.map { names[$0].singleLine }, toWidth: Self.longestStanding, size: size)
        for (index, text) in zip(shown, texts) {
            height = max(height, TextWidth.width(of: text, size: size))
            marks.append(
                .text(
                    TextLine(
                        text, at: Point(bands.middle(index) + size * 0.35, lower + Self.tickLength + 2), size: size, anchor: .end,
                        rotation: -90), fill: .faint, title: text == names[index] ? nil : names[index], part: .tickLabel))
        }
        bottom = lower + Self.tickLength + height + 4
    }
}
