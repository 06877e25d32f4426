import Pictures
import Text

extension SeriesResult {
    private static let mean = ScoreResult.mean
    /// More layers than this are not drawn beside each other.
    private static let mostLines = 9
    private static let mostMatrices = 24
    /// So many checkpoints have their names along a matrix.
    private static let mostNames = 40

    func figures() -> [PlotFigure] {
        guard layers.contains(where: { $0.steps.count > 1 }) else {
            let reason = failed.isEmpty ? "no two checkpoints have a layer in common" : "\(Words.list(failed.map(Words.name))) failed"
            return [
                PlotFigure(
                    "compare", chart: DotChart(title: "Nothing to compare: \(reason)", caption: head.caption(), categories: [], series: []))
            ]
        }
        return [trajectory] + matrices
    }

    private var all: Layer { layers.first { $0.name == Self.mean } ?? layers[0] }
    private var single: [Layer] { layers.filter { $0.name != Self.mean } }

    private var failedNote: String? { failed.isEmpty ? nil : "failed: \(Words.list(failed.map(Words.name)))" }

    /// The steps that the paths name where they rise, else the numbers of the checkpoints.
    private var steps: (values: [Double], areNamed: Bool) {
        let named = paths.compactMap { Words.step(inPath: $0) }
        if named.count == paths.count, zip(named, named.dropFirst()).allSatisfy({ $0 < $1 }) { return (named, true) }
        return (paths.indices.map { Double($0 + 1) }, false)
    }

    // MARK: - From step to step

    private var trajectory: PlotFigure {
        let (values, areNamed) = steps
        let shown = single.count > 1 ? Array(single.prefix(Self.mostLines)) : []
        func chart(_ title: String, _ value: (Step) -> Double?) -> LineChart? {
            func line(_ layer: Layer, _ name: String, _ paint: Paint) -> LineChart.Series {
                LineChart.Series(
                    name, layer.steps.compactMap { step in value(step).map { LineChart.Vertex(values[step.input], Estimate($0)) } },
                    style: .line, paint: paint)
            }
            let lines =
                shown.enumerated().map { line($1, $1.name, .cluster($0)) }
                + [line(all, single.count == 1 ? single[0].name : "mean of the layers", .ink)]
            guard lines.contains(where: { !$0.vertices.isEmpty }) else { return nil }
            return LineChart(
                title: title, series: lines.filter { !$0.vertices.isEmpty }, horizontalTitle: areNamed ? "step" : "checkpoint",
                including: Extents(vertical: 0...1))
        }
        let charts = [
            chart("agreement with the previous") { $0.previous.mean }, chart("agreement with the last") { $0.last.mean },
            chart("adjusted clusterability") { $0.adjusted },
        ].compactMap(\.self)
        let words = all.steps.prefix(60).map { step in
            "\(Words.name(ofPath: paths[step.input])): \(Words.number(step.previous.mean)) with the previous, "
                + "\(Words.number(step.last.mean)) with the last, adjusted clusterability \(Words.number(step.adjusted))."
        }
        let names = Words.names(ofPaths: paths)
        let order = "\(areNamed ? "" : "1 to \(paths.count): ")\(names[0]) to \(names[names.count - 1])"
        let ends = Words.together([all.steps.first?.last.mean, all.steps.dropLast().last?.last.mean])
        let left = single.count > shown.count && single.count > 1 ? "the first \(shown.count) of \(single.count) layers" : nil
        return PlotFigure(
            "compare-series",
            sheet: Sheet(
                title:
                    "\(paths.count) checkpoints: agreement with the last from \(ends[0]) at the first to \(ends[1]) at the last but one",
                caption: head.caption(order, "agreement: adjusted Rand index, mean of out- and in-neurons", left, failedNote),
                alternative: words.joined(separator: " "), charts: charts, columns: 3, sharing: .everything))
    }

    // MARK: - Every two

    /// The agreement of every two checkpoints: of the mean, then of each layer.
    private var matrices: [PlotFigure] {
        let rows = single.count == 1 ? single : [all] + single
        return rows.prefix(Self.mostMatrices).compactMap(matrix)
    }

    private func matrix(_ layer: Layer) -> PlotFigure? {
        guard let out = layer.out, let into = layer.into else { return nil }
        let names = Words.names(ofPaths: paths)
        func side() -> HeatMap.Side {
            paths.count <= Self.mostNames ? HeatMap.Side(names) : HeatMap.Side(count: paths.count, title: "checkpoint")
        }
        func map(_ title: String, _ values: [[Double?]]) -> HeatMap {
            var map = HeatMap(
                title: title, rows: side(), columns: side(), values: .cells(values.map { row in row.map { $0 ?? .nan } }),
                valueTitle: "adjusted Rand index")
            map.leavesOutDiagonal = true
            return map
        }
        /// The two neighbours that agree least: where the clusters changed most.
        func least(_ values: [[Double?]]) -> String {
            let pairs = (1..<paths.count).compactMap { place in values[place - 1][place].map { (place, $0) } }
            guard let (place, value) = pairs.min(by: { $0.1 < $1.1 }) else { return "no neighbours can be compared" }
            return "the neighbours that agree least are \(names[place - 1]) and \(names[place]), \(Words.number(value))"
        }
        let name = layer.name == Self.mean ? "mean of the layers" : layer.name
        return PlotFigure(
            "compare-matrix", layer.name,
            sheet: Sheet(
                title: "\(name): agreement of the clusters of every two of \(paths.count) checkpoints",
                caption: head.caption("1 for the same clusters, about 0 for unrelated ones; the diagonal has no colour", failedNote),
                alternative: "\(name): of the out-neurons \(least(out)); of the in-neurons \(least(into)).",
                charts: [map("out-neurons", out), map("in-neurons", into)], columns: 2, sharing: .everything))
    }
}
