import Testing

@testable import Pictures

/// Drawings of graphs and layers, read back from their SVG.
struct NetworkChartTests {
    private static let hostile = [
        "a<b>&\"'", String(repeating: "name.of.a.layer/", count: 19), "שלום עולם <script>", "层的权重", "\u{1}\u{202E}x", "",
    ]

    private static func drawing(_ chart: any Chart, width: Double = 720) -> Drawing { Figure(chart).drawing(width: width) }

    /// Checks what holds for every picture: it is well-formed XML of bounded size with all its marks, and labels do not overlap.
    private static func check(_ drawing: Drawing, _ location: SourceLocation = #_sourceLocation) -> SVGReader {
        let text = SVG.text(drawing)
        let reader = SVGReader(text)
        #expect(reader.failure == nil, sourceLocation: location)
        #expect(text.utf8.count <= 2_000_000, sourceLocation: location)
        var outside = 0
        for mark in drawing.leaves {
            if let bounds = mark.bounds, !drawing.frame.contains(bounds, tolerance: 0.6) { outside += 1 }
        }
        #expect(outside == 0, "marks outside of the picture", sourceLocation: location)
        let texts = drawing.leaves.compactMap { mark -> Rectangle? in
            guard case .text = mark.shape else { return nil }
            return mark.bounds
        }
        var overlaps = 0
        for (index, first) in texts.enumerated() {
            for second in texts[..<index] where first.overlaps(second, tolerance: 0.5) { overlaps += 1 }
        }
        #expect(overlaps == 0, "texts that overlap", sourceLocation: location)
        return reader
    }

    private static func random(_ bound: Int, _ state: inout UInt64) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    // MARK: Layered graphs

    private static let circuit = LayeredGraph(
        title: "induction", source: "seed 1",
        nodes: [
            .init("input", layer: 0, kind: .end), .init("a0.h1", layer: 1, kind: .attention), .init("m0", layer: 2, kind: .layer),
            .init("a1.h2", layer: 3, kind: .attention), .init("logits", layer: 9, kind: .end),
        ],
        edges: [
            .init(from: 0, to: 1, kind: .value, score: 0.25), .init(from: 1, to: 3, kind: .key, score: -1.5),
            .init(from: 0, to: 3, kind: .query, score: 0.1 + 0.2), .init(from: 3, to: 4, score: 3),
            .init(from: 2, to: 4, score: -0.75, worksAgainst: true), .init(from: 1, to: 3, kind: .link, score: 0),
            .init(from: 0, to: 2, score: .nan),
        ])

    @Test func edgesCarryTheirNumbersAndWidths() throws {
        let drawing = Self.drawing(Self.circuit)
        let reader = Self.check(drawing)
        let edges = reader.elements(with: "from")
        #expect(edges.count == 7)
        func edge(_ from: String, _ kind: String) throws -> SVGReader.Element {
            try #require(edges.first { $0.attributes["data-from"] == from && $0.attributes["data-kind"] == kind })
        }
        #expect(try edge("input", "query").number("score") == 0.1 + 0.2)
        #expect(try edge("a1.h2", "other").attributes["stroke-width"] == "4.5")
        // 0.8 + 3.7 x 1.5 / 3
        #expect(try edge("a0.h1", "key").attributes["stroke-width"] == "2.65")
        #expect(try edge("a0.h1", "key").title == "a0.h1 → a1.h2 (key): −1.5000")
        let against = try edge("m0", "other")
        #expect(against.attributes["stroke-dasharray"] == "5 3")
        #expect(against.attributes["data-against"] == "true")
        #expect(edges.filter { $0.attributes["data-against"] != nil }.count == 1)
        #expect(try edge("a0.h1", "link").attributes["data-score"] == nil)
        #expect(edges.contains { $0.attributes["data-score"] == "nan" })
        #expect(edges.allSatisfy { $0.title?.isEmpty == false })
        // A colour for each kind.
        #expect(
            Set(try ["query", "value", "other"].map { kind in try edge(kind == "other" ? "m0" : "input", kind).attributes["class"] }).count
                == 3)
    }

    @Test func inputsLieAtTheBottomAndShapesTellKinds() throws {
        let drawing = Self.drawing(Self.circuit)
        let reader = Self.check(drawing)
        var middles: [String: Double] = [:]
        for mark in drawing.leaves {
            if let name = mark.data.first(where: { $0.name == "node" })?.value, let bounds = mark.bounds { middles[name] = bounds.midY }
        }
        let order = ["input", "a0.h1", "m0", "a1.h2", "logits"].compactMap { middles[$0] }
        #expect(order.count == 5)
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 > $1 + 20 })
        let nodes = reader.elements(with: "node")
        #expect(nodes.map(\.name) == ["polygon", "rect", "rect", "rect", "polygon"])
        #expect(nodes[1].attributes["rx"] == "10" && nodes[2].attributes["rx"] == nil)
        #expect(reader.elements.filter { $0.name == "text" }.map(\.text).contains("a0.h1"))
        #expect(Self.circuit.legend.map(\.label).contains("works against"))
        #expect(Self.circuit.alternative.contains("5 nodes in 5 layers"))
    }

    @Test func hostileNamesStayText() {
        var chart = Self.circuit
        for (index, name) in Self.hostile.prefix(5).enumerated() { chart.nodes[index].name = name }
        chart.title = Self.hostile[1]
        let reader = Self.check(Self.drawing(chart, width: 300))
        #expect(reader.elements(with: "node").first?.attributes["data-node"] == Self.hostile[0])
        #expect(!reader.elements.contains { $0.name == "script" })
    }

    @Test func graphsWithoutEdgesOrNodesAreDrawn() {
        let none = Self.check(Self.drawing(LayeredGraph(title: "none", nodes: [], edges: [])))
        #expect(none.elements.contains { $0.text == "There are no nodes to draw." })
        let single = LayeredGraph(
            title: "", nodes: [.init("", layer: .max, kind: .neuron)], edges: [.init(from: 0, to: 0, score: .infinity)])
        #expect(Self.check(Self.drawing(single, width: 1)).elements(with: "node").count == 1)
        let row = LayeredGraph(
            title: "row", nodes: (0..<3).map { .init("n\($0)", layer: 4, kind: .layer) },
            edges: [.init(from: 0, to: 2, score: 1), .init(from: 2, to: 1, score: -1), .init(from: 1, to: 1, score: 0)])
        #expect(Self.check(Self.drawing(row)).elements(with: "from").count == 3)
    }

    @Test func whatHasNoRoomIsLeftOutAndSaid() {
        var state: UInt64 = 3
        let names = (0..<4000).map { index in index % 3 == 0 ? String(repeating: "\"", count: 300) + "\(index)" : "n\(index)" }
        let nodes = names.enumerated().map { LayeredGraph.Node($1, layer: $0 % 4, kind: .neuron) }
        let edges = (0..<20_000).map { index in
            LayeredGraph.Edge(
                from: Self.random(4000, &state), to: Self.random(4000, &state), score: Double((index * 7919) % 20_000),
                worksAgainst: index % 2 == 0)
        }
        let chart = LayeredGraph(title: "many", source: "data", nodes: nodes, edges: edges)
        let reader = Self.check(Self.drawing(chart))
        let drawn = reader.elements(with: "score").compactMap { $0.number("score") }
        #expect(drawn.count > 100)
        // The heaviest, and the heaviest last.
        #expect(drawn == (0..<drawn.count).map { Double(20_000 - drawn.count + $0) })
        #expect(chart.caption.contains(" of 20,000 edges are drawn · "))
        #expect(chart.caption.filter { $0 != "," }.hasPrefix("data · the heaviest \(drawn.count) of 20000 edges"))
        #expect(chart.caption.hasSuffix(" of 4,000 nodes are drawn"))
    }

    // MARK: Columns of neurons

    private static func column(_ name: String, _ count: Int, _ clusters: Int) -> NeuronColumn {
        NeuronColumn(name, clusters: (0..<count).map { $0 * 7 % clusters })
    }

    private static func heaviest(_ rows: Int, _ columns: Int, limit: Int) -> HeaviestWeights {
        HeaviestWeights(rows: rows, columns: columns, limit: limit) { row, entries in
            for column in 0..<columns { entries[column] = Float((row * 31 + column * 17) % 101) - 50 }
        }
    }

    @Test func theHeaviestWeightsAreFound() {
        let matrix: [[Float]] = [[1, -5, .nan], [0, 5, -.infinity], [2, -2, 0]]
        func heaviest(_ limit: Int) -> HeaviestWeights {
            HeaviestWeights(rows: 3, columns: 3, limit: limit) { row, entries in _ = entries.update(fromContentsOf: matrix[row]) }
        }
        #expect(heaviest(9).count == 6)
        #expect(heaviest(9).entries.map(\.weight) == [-.infinity, -5, 5, 2, -2, 1])
        #expect(heaviest(2).entries == [.init(row: 1, column: 2, weight: -.infinity), .init(row: 0, column: 1, weight: -5)])
        #expect(heaviest(0).entries.isEmpty)
        let many = Self.heaviest(40, 50, limit: 77)
        var all: [Float] = []
        for row in 0..<40 {
            for column in 0..<50 {
                let value = Float((row * 31 + column * 17) % 101) - 50
                all.append(abs(value))
            }
        }
        all.sort(by: >)
        #expect(many.entries.map { abs($0.weight) } == Array(all.prefix(77)))
    }

    @Test func weightsInsideAClusterHaveItsColour() throws {
        let inputs = NeuronColumn("fc1", clusters: [1, 0, -1])
        let outputs = NeuronColumn("fc2", clusters: [0, 1, -1])
        let weights = HeaviestWeights(rows: 3, columns: 3, limit: 9) { row, entries in
            for column in 0..<3 { entries[column] = Float(row * 3 + column + 1) / 8 }
        }
        let chart = Bipartite(title: "fc2.weight", source: "seed 0", inputs: inputs, outputs: outputs, weights: weights)
        let drawing = Self.drawing(chart)
        let reader = Self.check(drawing)
        let edges = reader.elements(with: "weight")
        #expect(edges.count == 9)
        for edge in edges {
            let (from, to) = (Int(try #require(edge.number("from"))), Int(try #require(edge.number("to"))))
            #expect(edge.number("weight") == Double(to * 3 + from + 1) / 8)
            let cluster = inputs.clusters[from]
            #expect(edge.number("cluster") == (cluster >= 0 && cluster == outputs.clusters[to] ? Double(cluster) : nil))
        }
        #expect(chart.caption == "seed 0 · wider lines are heavier")
        // Clusters follow each other, and neurons without one come last; inputs are on the left.
        let neurons = drawing.leaves.filter { $0.data.contains { $0.name == "neuron" } }
        #expect(neurons.count == 6)
        let left = neurons.prefix(3).sorted { $0.bounds!.midY < $1.bounds!.midY }.map { $0.data[1].value }
        #expect(left == ["0", "1", "-1"])
        #expect(neurons[0].bounds!.midX < neurons[5].bounds!.midX)
        #expect(reader.elements.map(\.text).contains("no cluster (1)"))
    }

    @Test func manyNeuronsBecomeBars() {
        let chart = Bipartite(
            title: "wide", inputs: Self.column("in", 768, 6), outputs: Self.column("out", 3072, 6),
            weights: Self.heaviest(3072, 768, limit: 5000))
        let reader = Self.check(Self.drawing(chart))
        #expect(reader.elements(with: "weight").count == 1200)
        let bars = reader.elements(with: "neurons")
        #expect(bars.compactMap { $0.number("neurons") }.reduce(0, +) == 3840)
        #expect(bars.count == 12)
        #expect(chart.caption.contains("the heaviest 1,200 of "))
        #expect(chart.caption.contains("a bar is a cluster's neurons"))
    }

    @Test(arguments: [1, 10, 1000])
    func columnsOfAnyClustersStayBounded(clusters: Int) {
        let columns = [3000, 1, 2000, 0, 40].map { Self.column(Self.hostile[$0 % 5], $0, clusters) }
        let weights = zip(columns, columns.dropFirst()).map { left, right in
            Self.heaviest(right.clusters.count, left.clusters.count, limit: 2000)
        }
        let chart = ChainGraph(title: "<chain>", source: "s", columns: columns, weights: weights)
        for width in [720.0, 160] { _ = Self.check(Self.drawing(chart, width: width)) }
        #expect(SVG.text(Self.drawing(chart)) == SVG.text(Self.drawing(chart)))
    }

    @Test func aChainJoinsNeighbours() {
        let columns = [Self.column("x", 6, 2), Self.column("fc1", 5, 2), Self.column("fc2", 4, 2)]
        let chart = ChainGraph(
            title: "chain", columns: columns, weights: [Self.heaviest(5, 6, limit: 100), Self.heaviest(4, 5, limit: 100)])
        let reader = Self.check(Self.drawing(chart))
        #expect(reader.elements(with: "weight").filter { $0.number("layer") == 0 }.count == chart.weights[0].entries.count)
        #expect(reader.elements(with: "weight").filter { $0.number("layer") == 1 }.count == chart.weights[1].entries.count)
        let names = reader.elements.filter { $0.attributes["class"]?.contains("mi-axis-title") == true }.map(\.text)
        #expect(names == ["x", "fc1", "fc2"])
        #expect(chart.alternative.hasPrefix("x: 6 neurons in 2 clusters; fc1: 5 neurons"))
    }

    @Test func nothingToDrawIsSaid() {
        let empty = ChainGraph(title: "", columns: [], weights: [])
        #expect(Self.check(Self.drawing(empty)).elements.contains { $0.text == "There are no neurons to draw." })
        let one = ChainGraph(title: "one", columns: [Self.column("a", 3, 2)], weights: [])
        #expect(Self.check(Self.drawing(one)).elements(with: "neuron").count == 3)
        let weightless = Bipartite(
            title: "0", inputs: Self.column("a", 3, 2), outputs: Self.column("b", 3, 2), weights: HeaviestWeights(entries: [], count: 0))
        #expect(Self.check(Self.drawing(weightless)).elements(with: "weight").isEmpty)
    }
}
