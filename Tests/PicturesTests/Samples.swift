@testable import Pictures

/// Numbers between 0 and 1 that are the same everywhere.
struct Noise {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 40) / Double(1 << 24)
    }
}

/// Charts as the subcommands make them, and charts of bad input, for the tests of geometry and for looking at.
enum Samples {
    static let longName = "transformer.h.0." + String(repeating: "very_long_name.", count: 20) + "weight"
    static let hostileName = "<b>&\"'\u{1}\u{202E}]]> \u{5E9}\u{5DC}\u{5D5}\u{5DD} \u{645}\u{631}\u{62D}\u{628}\u{627}"

    static let charts: [(name: String, chart: any Chart)] = useful + awkward

    static let useful: [(name: String, chart: any Chart)] = [
        ("sweep", sweep), ("trajectories", trajectories), ("logarithmic", logarithmic), ("many-points", manyPoints),
        ("bars", bars), ("lying-bars", lyingBars), ("stacked", stacked), ("paired", paired), ("strip", strip), ("strip-many", stripMany),
        ("cells", cells), ("diverging-cells", divergingCells), ("weights", weights), ("signed-weights", signedWeights),
    ]

    static let sweep = LineChart(
        title: "fc2.weight: clusterability 0.84 at k = 4 (noise 0.57)",
        caption: "spectral, seed 0, null model of 100 permutations, 5 to 95%",
        series: [
            .init(
                "random weights",
                (2...14).map { .init(Double($0), Estimate(1 / Double($0) + 0.2, low: 1 / Double($0) + 0.17, high: 1 / Double($0) + 0.23)) },
                style: .band),
            .init("trained", (2...14).map { .init(Double($0), Estimate(0.55 + 0.4 / Double($0))) }),
            .init("plain", (2...14).map { .init(Double($0), Estimate(1 / Double($0) + 0.26)) }),
            .init("chance, 1/k", (2...14).map { .init(Double($0), Estimate(1 / Double($0))) }, style: .dashed, paint: .faint),
        ], horizontalTitle: "clusters k", verticalTitle: "clusterability", including: Extents(vertical: 0...1))

    static let trajectories: LineChart = {
        var noise = Noise(3)
        let series = (0..<12).map { layer in
            LineChart.Series(
                "transformer.h.\(layer).mlp.c_fc.weight",
                (0...30).map {
                    .init(Double($0) * 1000, Estimate(0.3 + 0.015 * Double($0) * (1 - Double(layer) / 24) + 0.02 * noise.next()))
                })
        }
        return LineChart(
            title: "gpt2: clusterability over training, 12 layers", caption: "k = 4, spectral, seed 0", series: series,
            references: [.init("chance", 0.25)], horizontalTitle: "step", verticalTitle: "clusterability")
    }()

    static let logarithmic = LineChart(
        title: "induction: faithfulness 0.93 with 120 of 32,491 edges", caption: "EAP-IG, 5 steps, 64 pairs",
        series: [
            .init("circuit", (0...9).map { .init(pow2($0) * 0.001, Estimate(Double($0) / 9)) }),
            .init(
                "random circuits",
                (0...9).map { .init(pow2($0) * 0.001, Estimate(Double($0) / 30, low: Double($0) / 40, high: Double($0) / 20)) },
                style: .dashed),
        ], references: [.init("whole model", 1)], horizontalTitle: "share of edges", verticalTitle: "faithfulness",
        horizontalKind: .logarithmic, shadesArea: true)

    private static func pow2(_ exponent: Int) -> Double { Double(1 << exponent) }

    static let manyPoints: LineChart = {
        var noise = Noise(5)
        return LineChart(
            title: "finetune: loss 0.12 after 20,000 steps",
            series: [
                .init("loss", (0..<20000).map { .init(Double($0), Estimate(2 / (1 + Double($0) / 2000) + 0.2 * noise.next())) }),
                .init("cross-entropy", (0..<20000).map { .init(Double($0), Estimate(1.5 / (1 + Double($0) / 2000) + 0.1 * noise.next())) }),
            ], horizontalTitle: "step", verticalTitle: "loss", verticalKind: .logarithmic)
    }()

    static let bars = BarChart(
        title: "fc2: accuracy falls by 0.41 without cluster 2 (random neurons: 0.03)", caption: "k = 4, 10 random controls, 10,000 samples",
        categories: ["cluster 0", "cluster 1", "cluster 2", "cluster 3"],
        series: [
            .init("without the cluster", [0.91, 0.88, Estimate(0.57), 0.93]),
            .init(
                "without as many random neurons",
                [Estimate(0.97, deviation: 0.01), Estimate(0.96, deviation: 0.02), Estimate(0.95, deviation: 0.03), 0.97]),
        ], valueTitle: "accuracy", references: [.init("intact", 0.98)], including: 0...1)

    static let lyingBars = BarChart(
        title: "Change of the loss by layer", categories: (0..<24).map { "model.layers.\($0).mlp.gate_proj.weight" },
        series: [.init("change", (0..<24).map { Estimate(Double($0 * 7 % 11) - 4) })], direction: .lying, valueTitle: "change of loss",
        references: [.init("tolerance", 2)])

    static let stacked = BarChart(
        title: "What the ten classes depend on", categories: (0..<10).map { "\($0)" },
        series: (0..<4).map { cluster in
            .init("cluster \(cluster)", (0..<10).map { Estimate(Double(($0 * 3 + cluster * 5) % 7) * 10) })
        }, arrangement: .stacked, valueTitle: "samples", categoryTitle: "class")

    static let paired = DotChart(
        title: "Clusterability before and after: 0.41 to 0.83 in the mean", caption: "k = 4, spectral, seed 0",
        categories: (0..<8).map { "model.layers.\($0).mlp.up_proj.weight" },
        series: [
            .init(
                "base", (0..<8).map { Estimate(0.3 + 0.02 * Double($0), low: 0.27 + 0.02 * Double($0), high: 0.33 + 0.02 * Double($0)) },
                isHollow: true),
            .init("fine-tuned", (0..<8).map { Estimate(0.85 - 0.03 * Double($0)) }),
        ], valueTitle: "clusterability", references: [.init("chance", 0.25)])

    static let strip: StripChart = {
        var noise = Noise(11)
        let entries = (0..<120).map { index -> StripChart.Entry in
            let value = 0.1 + 0.05 * (noise.next() + noise.next() + noise.next())
            return .init("model-\(index)", value)
        }
        return StripChart(
            title: "Adjusted clusterability of 124 checkpoints: 4 stand out",
            entries: entries + [
                .init("grokking/mod_addition_no_wd.pth", 0.44, isOutlier: true),
                .init("induction/induction_head.pth", 0.445, isOutlier: true),
                .init("published/rnet.pt", 0.47, isOutlier: true), .init("published/all.pt", 0.02, isOutlier: true),
            ], valueTitle: "adjusted clusterability", references: [.init("noise", 0.12)])
    }()

    static let stripMany: StripChart = {
        var noise = Noise(12)
        let entries = (0..<5000).map { StripChart.Entry("model-\($0)", noise.next() + noise.next() + noise.next()) }
        return StripChart(title: "5,000 values", entries: entries + [.init("far", 3.9, isOutlier: true)], valueTitle: "value")
    }()

    static let cells = HeatMap(
        title: "fc2 OFF: which cluster carries which class", caption: "accuracy with the cluster switched off",
        rows: .init(["intact", "cluster 0 off", "cluster 1 off", "cluster 2 off", "cluster 3 off"], borders: [1]),
        columns: .init((0..<10).map { "\($0)" }, title: "class"),
        values: .cells(matrix(5, 10) { row, column in row == 0 ? 0.98 : Double((row * 37 + column * 53) % 100) / 100 }),
        valueTitle: "accuracy", range: 0...1)

    static let divergingCells = HeatMap(
        title: "Patching: normalised effect", rows: .init((0..<6).map { "resid.\($0)" }, title: "site"),
        columns: .init(["The", "cat", "sat", "on", "the", "mat"], title: "position"),
        values: .cells(matrix(6, 6) { row, column in row == 2 && column == 3 ? Double.nan : Double(row - column) / 5 }), scheme: .diverging,
        valueTitle: "effect")

    /// Four blocks of which the weights are ten times those between them, as large as a layer of GPT-2 small.
    static func weightMatrix(signed: Bool) -> ReducedMatrix {
        var noise = Noise(7)
        return ReducedMatrix(rows: 768, columns: 3072, side: 1200, method: .mean) { row, column in
            let isInside = row / 192 == column / 768
            return Float((noise.next() - (signed ? 0.5 : 0)) * (isInside ? 1 : 0.1))
        }
    }

    static let weights = HeatMap(
        title: "h.0.mlp.c_fc.weight, k = 4: 0.84 of the weight inside the blocks", caption: "spectral, seed 0",
        rows: .init(count: 768, title: "768 out-neurons by cluster", clusters: (0..<768).map { $0 / 192 }),
        columns: .init(count: 3072, title: "3,072 in-neurons by cluster", clusters: (0..<3072).map { $0 / 768 }),
        values: .reduced(weightMatrix(signed: false), .mean), valueTitle: "|W|", shareInRange: 0.99)

    static let signedWeights = HeatMap(
        title: "h.0.mlp.c_fc.weight, k = 4", rows: .init(count: 768, title: "out-neurons", clusters: (0..<768).map { $0 / 192 }),
        columns: .init(count: 3072, title: "in-neurons", clusters: (0..<3072).map { $0 / 768 }),
        values: .reduced(weightMatrix(signed: true), .mean), scheme: .diverging, valueTitle: "W")

    private static func matrix(_ rows: Int, _ columns: Int, _ value: (Int, Int) -> Double) -> [[Double]] {
        var result: [[Double]] = []
        for row in 0..<rows {
            var line: [Double] = []
            for column in 0..<columns { line.append(value(row, column)) }
            result.append(line)
        }
        return result
    }

    /// A line through the points.
    private static func line(_ name: String, _ points: [(Double, Double)]) -> LineChart.Series {
        var vertices: [LineChart.Vertex] = []
        for (x, y) in points { vertices.append(LineChart.Vertex(x, Estimate(y))) }
        return LineChart.Series(name, vertices)
    }

    private static func estimates(_ values: [Double]) -> [Estimate?] { values.map { Estimate($0) } }

    private static let thousand: [Double] = (0..<1000).map(Double.init)
    private static let thousandNames: [String] = (0..<1000).map { "layer.\($0).weight" }
    private static let mixedNames: [String] = (0..<12).map { index in "\(index) " + (index % 2 == 0 ? longName : hostileName) }

    static var awkward: [(name: String, chart: any Chart)] { awkwardLines + awkwardBars + awkwardMaps }

    private static var awkwardLines: [(name: String, chart: any Chart)] {
        var list: [(name: String, chart: any Chart)] = []
        func add(_ name: String, _ series: [LineChart.Series], kind: Scale.Kind = .linear) {
            list.append((name, LineChart(title: name, series: series, verticalKind: kind)))
        }
        add("no-lines", [])
        add("empty-line", [line("a", [])])
        add("no-number", [line("a", [(1, .nan), (.infinity, 2)])])
        add("one-value", [line("a", [(3, 0.5)])])
        add("all-zeros", [line("a", [(0, 0), (1, 0), (2, 0)])])
        add("gaps", [line("a", [(0, 0), (1, 1), (2, .nan), (3, 3), (4, .infinity), (5, 5), (6, 4)]), line("b", [(0, 3)])])
        add("huge", [line("a", [(-1.7e308, 1.7e308), (0, -1e299), (1e299, 1e299)])])
        add("tiny", [line("a", [(1e-300, 5e-324), (2e-300, 1e-310)])])
        add("offset", [line("a", [(1, 1e9), (2, 1e9 + 1)])])
        add("not-positive", [line("a", [(1, 0), (2, -1)])], kind: .logarithmic)
        add("thousand-lines", thousand.map { line("layer \(Int($0))", [(0, $0), (1, 1000 - $0)]) })
        list.append(
            (
                "hostile-lines",
                LineChart(
                    title: hostileName, caption: longName, alternative: hostileName,
                    series: [line(hostileName, [(0, 1), (1, 2)]), line(longName, [(0, 2), (1, 2.01)])],
                    references: [LineChart.Reference(longName, 2.005)], horizontalTitle: longName, verticalTitle: hostileName)
            ))
        return list
    }

    private static var awkwardBars: [(name: String, chart: any Chart)] {
        var list: [(name: String, chart: any Chart)] = []
        func add(_ name: String, _ categories: [String], _ series: [BarChart.Series], direction: BarChart.Direction = .standing) {
            list.append((name, BarChart(title: name, categories: categories, series: series, direction: direction)))
        }
        add("no-bars", [], [])
        add("zero-bars", ["a"], [BarChart.Series("", [0])])
        add("no-number-bars", ["a", "b"], [BarChart.Series("x", [Estimate(.nan), nil])])
        add("some-number-bars", ["a", "b", longName], [BarChart.Series("x", [Estimate(.nan), 3, -2]), BarChart.Series("y", [1])])
        add("thousand-bars", thousandNames, [BarChart.Series("x", estimates(thousand))])
        add("thousand-lying-bars", thousandNames, [BarChart.Series("x", estimates(thousand))], direction: .lying)
        add(
            "hostile-bars", mixedNames,
            [BarChart.Series(hostileName, estimates(Array(thousand.prefix(12)))), BarChart.Series(longName, [1])])
        list.append(("no-dots", DotChart(title: "no-dots", categories: [], series: [])))
        let dots = [DotChart.Series("a", [1, Estimate(.infinity)]), DotChart.Series("b", [Estimate(-1), 1e-9])]
        list.append(("hostile-dots", DotChart(title: "names", categories: [longName, hostileName], series: dots)))
        let many = [DotChart.Series("a", estimates(thousand))]
        list.append(("thousand-dots", DotChart(title: "1,000", categories: thousandNames, series: many)))
        list.append(("no-strip", StripChart(title: "no-strip", entries: [])))
        list.append(("same-strip", StripChart(title: "the same", entries: thousandNames.prefix(50).map { StripChart.Entry($0, 3) })))
        var far: [StripChart.Entry] = []
        for index in 0..<40 { far.append(StripChart.Entry(longName + "\(index)", Double(index), isOutlier: true)) }
        far.append(StripChart.Entry("nan", .nan))
        list.append(("outlier-strip", StripChart(title: "all far", entries: far)))
        return list
    }

    private static var awkwardMaps: [(name: String, chart: any Chart)] {
        var list: [(name: String, chart: any Chart)] = []
        func add(_ name: String, _ rows: [String], _ columns: [String], _ cells: [[Double]], scheme: HeatMap.Scheme = .sequential) {
            list.append(
                (name, HeatMap(title: name, rows: .init(rows), columns: .init(columns), values: .cells(cells), scheme: scheme)))
        }
        add("no-cells", [], [], [])
        add("zero-cells", ["a", "b"], ["c"], [[0], [0]])
        add("no-number-cells", ["a"], ["b", "c"], [[.nan, .infinity]])
        add("ragged-cells", ["a", "b", "c"], ["b", "c"], [[1], [1, 2, 3]], scheme: .diverging)
        list.append(
            (
                "hostile-cells",
                HeatMap(
                    title: "names", rows: .init([longName, hostileName], title: longName),
                    columns: .init([hostileName, longName], title: hostileName), values: .cells([[1e-9, 2e9], [.nan, -1]]),
                    valueTitle: longName)
            ))
        let clusters = Array(0..<1000)
        list.append(
            (
                "thousand-clusters",
                HeatMap(
                    title: "1,000 clusters", rows: .init(count: 1000, clusters: clusters),
                    columns: .init(count: 1000, names: thousandNames, clusters: clusters.map { $0 % 3 - 1 }),
                    values: .cells(matrix(1000, 1000) { row, column in row == column ? 1 : 0 }))
            ))
        return list
    }

    static let sheets: [(name: String, drawing: Drawing)] = [
        (
            "sheet",
            Sheet(title: "Two checkpoints: score over k", caption: "seed 0", charts: [sweep, sweep, bars], sharing: .vertical).drawing()
        ),
        (
            "sheet-maps",
            Sheet(title: "OFF above ON", charts: [cells, cells], columns: 2).drawing(width: 800)
        ), ("sheet-empty", Sheet(title: "Nothing", charts: []).drawing()),
        ("sheet-many", Sheet(title: "24 layers", charts: (0..<24).map { _ in weights }, columns: 4).drawing()),
    ]

    static func drawings(width: Double = 720) -> [(name: String, drawing: Drawing)] {
        charts.map { ($0.name, Figure($0.chart).drawing(width: width)) } + sheets
    }
}
