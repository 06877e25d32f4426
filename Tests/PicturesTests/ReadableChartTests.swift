import Testing

@testable import Pictures

/// What charts must not hide or garble.
@Suite struct ReadableChartTests {
    private func read(_ chart: any Chart, width: Double = 720) -> SVGReader { SVGReader(Figure(chart).drawing(width: width)) }

    private func texts(_ reader: SVGReader) -> [String] { reader.elements.filter { $0.name == "text" }.map(\.text) }

    // MARK: Numbers

    @Test func numbersHaveAMinusSignAndZeroHasNone() {
        #expect(NumberText.rounded(-0.5) == "−0.5000")
        #expect(NumberText.fixed(-0.004, digits: 2) == "0.00")
        #expect(NumberText.fixed(-0.006, digits: 2) == "−0.01")
        #expect(NumberText.rounded(-1e-7) == "−1.0e−07")
        #expect(NumberText.shortest(-0.0) == "0")
        #expect(Scale.text(-2e-5, step: 1e-5) == "−2e−5")
        let map = HeatMap(
            title: "", rows: .init(["a"]), columns: .init(["x", "y", "z"]), values: .cells([[-0.001, -1.17, 0.3]]), scheme: .diverging)
        let shown = texts(read(map))
        #expect(shown.contains("0.00") && shown.contains("−1.17") && !shown.contains { $0.contains("-") || $0.contains("−0.00") })
        // The ends of the colours are round.
        #expect(shown.contains("−1.2") && shown.contains("1.2"))
        #expect(!read(map).elements.contains { $0.title?.contains("-") ?? false })
    }

    @Test func countsHaveWholeTicks() {
        func isWhole(_ text: String) -> Bool { !text.contains(".") }
        var bars = BarChart(title: "", categories: ["one", "two"], series: [.init("", [1, 0])], direction: .lying)
        bars.isOfCounts = true
        #expect(texts(read(bars)).contains("1") && texts(read(bars)).allSatisfy(isWhole))
        bars.direction = .standing
        #expect(texts(read(bars)).allSatisfy(isWhole))
        var dots = DotChart(title: "", categories: ["one", "two"], series: [.init("", [2, 1])])
        dots.isOfCounts = true
        #expect(texts(read(dots)).allSatisfy(isWhole))
        var map = HeatMap(title: "", rows: .init(["a"]), columns: .init(["x", "y"]), values: .cells([[0, 11]]), valueTitle: "shared")
        map.isOfCounts = true
        #expect(texts(read(map)).contains("11") && texts(read(map)).allSatisfy(isWhole))
    }

    // MARK: Equal values

    @Test func dotsOnOnePlaceAreBothSeen() {
        let dots = DotChart(
            title: "", categories: ["same", "apart"],
            series: [.init("A", [0.5, 0.1], isHollow: true), .init("B", [0.5, 0.9])], including: 0...1)
        let circles = read(dots).elements.filter { $0.name == "circle" && $0.attributes["data-category"] != nil }
        func radius(_ series: String, _ category: String) -> Double {
            circles.first { $0.attributes["data-series"] == series && $0.attributes["data-category"] == category }
                .flatMap { $0.attributes["r"].flatMap(Double.init) } ?? 0
        }
        // A ring of two pixels at least is left around the later dot.
        #expect(radius("A", "same") - radius("B", "same") > 2)
        #expect(radius("B", "apart") > radius("B", "same"))
    }

    @Test func aLineUnderAnEqualOneIsWider() {
        let vertices = [LineChart.Vertex(1, 0.2), .init(2, 0.4), .init(3, 0.3)]
        let lines = read(
            LineChart(title: "", series: [.init("A", vertices), .init("B", vertices), .init("C", [.init(1, 0), .init(3, 1)])])
        )
        .elements.filter { $0.name == "polyline" && $0.attributes["data-series"] != nil }
        let widths = lines.compactMap { $0.attributes["stroke-width"].flatMap(Double.init) }
        #expect(widths.count == 3 && widths[0] > widths[1] + 2 && widths[1] == widths[2])
    }

    // MARK: Labels of lines

    @Test func aLabelHasTheSymbolOfItsLineAndNoLeaderFromElsewhere() {
        let line = LineChart.Series("growing", [.init(0, 0), .init(1, 1)], paint: .cluster(0))
        let dot = LineChart.Series("the circuit", [.init(0.1, 1)], style: .dots, paint: .cluster(3))
        let chart = LineChart(title: "", series: [line, dot], references: [.init("all", 1)])
        let drawing = chart.plot(in: Panel(width: 700))
        let leaders = drawing.marks.filter { $0.part == .leader }
        // Three symbols, and leaders of the line and of the reference that end at the edge; the dot lies far from it.
        #expect(leaders.count { if case .group = $0.shape { true } else { false } } == 3)
        #expect(leaders.count { if case .polyline = $0.shape { true } else { false } } == 2)
    }

    @Test func unnamedLinesHaveNoLabel() {
        let many = (0..<40).map { place in
            var line = LineChart.Series("layer \(place)", [.init(0, 0), .init(1, .init(Double(place) / 40))], paint: .sequential(0.5))
            line.isNamed = place % 13 == 0
            return line
        }
        let chart = LineChart(title: "", series: many)
        #expect(chart.legend.map(\.label) == ["layer 0", "layer 13", "layer 26", "layer 39"])
        #expect(texts(read(chart)).count { $0.hasPrefix("layer") } == 4)
    }

    // MARK: Matrices

    @Test func theDiagonalTakesNoColours() throws {
        var map = HeatMap(
            title: "", rows: .init(["a", "b"]), columns: .init(["a", "b"]), values: .cells([[1, 0.14], [0.07, 1]]), valueTitle: "overlap")
        map.leavesOutDiagonal = true
        #expect(map.extents.colour == 0...0.14)
        let reader = read(map)
        let cells = reader.elements.filter { $0.attributes["data-row"] != nil }
        #expect(cells.map { $0.number("value") } == [1, 0.14, 0.07, 1])
        #expect(cells[0].attributes["fill"] == cells[3].attributes["fill"] && cells[0].attributes["class"] == cells[3].attributes["class"])
        #expect(texts(reader).contains("1.00") && texts(reader).contains("0.14") && !texts(reader).contains("no value"))
        // As an image, in which the diagonal has no value.
        let count = 60
        var large = HeatMap(
            title: "", rows: .init(count: count), columns: .init(count: count),
            values: .cells((0..<count).map { row in (0..<count).map { $0 == row ? 1 : 0.1 } }))
        large.leavesOutDiagonal = true
        #expect(large.extents.colour == 0...0.1)
        #expect(!large.clips(0...0.1) && !large.hasMissing)
    }

    @Test func theTitleOfRowsStandsBesideThem() throws {
        let map = HeatMap(
            title: "", rows: .init(count: 300, title: "out-neurons"), columns: .init(count: 300, title: "in-neurons"),
            values: .cells((0..<300).map { row in (0..<300).map { Double(row * $0) } }))
        let title = try #require(read(map).elements.first { $0.text == "out-neurons" })
        #expect(title.attributes["transform"]?.contains("rotate(-90") ?? false)
    }

    // MARK: Strips

    @Test func stripsBesideEachOtherAreAllDotsOrAllBars() {
        func strip(_ name: String, _ values: [Double]) -> StripChart {
            StripChart(title: name, entries: values.map { StripChart.Entry(name, $0) }, countTitle: "checkpoints", heapHeight: 60)
        }
        let many = strip("many", Array(repeating: 0.5, count: 30) + [0.1])
        let few = strip("few", [0.2, 0.3, 0.5])
        let mixed = SVGReader(Sheet(title: "", charts: [many, few]).drawing())
        #expect(mixed.elements.compactMap { $0.number("count") }.reduce(0, +) == 34)
        #expect(!mixed.elements.contains { $0.attributes["data-name"] != nil })
        // Both have the axis of counts, with whole numbers.
        let labels = mixed.elements.filter { $0.name == "text" }.map(\.text)
        #expect(labels.count { $0 == "checkpoints" } == 2)
        #expect(labels.count { Int($0).map { $0 >= 30 } ?? false } == 2)
        let dots = SVGReader(Sheet(title: "", charts: [few, few]).drawing())
        #expect(dots.elements.count { $0.attributes["data-name"] != nil } == 6)
        #expect(!dots.elements.contains { $0.text == "checkpoints" })
    }

    @Test func theEndsOfAStripAreNamed() {
        let strip = StripChart(
            title: "",
            entries: [.init("low.pt", 0.1, isNamed: true), .init("middle.pt", 0.5), .init("high.pt", 0.9, isNamed: true)])
        let labels = texts(read(strip))
        #expect(labels.contains("low.pt 0.1000") && labels.contains("high.pt 0.9000") && !labels.contains { $0.hasPrefix("middle") })
    }

    // MARK: Graphs

    @Test func nodesOfAFullRowKeepTheirNames() {
        let names = (0..<12).map { "a0.h\($0)" }
        let nodes = names.map { LayeredGraph.Node($0, layer: 1, kind: .attention) } + [LayeredGraph.Node("input", layer: 0, kind: .end)]
        let graph = LayeredGraph(title: "", nodes: nodes, edges: names.indices.map { .init(from: 12, to: $0, score: 1) })
        #expect(Set(names).isSubset(of: texts(read(graph))))
        let narrow = texts(read(graph, width: 420)).filter { !$0.isEmpty && $0 != "input" }
        #expect(Set(narrow).count == narrow.count)
    }

    @Test func edgesWithinALayerHaveAHead() {
        let nodes = ["m0", "m1"].map { LayeredGraph.Node($0, layer: 0, kind: .layer) }
        let marks = LayeredGraph(title: "", nodes: nodes, edges: [.init(from: 1, to: 0, score: 1)]).plot(in: Panel(width: 300)).marks
        let heads = marks.compactMap { mark -> [Point]? in if case .polygon(let points) = mark.shape { points } else { nil } }
        let line = marks.compactMap { mark -> Point? in
            if case .path(let steps) = mark.shape, case .curve(_, _, let end)? = steps.last { end } else { nil }
        }
        #expect(heads.count == 1 && heads.first?.first == line.first)
    }
}
