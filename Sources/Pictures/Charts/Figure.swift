/// A chart with its title above and its caption below.
package struct Figure: Sendable {
    package var chart: any Chart

    package init(_ chart: any Chart) { self.chart = chart }

    /// The whole picture.
    ///
    /// - Parameter imageBytes: how many bytes of the file an embedded image takes at most.
    package func drawing(width: Double = 720, imageBytes: Int = Panel.imageBytes(of: 1)) -> Drawing {
        let width = Frame.usable(width)
        var panel = Panel(width: width - 2 * Frame.margin)
        panel.imageBytes = imageBytes
        let plot = chart.plot(in: panel)
        return Frame.drawing(
            around: plot.marks, height: plot.height, width: width, title: chart.title, caption: chart.caption,
            alternative: chart.alternative)
    }
}

/// Puts title and caption around marks.
enum Frame {
    static let margin = 12.0
    static let titleSize = 14.0
    static let captionSize = 12.0

    /// A width that is a number of pixels a picture can have.
    static func usable(_ width: Double) -> Double { width.isFinite ? min(max(width, 160), 10_000) : 720 }

    /// - Parameter marks: As wide as the picture without its margins.
    static func drawing(
        around marks: [Mark], height: Double, width: Double, title: String, caption: String, alternative: String
    ) -> Drawing {
        let inner = width - 2 * margin
        var all: [Mark] = []
        var y = margin
        for line in title.wrapped(toWidth: inner, size: titleSize, bold: true, maximum: 3) {
            y += titleSize
            all.append(
                .text(
                    TextLine(line, at: Point(margin, y), size: titleSize, isBold: true), title: title.count > 120 ? title : nil,
                    part: .title))
            y += 5
        }
        if y > margin { y += 5 }
        all += marks.map { $0.moved(by: Point(margin, y)) }
        y += height
        let lines = caption.wrapped(toWidth: inner, size: captionSize, maximum: 4)
        if !lines.isEmpty { y += 5 }
        for line in lines {
            y += captionSize + 4
            all.append(.text(TextLine(line, at: Point(margin, y), size: captionSize), fill: .faint, part: .caption))
        }
        return Drawing(width: width, height: (y + margin).rounded(.up), marks: all, title: title, alternative: alternative)
    }
}
