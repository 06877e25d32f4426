import Testing

@testable import Pictures

/// The numbers that were put in, read back from the SVG.
@Suite struct ChartDataTests {
    private func read(_ chart: any Chart) -> SVGReader { SVGReader(Figure(chart).drawing()) }

    @Test func linesCarryTheirNumbers() {
        let reader = read(Samples.sweep)
        for series in Samples.sweep.series where series.style != .band {
            let dots = reader.elements.filter { $0.name == "circle" && $0.attributes["data-series"] == series.name }
            #expect(dots.map { $0.number("x") } == series.vertices.map(\.x))
            #expect(dots.map { $0.number("value") } == series.vertices.map(\.y.value))
        }
        let band = reader.elements.filter { $0.name == "circle" && $0.attributes["data-series"] == "random weights" }
        #expect(band.map { $0.number("low") } == Samples.sweep.series[0].vertices.map(\.y.low))
        #expect(band.map { $0.number("high") } == Samples.sweep.series[0].vertices.map(\.y.high))
    }

    @Test func longLinesKeepTheirExtremes() throws {
        let reader = read(Samples.manyPoints)
        let line = try #require(reader.elements.first { $0.name == "polyline" && $0.attributes["data-series"] == "loss" })
        let numbers = try #require(line.attributes["data-y"]).split(separator: " ").compactMap { Double($0) }
        let values = Samples.manyPoints.series[0].vertices.map(\.y.value)
        #expect(numbers.count < 4000)
        #expect(numbers.min() == values.min() && numbers.max() == values.max())
        #expect(numbers.first == values.first && numbers.last == values.last)
    }

    @Test func barsCarryTheirNumbersAndAreAsHigh() throws {
        let bars = read(Samples.bars).elements.filter { $0.name == "rect" && $0.attributes["data-category"] != nil }
        #expect(bars.count == 8)
        let first = bars.filter { $0.attributes["data-series"] == "without the cluster" }
        #expect(first.map { $0.number("value") } == [0.91, 0.88, 0.57, 0.93])
        // The heights have the ratio of the values.
        let heights = first.compactMap { $0.attributes["height"].flatMap(Double.init) }
        #expect(abs(heights[2] / heights[0] - 0.57 / 0.91) < 0.001)
        let second = bars.filter { $0.attributes["data-series"] != "without the cluster" }
        #expect(second.map { $0.number("low") } == [0.97 - 0.01, 0.96 - 0.02, 0.95 - 0.03, nil])
    }

    @Test func stackedBarsStandOnEachOther() {
        let bars = read(Samples.stacked).elements.filter { $0.attributes["data-category"] == "3" }
        #expect(bars.compactMap { $0.number("value") } == [20, 0, 50, 30])
        let edges = bars.map { (top: Double($0.attributes["y"]!)!, height: Double($0.attributes["height"]!)!) }
        for (lower, upper) in zip(edges, edges.dropFirst()) { #expect(abs(upper.top + upper.height - lower.top) < 0.02) }
    }

    @Test func dotsCarryTheirNumbers() {
        let dots = read(Samples.paired).elements.filter { $0.attributes["data-series"] == "fine-tuned" }
        #expect(dots.map { $0.number("value") } == Samples.paired.series[1].values.map { $0?.value })
    }

    @Test func stripsHoldEveryEntry() {
        let dots = read(Samples.strip).elements.filter { $0.attributes["data-name"] != nil && $0.name == "circle" }
        #expect(Set(dots.compactMap { $0.number("value") }) == Set(Samples.strip.entries.map(\.value)))
        let counts = read(Samples.stripMany).elements.compactMap { $0.number("count") }
        #expect(counts.reduce(0, +) == 5001)
    }

    @Test func cellsCarryNamesAndNumbers() {
        let cells = read(Samples.divergingCells).elements.filter { $0.attributes["data-row"] != nil }
        #expect(cells.count == 36)
        for (index, cell) in cells.enumerated() {
            let (row, column) = (index / 6, index % 6)
            #expect(cell.attributes["data-row"] == "resid.\(row)")
            if row == 2, column == 3 {
                #expect(cell.attributes["data-value"] == "nan")
                #expect(cell.attributes["fill"] == "url(#mi-hatch)")
            } else {
                let expected: Double = Double(row - column) / 5.0
                #expect(cell.number("value") == expected)
            }
        }
    }

    @Test func largeMatricesAreOneImageWithClustersAtTheEdges() {
        let reader = read(Samples.weights)
        #expect(reader.elements.count { $0.name == "image" } == 1)
        #expect(reader.elements.compactMap { $0.number("row-cluster") } == [0, 1, 2, 3])
        #expect(reader.elements.filter { $0.attributes["data-column-cluster"] != nil }.map { $0.number("count") } == [768, 768, 768, 768])
        #expect(reader.elements.contains { $0.text.contains("each pixel shows the mean") })
    }

    @Test func sharedScalesPutTheSameNumberAtTheSameHeight() {
        func chart(_ value: Double) -> BarChart { BarChart(title: "\(value)", categories: ["a"], series: [.init("s", [Estimate(value)])]) }
        func heights(_ sharing: Sheet.Sharing) -> [Double] {
            SVGReader(Sheet(title: "", charts: [chart(1), chart(10)], sharing: sharing).drawing()).elements(with: "category")
                .compactMap { Double($0.attributes["height"]!) }
        }
        let shared = heights(.everything)
        #expect(abs(shared[1] / shared[0] - 10) < 0.05)
        let own = heights(.nothing)
        #expect(abs(own[1] - own[0]) < 0.05)
    }
}
