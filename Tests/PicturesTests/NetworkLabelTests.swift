import Testing

@testable import Pictures

/// What stands beside columns of neurons and above them.
@Suite struct NetworkLabelTests {
    private static func texts(_ drawing: Drawing, _ part: Mark.Part) -> [(text: String, box: Rectangle)] {
        drawing.leaves.compactMap { mark in
            guard mark.part == part, case .text(let line) = mark.shape, let box = mark.bounds else { return nil }
            return (line.string, box)
        }
    }

    private static func column(_ name: String, clusters: Int, each: Int) -> NeuronColumn {
        NeuronColumn(name, clusters: (0..<clusters * each).map { $0 / each })
    }

    /// The width of one of two panels of a sheet.
    private static let panel = 338.0

    @Test(arguments: [(4, 13), (4, 345), (16, 3), (20, 2)]) func labelsOfClustersAreWholeInNarrowPanels(clusters: Int, each: Int) {
        let side = Self.column("in", clusters: clusters, each: each)
        let chart = Bipartite(title: "", inputs: side, outputs: side, weights: HeaviestWeights(entries: [], count: 0))
        let labels = Self.texts(chart.plot(in: Panel(width: Self.panel)), .label)
        #expect(labels.count >= 2 * min(clusters, 12))
        for label in labels {
            #expect(!label.text.contains("…") && label.text.hasSuffix("(\(each))"), "\(label.text)")
            #expect(label.box.x >= 0 && label.box.maxX <= Self.panel)
        }
    }

    @Test func labelsThatHaveNoRoomBecomeNumbers() {
        let side = Self.column("in", clusters: 3, each: 1200)
        let chart = Bipartite(title: "", inputs: side, outputs: side, weights: HeaviestWeights(entries: [], count: 0))
        #expect(
            Self.texts(chart.plot(in: Panel(width: 200)), .label).map(\.text) == ["0", "1", "2", "0", "1", "2"].map { $0 + " (1,200)" })
        let plain = NeuronColumn("in", clusters: Array(repeating: -1, count: 3000))
        let grey = Bipartite(title: "", inputs: plain, outputs: plain, weights: HeaviestWeights(entries: [], count: 0))
        #expect(Self.texts(grey.plot(in: Panel(width: Self.panel)), .label).map(\.text) == ["3,000 neurons", "3,000 neurons"])
    }

    private static func chain(_ layers: Int, clusters: Int) -> ChainGraph {
        let columns = (0...layers).map { Self.column($0 == 0 ? "in of fc1.weight" : "fc\($0).weight", clusters: clusters, each: 4) }
        let weights = (0..<layers).map { _ in HeaviestWeights(entries: [.init(row: 0, column: 0, weight: 1)], count: 1) }
        return ChainGraph(title: "", columns: columns, weights: weights)
    }

    @Test(arguments: [3, 12, 24, 48]) func titlesOfColumnsDifferAndDoNotTouch(layers: Int) {
        let width = 696.0
        let titles = Self.texts(Self.chain(layers, clusters: 2).plot(in: Panel(width: width)), .axisTitle)
        #expect(titles.count == layers + 1)
        #expect(Set(titles.map(\.text)).count == layers + 1)
        for (index, title) in titles.enumerated() {
            #expect(title.box.x >= -0.5 && title.box.maxX <= width + 0.5, "\(title.text)")
            // The number tells the layer.
            if index > 0 { #expect(title.text.contains("\(index)"), "\(title.text)") }
            for other in titles[..<index] { #expect(!title.box.overlaps(other.box, tolerance: 0.5), "\(title.text) \(other.text)") }
        }
    }

    @Test func theLegendOfANetworkNamesItsClusters() {
        #expect(Self.chain(2, clusters: 3).legend.map(\.label) == ["cluster 0", "cluster 1", "cluster 2", "across"])
        // A cluster that only an inner column has is named too.
        var chart = Self.chain(2, clusters: 2)
        chart.columns[1].clusters[0] = 7
        #expect(chart.legend.map(\.label) == ["cluster 0", "cluster 1", "cluster 7", "across"])
        // Twenty clusters have colours of their own; of more, two share one.
        #expect(Self.chain(2, clusters: 20).legend.count == 21)
        #expect(
            Self.chain(2, clusters: 21).legend.map(\.label)
                == ["inside a cluster: its colour, which 20 clusters later comes again", "across"])
    }

    @Test func chartsOfASheetMayShareTheLowerAxisAlone() throws {
        func line(_ end: Double, _ height: Double) -> LineChart {
            let vertices: [LineChart.Vertex] = [.init(0, 0), .init(end, Estimate(height))]
            // The names of lines take no width from one of the panels.
            return LineChart(title: "\(end)", series: end > 20 ? [.init("a", vertices), .init("b", vertices)] : [.init("", vertices)])
        }
        let drawing = Sheet(title: "", charts: [line(25, 1), line(10, 70)], columns: 2, sharing: .horizontal).drawing()
        let ticks = Self.texts(drawing, .tickLabel).map(\.text)
        // Both reach to 25 from the left, each has its own height.
        #expect(ticks.filter { $0 == "20" }.count >= 2)
        #expect(ticks.contains("1.0") && ticks.contains("80"))
    }

    @Test func numbersInCellsAreSmallerOnlyWhereTheyHaveNoRoom() {
        func sizes(_ columns: Int) -> Set<Double> {
            let map = HeatMap(
                title: "", rows: .init(["a", "b"]), columns: .init(count: columns),
                values: .cells(Array(repeating: (0..<columns).map { Double($0) / 100 }, count: 2)))
            return Set(
                map.plot(in: Panel(width: 696)).leaves.compactMap { mark in
                    guard mark.part == .data, case .text(let line) = mark.shape else { return nil }
                    return line.size
                })
        }
        #expect(sizes(4) == [12])
        #expect(sizes(23).isSubset(of: [10, 11]) && !sizes(23).isEmpty)
        #expect(sizes(60).isEmpty)
    }
}
