import Pictures
import Text

/// One picture with the name of its file.
package struct PlotFigure: Sendable {
    /// A chart, or several small ones with one title.
    enum Content: Sendable {
        case chart(any Chart)
        case sheet(Sheet)
    }

    /// Letters, digits and hyphens: `ablate-fc2-weight`.
    package var name: String
    var content: Content
    /// What was left out of the result, which the caption says.
    var remarks: [String] = []

    init(_ name: String..., chart: any Chart) {
        self.name = Self.fileName(name)
        content = .chart(chart)
    }

    init(_ name: String..., sheet: Sheet) {
        self.name = Self.fileName(name)
        content = .sheet(sheet)
    }

    /// Whether the picture may have embedded images.
    fileprivate var hasMaps: Bool {
        switch content {
        case .chart(let chart): chart is HeatMap
        case .sheet(let sheet): sheet.charts.contains { $0 is HeatMap }
        }
    }

    /// What is shown, and the number that matters.
    package var title: String {
        switch content {
        case .chart(let chart): chart.title
        case .sheet(let sheet): sheet.title
        }
    }

    /// The picture in words.
    package var alternative: String {
        switch content {
        case .chart(let chart): chart.alternative
        case .sheet(let sheet): sheet.alternative
        }
    }

    /// Seed, method, data, checkpoint, and what was left out.
    package var caption: String {
        let caption =
            switch content {
            case .chart(let chart): chart.caption
            case .sheet(let sheet): sheet.caption
            }
        return ([caption] + remarks.map(\.singleLine)).filter { !$0.isEmpty }.joined(separator: " · ")
    }

    /// The parts as the name of a file, whatever is in them.
    static func fileName(_ parts: [String]) -> String {
        parts.map { part in
            var text = ""
            for scalar in part.unicodeScalars.prefix(60) {
                let isPlain = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                if isPlain { text.unicodeScalars.append(scalar) } else if !text.hasSuffix("-"), !text.isEmpty { text += "-" }
            }
            while text.hasSuffix("-") { text.removeLast() }
            return text
        }.filter { !$0.isEmpty }.joined(separator: "-")
    }

    /// The picture with its title and caption.
    ///
    /// - Parameter images: among how many pictures of one file the room for embedded images is shared.
    package func drawing(width: Double = PlotSheet.width, images: Int = 1) -> Drawing {
        let alternative = ([alternative] + remarks.map { $0.singleLine + "." }).joined(separator: " ")
        switch content {
        case .chart(let chart):
            return Figure(Captioned(chart: chart, caption: caption, alternative: alternative)).drawing(
                width: width, imageBytes: Panel.imageBytes(of: images))
        case .sheet(var sheet):
            (sheet.caption, sheet.alternative) = (caption, alternative)
            return sheet.drawing(width: width, imageBytes: 400_000 / max(1, images))
        }
    }
}

/// A chart with another caption.
private struct Captioned: Chart {
    let chart: any Chart
    let caption: String
    let alternative: String

    var title: String { chart.title }
    var extents: Extents { chart.extents }
    var legend: [LegendEntry] { chart.legend }
    func plot(in panel: Panel) -> Drawing { chart.plot(in: panel) }
}

/// Several pictures below each other.
package enum PlotSheet {
    package static let width = 720.0
    /// More pictures than this are not on one sheet.
    package static let mostFigures = 60

    /// One drawing of all figures.
    package static func drawing(_ figures: [PlotFigure]) -> Drawing {
        if figures.count == 1 { return figures[0].drawing() }
        var sheet = Drawing(width: width, height: 0)
        let shown = figures.prefix(mostFigures)
        let images = max(1, shown.count { $0.hasMaps })
        for (place, figure) in shown.enumerated() {
            let drawing = figure.drawing(images: images)
            if place > 0 {
                sheet.marks.append(.line(Point(12, sheet.height), Point(width - 12, sheet.height), stroke: Stroke(.grid), part: .frame))
            }
            sheet.marks.append(.group(drawing.marks(at: Point(0, sheet.height)), data: [Datum("figure", figure.name)]))
            sheet.height += drawing.height + 8
            sheet.title += (place > 0 ? "; " : "") + drawing.title
            sheet.alternative += (place > 0 ? " " : "") + "Picture \(place + 1): " + drawing.alternative
        }
        if figures.count > shown.count {
            let note = "\(figures.count - shown.count) more pictures are left out of this sheet; a directory as output takes all of them."
            sheet.marks.append(.text(TextLine(note, at: Point(12, sheet.height + 14), size: 12), fill: .faint, part: .note))
            sheet.height += 26
            sheet.alternative += " " + note
        }
        sheet.title = String(sheet.title.prefix(1000))
        return sheet
    }

    /// The bytes of one SVG of all figures.
    package static func svg(_ figures: [PlotFigure]) -> [UInt8] { SVG.bytes(drawing(figures)) }
}
