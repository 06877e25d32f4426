import Foundation
import Testing

@testable import Pictures

/// What holds for every chart, at every width.
@Suite struct ChartGeometryTests {
    private func check(_ body: (String, Drawing) -> Void) {
        for width in [720.0, 330] {
            for (name, drawing) in Samples.drawings(width: width) { body("\(name) at \(Int(width))", drawing) }
        }
    }

    @Test func allMarksLieInTheView() {
        check { name, drawing in
            for mark in drawing.leaves {
                guard let bounds = mark.bounds else { continue }
                #expect(
                    drawing.frame.contains(bounds, tolerance: 0.6), "\(name): \(mark.part?.rawValue ?? "") \(bounds) \(mark.title ?? "")")
            }
        }
    }

    @Test func labelsDoNotOverlap() {
        let parts: Set<Mark.Part> = [.tickLabel, .axisTitle, .label, .title, .caption, .note, .legend]
        check { name, drawing in
            let texts = drawing.leaves.filter { mark in
                if case .text = mark.shape { mark.part.map(parts.contains) ?? false } else { false }
            }.compactMap(\.bounds).sorted { $0.x < $1.x }
            for (index, first) in texts.enumerated() {
                for second in texts[(index + 1)...] {
                    if second.x > first.maxX { break }
                    #expect(!first.overlaps(second, tolerance: 1.5), "\(name): \(first) \(second)")
                }
            }
        }
    }

    @Test func legendsLieOutsideTheMarks() {
        check { name, drawing in
            // A sheet is checked chart by chart.
            let groups = drawing.marks.filter { $0.data.contains { $0.name == "chart" } }
            for marks in groups.isEmpty ? [drawing.leaves] : groups.map(\.leaves) {
                let data = marks.filter { $0.part == .data }.compactMap(\.bounds).reduce(nil as Rectangle?) { $0?.union($1) ?? $1 }
                guard let data else { continue }
                for legend in marks where legend.part == .legend || legend.part == .tickLabel {
                    #expect(legend.bounds.map { !$0.overlaps(data, tolerance: 1.5) } ?? true, "\(name): \(legend.bounds!) in \(data)")
                }
            }
        }
    }

    @Test func everyPictureIsWellFormedAndSmall() throws {
        check { name, drawing in
            let text = SVG.text(drawing)
            #expect(SVGReader(text).failure == nil, "\(name)")
            #expect(text.utf8.count < 2_000_000, "\(name): \(text.utf8.count)")
            #expect(!text.contains("<script") && !text.contains("http://www.w3.org/1999/xhtml"))
        }
        // The pictures as files, to be looked at.
        guard let folder = ProcessInfo.processInfo.environment["MODINSPECT_PICTURES"] else { return }
        for (name, drawing) in Samples.drawings() {
            try Data(SVG.bytes(drawing)).write(to: URL(fileURLWithPath: folder).appendingPathComponent(name + ".svg"))
        }
    }

    @Test func drawingAgainGivesTheSameBytes() {
        let once = Samples.charts.map { SVG.bytes(Figure($0.chart).drawing()) }
        #expect(once == Samples.charts.map { SVG.bytes(Figure($0.chart).drawing()) })
    }

    @Test func emptyChartsSayWhy() {
        for name in ["no-lines", "empty-line", "no-bars", "no-dots", "no-strip", "no-cells"] {
            let chart = Samples.charts.first { $0.name == name }!.chart
            #expect(SVG.text(Figure(chart).drawing()).contains("There are no values to draw."), "\(name)")
        }
        for name in ["no-number", "no-number-bars", "no-number-cells"] {
            let chart = Samples.charts.first { $0.name == name }!.chart
            #expect(SVG.text(Figure(chart).drawing()).contains("None of the values is finite"), "\(name)")
        }
    }

    @Test func numbersLeftOutAreCounted() {
        let text = SVG.text(Figure(Samples.charts.first { $0.name == "gaps" }!.chart).drawing())
        #expect(text.contains("2 values are not finite and not drawn"))
    }
}
