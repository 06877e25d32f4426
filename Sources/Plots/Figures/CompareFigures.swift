import Pictures
import Text

extension CompareResult {
    func figures() -> [PlotFigure] {
        let names = paths.count == 2 ? Words.names(ofPaths: paths) : ["A", "B"]
        let caption = head.caption(paths.count == 2 ? "A \(paths[0]), B \(paths[1])" : nil)
        guard !layers.isEmpty else {
            let reason =
                isOfWeights
                ? "the changes of single weights have no picture; only a comparison of layers has one"
                : failed.isEmpty ? "no layer in common" : "\(Words.list(failed)) failed"
            return [
                PlotFigure("compare", chart: DotChart(title: "Nothing to compare: \(reason)", caption: caption, categories: [], series: []))
            ]
        }
        let rows = layers + (mean.map { [$0] } ?? [])
        var figures: [PlotFigure] = []
        let charts = [
            measure(rows, names, "clusterability", 0...1) { $0.clusterability }, measure(rows, names, "adjusted", 0...1) { $0.adjusted },
            measure(rows, names, "n-cut", 0...0) { $0.ncut },
        ].compactMap(\.self)
        if !charts.isEmpty {
            let words = rows.prefix(60).map { row in
                "\(row.name): clusterability \(Words.number(row.a.clusterability)) and \(Words.number(row.b.clusterability)), adjusted "
                    + "\(Words.number(row.a.adjusted)) and \(Words.number(row.b.adjusted)), n-cut \(Words.number(row.a.ncut)) and "
                    + "\(Words.number(row.b.ncut)), weights changed by \(Words.percent(row.relativeChange))."
            }
            let all = mean ?? layers[0]
            let means = Words.together([all.a.clusterability, all.b.clusterability])
            figures.append(
                PlotFigure(
                    "compare-scores",
                    sheet: Sheet(
                        title:
                            "\(names[0]) and \(names[1]): mean clusterability \(means[0]) and \(means[1])",
                        caption: caption, alternative: "A is \(names[0]), B is \(names[1]). " + words.joined(separator: " "),
                        charts: charts, columns: 1, sharing: .nothing)))
        }
        if let agreement = agreement(rows, caption) { figures.append(agreement) }
        figures += layers.compactMap { shared($0, names, caption) }
        if figures.isEmpty {
            figures.append(
                PlotFigure(
                    "compare", chart: DotChart(title: "No layer has a score or an agreement", caption: caption, categories: [], series: []))
            )
        }
        return figures
    }

    private func name(_ layer: Layer) -> String { layer.name == ScoreResult.mean ? "mean of the layers" : layer.name }

    /// A measure in A and in B; nil where no layer has it.
    private func measure(
        _ rows: [Layer], _ names: [String], _ title: String, _ including: ClosedRange<Double>, _ value: (Scores) -> Double?
    ) -> DotChart? {
        guard rows.contains(where: { value($0.a) != nil || value($0.b) != nil }) else { return nil }
        return DotChart(
            title: title, categories: rows.map(name),
            series: [
                .init(names[0], rows.map { value($0.a).map { Estimate($0) } }, isHollow: true),
                .init(names[1], rows.map { value($0.b).map { Estimate($0) } }, paint: .cluster(0)),
            ], including: including)
    }

    /// How far the clusters agree; nil where nothing is said of it.
    private func agreement(_ rows: [Layer], _ caption: String) -> PlotFigure? {
        guard rows.contains(where: { $0.out.ari != nil || $0.into.ari != nil }) else { return nil }
        let words = rows.prefix(60).map {
            "\($0.name): adjusted Rand index \(Words.number($0.out.ari)) of the out-neurons, \(Words.number($0.into.ari)) of the in-neurons."
        }
        let all = mean ?? rows[0]
        let means = Words.together([all.out.ari, all.into.ari])
        return PlotFigure(
            "compare-agreement",
            chart: BarChart(
                title:
                    "Agreement of the clusters: mean adjusted Rand index \(means[0]) out, \(means[1]) in",
                caption: [caption, "1 for the same clusters, about 0 for unrelated ones"].filter { !$0.isEmpty }.joined(separator: " · "),
                alternative: words.joined(separator: " "), categories: rows.map(name),
                series: [
                    .init("out-neurons", rows.map { $0.out.ari.map { Estimate($0) } }),
                    .init("in-neurons", rows.map { $0.into.ari.map { Estimate($0) } }),
                ], direction: .lying, valueTitle: "adjusted Rand index", including: 0...1))
    }

    /// Which clusters of A are which of B: the neurons that each two of one layer share; nil where the result does not say.
    private func shared(_ layer: Layer, _ names: [String], _ caption: String) -> PlotFigure? {
        var charts: [any Chart] = []
        var shares: [String] = []
        var words: [String] = []
        for (side, agreement) in [("out-neurons", layer.out), ("in-neurons", layer.into)] {
            guard let counts = agreement.counts else { continue }
            func clusters(_ order: [Int], _ model: String) -> HeatMap.Side {
                var side = HeatMap.Side(order.map(String.init), title: "cluster in \(model)", clusters: order)
                side.showsBorders = false
                return side
            }
            var map = HeatMap(
                title: side, rows: clusters(Array(counts.indices), names[0]), columns: clusters(agreement.order, names[1]),
                values: .cells(counts.map { row in agreement.order.map { Double(row[$0]) } }), valueTitle: "shared \(side)")
            map.isOfCounts = true
            charts.append(map)
            shares.append("\(Words.percent(agreement.matched)) of the \(side)")
            let largest = counts.enumerated().prefix(40).compactMap { cluster, row -> String? in
                guard let most = row.indices.max(by: { (row[$0], $1) < (row[$1], $0) }), row[most] > 0 else { return nil }
                return "cluster \(cluster) of A shares most with cluster \(most) of B, \(ByteText.grouped(row[most]))"
            }
            words.append("\(side): \(largest.isEmpty ? "no cluster shares a neuron" : largest.joined(separator: "; ")).")
        }
        guard !charts.isEmpty else { return nil }
        return PlotFigure(
            "compare-clusters", layer.name,
            sheet: Sheet(
                title: "\(layer.name): \(shares.joined(separator: " and ")) in corresponding clusters",
                caption: [caption, "neurons shared by each pair of clusters, corresponding pairs on the diagonal"].filter { !$0.isEmpty }
                    .joined(separator: " · "), alternative: "\(layer.name), neurons shared by clusters. " + words.joined(separator: " "),
                charts: charts, columns: 2, sharing: .nothing))
    }
}
