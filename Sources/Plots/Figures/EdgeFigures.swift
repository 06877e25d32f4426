import Pictures
import Text

extension EdgeResult {
    func figures() -> [PlotFigure] {
        var figures = [graph]
        if let ladder = ladderFigure { figures.append(ladder) }
        return figures
    }

    private var caption: String {
        head.caption(
            metric.map { "metric \($0)" }, granularity.map { "nodes: \($0)s" }, ablation.map { "other edges: \($0)" },
            pairs.map { ByteText.counted($0, "pair") })
    }

    /// Whether there is more of the behaviour without the edge: a score is the change of the metric without it, of acdc the damage.
    private func worksAgainst(_ score: Double?) -> Bool {
        guard let score, let metric else { return false }
        // Without an edge that helps, the logit difference and the probability fall; divergence and loss rise.
        let falls = metric == "logit-diff" || metric == "prob"
        let change = head.method == "acdc" && falls ? -score : score
        // The whole effect has the sign of the behaviour: of one that lowers the logit difference, an edge that lowers it is a part.
        if let clean, let ablated, clean != ablated { return change * (ablated - clean) < 0 }
        return falls ? change > 0 : change < 0
    }

    private static let kinds: [(suffix: String, kind: LayeredGraph.EdgeKind)] = [("<q>", .query), ("<k>", .key), ("<v>", .value)]

    /// `a1.h0` and what of it is read, of the reader `a1.h0<q>`.
    private static func split(_ reader: String) -> (node: String, kind: LayeredGraph.EdgeKind) {
        for (suffix, kind) in kinds where reader.hasSuffix(suffix) { return (String(reader.dropLast(suffix.count)), kind) }
        return (reader, .other)
    }

    private var graph: PlotFigure {
        var names: [String] = []
        var places: [String: Int] = [:]
        func place(_ name: String) -> Int {
            if let place = places[name] { return place }
            places[name] = names.count
            names.append(name)
            return names.count - 1
        }
        var drawn = edges.map { edge in
            let (node, kind) = Self.split(edge.target)
            return LayeredGraph.Edge(
                from: place(edge.source), to: place(node), kind: kind, score: edge.score ?? .nan, worksAgainst: worksAgainst(edge.score))
        }
        for link in links {
            guard let node = places[link.node] else { continue }
            for writer in link.writes {
                if let writer = places[writer], writer != node { drawn.append(.init(from: node, to: writer, kind: .link, score: .nan)) }
            }
        }
        let layers = Self.layers(names, drawn)
        let nodes = zip(names, layers).map { name, layer in LayeredGraph.Node(name, layer: layer, kind: Self.kind(name)) }
        let sorted = edges.enumerated().sorted {
            (-abs($0.element.score ?? 0), $0.offset) < (-abs($1.element.score ?? 0), $1.offset)
        }.map(\.element)
        let words = sorted.prefix(20).map {
            "\($0.source) to \($0.target) \(Words.number($0.score))\(worksAgainst($0.score) ? " (works against)" : "")"
        }
        let count = size ?? edges.count
        let all = total.map { " of \(ByteText.grouped($0))" } ?? ""
        let faith = faithfulness.map { ", faithfulness \(Words.short($0))" } ?? ""
        let unusedNote =
            chosen.map { chosen in
                chosen > count
                    ? "\(ByteText.grouped(chosen)) chosen, \(ByteText.grouped(count)) of them on a path to the output" : ""
            } ?? ""
        let tsvNote = metric == nil && !edges.isEmpty ? "tsv names no metric: edges that work against it are not marked" : ""
        return PlotFigure(
            "circuit-edges",
            chart: LayeredGraph(
                title: edges.isEmpty ? "The circuit has no edges\(faith)" : "Circuit of \(ByteText.grouped(count))\(all) edges\(faith)",
                source: [caption, unusedNote, tsvNote].filter { !$0.isEmpty }.joined(separator: " · "),
                alternative:
                    "\(ByteText.counted(edges.count, "edge")) between \(ByteText.counted(names.count, "node")), inputs at the bottom. Edges by "
                    + "score, the largest first: \(words.isEmpty ? "none" : words.joined(separator: "; "))"
                    + (edges.count > words.count ? "; and \(edges.count - words.count) more." : "."), nodes: nodes, edges: drawn))
    }

    private static func kind(_ name: String) -> LayeredGraph.NodeKind {
        if name == "input" || name == "logits" || name == "output" { return .end }
        let parts = name.split(separator: ".")
        if parts.count == 2, isBlock(parts[0], "a"), parts[1].hasPrefix("h") || parts[1].hasPrefix("kv") { return .attention }
        if parts.count > 1, let last = parts.last, last.first == "n", Int(last.dropFirst()) != nil { return .neuron }
        return .layer
    }

    private static func isBlock(_ part: Substring, _ letter: Character) -> Bool { part.first == letter && Int(part.dropFirst()) != nil }

    /// The layers of a block: shared keys and values, heads, the attention whose norm combines them, its norm where that is a node, what is in
    /// the MLP, the MLP, its norm.
    private static func layer(_ name: String) -> Int? {
        if name == "input" { return -1 }
        if name == "logits" { return Int(Int32.max) }
        let parts = name.split(separator: ".")
        guard let first = parts.first, let block = Int(first.dropFirst()), (0..<1_000_000).contains(block) else { return nil }
        let isNorm = parts.count > 1 && parts[parts.count - 1] == "norm"
        if isBlock(first, "m") { return 8 * block + (isNorm ? 6 : 4) }
        guard isBlock(first, "a") else { return nil }
        return 8 * block + (isNorm ? 3 : parts.count < 2 ? 2 : parts[1].hasPrefix("kv") ? 0 : 1)
    }

    /// The layer of each node: that of its block where all are named by blocks, else the longest way to it.
    private static func layers(_ names: [String], _ edges: [LayeredGraph.Edge]) -> [Int] {
        let named = names.map(layer)
        if !named.contains(nil) { return named.map { $0 ?? 0 } }
        var layers = [Int](repeating: 0, count: names.count)
        // A file may hold a circle, in which a way has no end: so many rounds are enough for every graph without one.
        for _ in 0..<min(names.count, 1000) {
            var hasChanged = false
            for edge in edges where layers[edge.to] <= layers[edge.from] {
                layers[edge.to] = layers[edge.from] + 1
                hasChanged = true
            }
            if !hasChanged { break }
        }
        return layers
    }

    // MARK: - Faithfulness over size

    private var ladderFigure: PlotFigure? {
        guard let total, total > 0, !ladder.isEmpty else { return nil }
        func share(_ size: Int) -> Double { Double(size) / Double(total) }
        let steps = ladder.filter { $0.size > 0 && $0.faithfulness != nil }.sorted { $0.size < $1.size }
        var series = [
            LineChart.Series(
                "circuits of growing size", steps.map { LineChart.Vertex(share($0.size), Estimate($0.faithfulness ?? .nan)) },
                paint: .cluster(0))
        ]
        if let size, size > 0, let faithfulness {
            series.append(.init("the circuit", [LineChart.Vertex(share(size), Estimate(faithfulness))], style: .dots, paint: .cluster(3)))
        }
        let isSeveral = (randomCount ?? 0) > 1
        let randomName = randomCount.map { ByteText.counted($0, "random circuit") + (isSeveral ? ", mean ± sd" : "") } ?? "random circuits"
        let controls = steps.compactMap { step in step.random.map { LineChart.Vertex(share(step.size), $0.estimate) } }
        if !controls.isEmpty {
            series.append(.init(randomName, controls, style: .dashed, paint: .cluster(7)))
        } else if let random, let size, size > 0 {
            series.append(.init(randomName, [LineChart.Vertex(share(size), random.estimate)], style: .dots, paint: .cluster(7)))
        }
        let words = steps.prefix(40).map {
            "\(ByteText.grouped($0.size)) edges (\(Words.percent(share($0.size)))): \(Words.number($0.faithfulness))"
                + ($0.random.map { ", random \(Words.number($0.mean))" } ?? "")
        }
        let empty = ladder.count { $0.size == 0 }
        return PlotFigure(
            "circuit-faithfulness",
            chart: LineChart(
                title: "Faithfulness over the share of edges: area \(Words.short(area))",
                caption: [
                    caption, "the area is that over the linear share, from 0 to 1",
                    empty > 0
                        ? "\(empty) of \(ladder.count) sizes \(empty == 1 ? "leaves no edge and is" : "leave no edge and are") not drawn"
                        : "",
                ].filter { !$0.isEmpty }.joined(separator: " · "),
                alternative: "Faithfulness of circuits of growing size: \(words.joined(separator: "; ")). Area \(Words.number(area)).",
                series: series, references: [LineChart.Reference("all edges", 1)],
                horizontalTitle: "share of \(ByteText.grouped(total)) edges",
                verticalTitle: "faithfulness", horizontalKind: .logarithmic, including: Extents(horizontal: 0.1...1, vertical: 0...1),
                shadesArea: true))
    }
}
