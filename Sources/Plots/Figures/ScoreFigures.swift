import Pictures
import Text

extension ScoreResult {
    /// 90% of a normal distribution lie so many standard deviations around its mean.
    private static let deviations = 1.6449
    private static let bandNote =
        "band: 5 to 95% of the null model, taken as normal around its mean (mean ± 1.645 standard deviations)"
    /// More layers than this are not drawn beside each other.
    private static let mostPanels = 48

    func figures() -> [PlotFigure] {
        guard !checkpoints.isEmpty else {
            let failed = failed.isEmpty ? "" : ": \(Words.list(failed.map(Words.name))) failed"
            return [PlotFigure("score", chart: DotChart(title: "No scores\(failed)", caption: head.caption(), categories: [], series: []))]
        }
        if checkpoints.count > 1, !haveSameLayers {
            let other = withoutPrefixes
            if other.haveSameLayers { return other.figures() }
        }
        if isSweep { return [checkpoints.count == 1 ? sweep(checkpoints[0]) : comparedSweeps()] }
        if checkpoints.count > 1, haveSameLayers { return [trajectory] }
        return checkpoints.map(layerDots)
    }

    private var failedNote: String? { failed.isEmpty ? nil : "failed: \(Words.list(failed.map(Words.name)))" }

    private var haveSameLayers: Bool {
        let first = Set(checkpoints[0].rows.map(\.layer))
        return checkpoints.allSatisfy { Set($0.rows.map(\.layer)) == first }
    }

    /// The same with layers called as they are without what was put before their names.
    private var withoutPrefixes: ScoreResult {
        var result = self
        for checkpoint in result.checkpoints.indices {
            for row in result.checkpoints[checkpoint].rows.indices {
                result.checkpoints[checkpoint].rows[row].layer = Words.layer(result.checkpoints[checkpoint].rows[row].layer)
            }
        }
        return result
    }

    /// The layers that have room, the mean first where some are left out; the mean of one layer is that layer.
    private var shownLayers: (names: [String], note: String?) {
        let all = layers.count == 2 ? layers.filter { $0 != Self.mean } : layers
        guard all.count > Self.mostPanels else { return (all, nil) }
        let mean = all.filter { $0 == Self.mean }
        return (
            all.prefix(Self.mostPanels - mean.count) + mean, "the first \(Self.mostPanels - mean.count) of \(all.count - mean.count) layers"
        )
    }

    // MARK: - One checkpoint, several numbers of clusters

    private func sweep(_ checkpoint: Scored) -> PlotFigure {
        let (shown, note) = shownLayers
        let hasBand = checkpoint.rows.contains { $0.null?.mean != nil }
        var charts: [LineChart] = []
        var adjusted: [LineChart] = []
        for layer in shown {
            let rows = checkpoint.rows.filter { $0.layer == layer }
            // The null model and chance are those of clusterability: adjusted has a chart of its own. Both have all series, some without values,
            // so that all charts share one legend.
            func chart(_ measure: String, _ alternative: String) -> LineChart {
                LineChart(
                    title: Self.title(layer) + ", " + measure, alternative: alternative,
                    series: Self.sweepSeries(rows, isAdjusted: measure == "adjusted", hasBand: hasBand),
                    horizontalTitle: "k", including: Extents(vertical: 0...1))
            }
            charts.append(chart("clusterability", Self.words(of: rows)))
            adjusted.append(chart("adjusted", "adjusted for chance"))
        }
        let name = Words.name(ofPath: checkpoint.path)
        let mean = checkpoint.rows.filter { $0.layer == Self.mean }
        let (arranged, columns) = Self.arranged(charts, adjusted)
        let alternative = charts.map { "\($0.title): \($0.alternative)" }.joined(separator: " ")
        return PlotFigure(
            "score-sweep",
            sheet: Sheet(
                title: "\(name): \(Self.heading(mean.isEmpty ? checkpoint.rows : mean))",
                caption: head.caption(hasBand ? Self.bandNote : nil, note, failedNote, checkpoint.path), alternative: alternative,
                charts: arranged, columns: columns, sharing: .everything))
    }

    private static func title(_ layer: String) -> String { layer == mean ? "mean of the layers" : layer.singleLine }

    /// Charts of clusterability and of what is adjusted: of few layers a row each, of many beside each other.
    private static func arranged(_ plain: [LineChart], _ adjusted: [LineChart]) -> (charts: [LineChart], columns: Int) {
        (2...3).contains(plain.count)
            ? (plain + adjusted, plain.count) : (zip(plain, adjusted).flatMap { [$0, $1] }, plain.count == 1 ? 2 : 4)
    }

    private static func vertices(_ rows: [Row], _ value: (Row) -> Estimate?) -> [LineChart.Vertex] {
        rows.compactMap { row in row.k.flatMap { k in value(row).map { LineChart.Vertex(Double(k), $0) } } }.sorted { $0.x < $1.x }
    }

    private static func band(_ null: NullModel?) -> Estimate? {
        guard let mean = null?.mean else { return nil }
        let width = (null?.sd ?? 0) * deviations
        return Estimate(mean, low: mean - width, high: mean + width)
    }

    private static func sweepSeries(_ rows: [Row], isAdjusted: Bool, hasBand: Bool) -> [LineChart.Series] {
        func plain(_ value: (Row) -> Estimate?) -> [LineChart.Vertex] { isAdjusted ? [] : vertices(rows, value) }
        let adjusted = isAdjusted ? vertices(rows) { $0.adjusted.map { Estimate($0) } } : []
        let band: [LineChart.Series] = hasBand ? [.init("null model", plain { Self.band($0.null) }, style: .band)] : []
        return band + [
            .init("clusterability", plain { $0.clusterability.map { Estimate($0) } }, paint: .cluster(0)),
            .init("adjusted", adjusted, paint: .cluster(1)),
            .init("chance", plain { $0.chance.map { Estimate($0) } }, style: .dashed, paint: .faint),
        ]
    }

    /// The number of clusters that stands out, and by how much.
    private static func heading(_ rows: [Row]) -> String {
        if let best = rows.filter({ $0.null?.z != nil }).max(by: { ($0.null?.z ?? 0) < ($1.null?.z ?? 0) }), let k = best.k {
            let z = best.null?.z ?? 0
            let numbers = Words.together([best.clusterability, best.null?.mean, best.null?.sd])
            let found = "\(numbers[0]) against \(numbers[1]) ± \(numbers[2])"
            return z >= NullDistance.moreFrom
                ? "furthest above noise at k = \(k), clusterability \(found)" : "no more modular than noise at any k; \(found) at k = \(k)"
        }
        if let best = rows.filter({ $0.adjusted != nil }).max(by: { ($0.adjusted ?? 0) < ($1.adjusted ?? 0) }), let k = best.k {
            return "adjusted clusterability is largest at k = \(k), \(Words.short(best.adjusted))"
        }
        return "clusterability is undefined"
    }

    private static func words(of rows: [Row]) -> String {
        rows.prefix(24).map { row in
            var text = "k = \(row.k.map(String.init) ?? "unknown"): clusterability \(Words.number(row.clusterability))"
            if let mean = row.null?.mean { text += ", noise \(Words.number(mean)) ± \(Words.number(row.null?.sd))" }
            return text + ", chance \(Words.number(row.chance)), adjusted \(Words.number(row.adjusted))"
        }.joined(separator: "; ") + (rows.count > 24 ? "; and \(rows.count - 24) more" : "") + "."
    }

    // MARK: - Several checkpoints, several numbers of clusters

    private func comparedSweeps() -> PlotFigure {
        // Checkpoints of one run from the first step to the last, others as they were given.
        let checkpoints = inOrder.isBySteps && self.checkpoints.count > 2 ? inOrder.checkpoints : self.checkpoints
        let names = Words.names(ofPaths: checkpoints.map(\.path))
        let (shown, note) = shownLayers
        let hasNull = checkpoints.contains { $0.rows.contains { $0.null?.mean != nil } }
        let hasBands = checkpoints.count <= 3 && hasNull
        var charts: [LineChart] = []
        var adjusted: [LineChart] = []
        for layer in shown {
            // Values are left out where the chart does not show them, so that all charts share one legend.
            for isAdjusted in [false, true] {
                var series: [LineChart.Series] = []
                for (place, checkpoint) in checkpoints.enumerated() {
                    let rows = checkpoint.rows.filter { $0.layer == layer }
                    func add(_ kind: String?, _ style: LineChart.Series.Style, _ value: (Row) -> Estimate?) {
                        let name = names[place] + (kind.map { ", " + $0 } ?? "")
                        var line = LineChart.Series(
                            name, label: kind, Self.vertices(rows, value), style: style,
                            paint: LineColours.paint(place, of: checkpoints.count))
                        line.isNamed = LineColours.isNamed(place, of: checkpoints.count)
                        series.append(line)
                    }
                    if hasBands { add("null model", .band) { isAdjusted ? nil : Self.band($0.null) } }
                    add(nil, .line) { (isAdjusted ? $0.adjusted : $0.clusterability).map { Estimate($0) } }
                    if checkpoints.count <= 3 { add("chance", .dashed) { isAdjusted ? nil : $0.chance.map { Estimate($0) } } }
                }
                let chart = LineChart(
                    title: Self.title(layer) + (isAdjusted ? ", adjusted" : ", clusterability"), series: series,
                    horizontalTitle: "k", including: Extents(vertical: 0...1))
                if isAdjusted { adjusted.append(chart) } else { charts.append(chart) }
            }
        }
        let words = zip(names, checkpoints).map { name, checkpoint in
            let mean = checkpoint.rows.filter { $0.layer == Self.mean }
            return "\(name): \(Self.words(of: mean.isEmpty ? checkpoint.rows : mean))"
        }
        let largest = checkpoints.map { checkpoint in checkpoint.rows.filter { $0.layer == Self.mean }.compactMap(\.adjusted).max() }
        let best = zip(names, Words.together(largest)).map { "\($0) \($1)" }
        let isRun = best.count > 4 && inOrder.isBySteps
        let heading = isRun ? "from \(best[0]) to \(best[best.count - 1])" : Words.list(best, atMost: 4)
        let (arranged, columns) = Self.arranged(charts, adjusted)
        return PlotFigure(
            "score-sweep",
            sheet: Sheet(
                title: "Clusterability over k; largest mean adjusted: \(heading)",
                caption: head.caption(
                    hasBands ? Self.bandNote : hasNull ? "null models are drawn for up to three checkpoints" : nil, note, failedNote,
                    Words.list(checkpoints.map(\.path), atMost: 6)),
                alternative: words.prefix(12).joined(separator: " "), charts: arranged, columns: columns, sharing: .everything))
    }

    // MARK: - One number of clusters

    private func layerDots(_ checkpoint: Scored) -> PlotFigure {
        // The mean of one layer is that layer.
        let rows = checkpoint.rows.count == 2 ? checkpoint.rows.filter { $0.layer != Self.mean } : checkpoint.rows
        let hasNull = rows.contains { $0.null?.mean != nil }
        var series = [DotChart.Series("chance", rows.map { $0.chance.map { Estimate($0) } }, paint: .faint, isHollow: true)]
        if hasNull {
            series.append(
                .init(
                    "null model, mean ± sd", rows.map { row in row.null?.mean.map { Estimate($0, deviation: row.null?.sd ?? 0) } },
                    paint: .cluster(1)))
        }
        series.append(.init("clusterability", rows.map { $0.clusterability.map { Estimate($0) } }, paint: .cluster(0)))
        let counts = Set(rows.compactMap(\.k))
        let k = counts.count == 1 ? "k = \(counts.first!)" : nil
        let mean = rows.first { $0.layer == Self.mean } ?? rows[0]
        let numbers = Words.together([mean.clusterability, mean.null?.mean ?? mean.chance, mean.null?.sd])
        let noise = mean.null?.mean == nil ? "chance \(numbers[1])" : "noise \(numbers[1]) ± \(numbers[2])"
        let words = rows.prefix(60).map { row in
            var text = "\(row.layer): clusterability \(Words.number(row.clusterability))"
            if let noise = row.null?.mean { text += ", noise \(Words.number(noise)) ± \(Words.number(row.null?.sd))" }
            return text + ", chance \(Words.number(row.chance)), adjusted \(Words.number(row.adjusted))."
        }
        let name = Words.name(ofPath: checkpoint.path)
        return PlotFigure(
            "score", checkpoints.count > 1 ? name : "",
            chart: DotChart(
                title: "\(name)\(k.map { ", " + $0 } ?? ""): mean clusterability \(numbers[0]) (\(noise))",
                caption: head.caption(failedNote, checkpoint.path), alternative: words.joined(separator: " "),
                categories: rows.map { row in
                    Self.title(row.layer) + (k == nil && row.k != nil ? ", k = \(row.k!)" : "")
                        + (row.clusterability == nil ? ", undefined" : "")
                }, series: series, valueTitle: "clusterability", including: 0...1))
    }

    // MARK: - Checkpoints of one model

    /// The checkpoints in natural order with their places on the axis.
    private var inOrder: (checkpoints: [Scored], places: [Double], isBySteps: Bool) {
        let ordered = checkpoints.sorted { ($0.path.naturalKey, $0.path) < ($1.path.naturalKey, $1.path) }
        let steps = ordered.map { Words.step(inPath: $0.path) }
        let known = steps.compactMap(\.self)
        guard known.count == ordered.count, Set(known).count == known.count else {
            return (ordered, ordered.indices.map { Double($0 + 1) }, false)
        }
        let bySteps = zip(known, ordered).sorted { $0.0 < $1.0 }
        return (bySteps.map(\.1), bySteps.map(\.0), true)
    }

    private var trajectory: PlotFigure {
        let (ordered, places, isBySteps) = inOrder
        if ordered.count == 2, !isBySteps { return pairedCheckpoints }
        let (shown, note) = shownLayers
        func vertices(_ layer: String, _ value: (Row) -> Estimate?) -> [LineChart.Vertex] {
            zip(ordered, places).compactMap { checkpoint, x in
                checkpoint.rows.first { $0.layer == layer }.flatMap(value).map { LineChart.Vertex(x, $0) }
            }
        }
        let single = shown.count { $0 != Self.mean }
        // One band has room: that of the mean, or of the only layer.
        let banded = shown.contains(Self.mean) ? Self.mean : shown.first ?? Self.mean
        let band = vertices(banded) { Self.band($0.null) }
        func chart(_ title: String, hasBand: Bool, _ value: (Row) -> Double?) -> LineChart {
            var series = shown.enumerated().map { place, layer in
                var line = LineChart.Series(
                    Self.title(layer), vertices(layer) { value($0).map { Estimate($0) } }, style: .line,
                    paint: layer == Self.mean ? .ink : LineColours.paint(place, of: single))
                line.isNamed = layer == Self.mean || LineColours.isNamed(place, of: single)
                return line
            }.filter { !$0.vertices.isEmpty }
            if !band.isEmpty {
                // Without values beside what it does not belong to, so that both charts share one legend.
                let name = banded == Self.mean ? "null model of the mean" : "null model"
                series.append(.init(name, hasBand ? band : [], style: .band))
            }
            return LineChart(
                title: title, series: series, horizontalTitle: isBySteps ? "step" : "checkpoint", including: Extents(vertical: 0...1))
        }
        let means = ordered.map { checkpoint in (checkpoint.rows.first { $0.layer == Self.mean } ?? checkpoint.rows.first)?.adjusted }
        let words = zip(ordered, places).prefix(60).map { checkpoint, place in
            let mean = checkpoint.rows.first { $0.layer == Self.mean } ?? checkpoint.rows.first
            return
                "\(isBySteps ? "Step \(NumberText.shortest(place))" : Words.name(ofPath: checkpoint.path)): mean clusterability "
                + "\(Words.number(mean?.clusterability)), adjusted \(Words.number(mean?.adjusted))."
        }
        let range = "\(Words.name(ofPath: ordered[0].path)) to \(Words.name(ofPath: ordered[ordered.count - 1].path))"
        let order = isBySteps ? range : "1 to \(ordered.count): " + Words.list(ordered.map { Words.name(ofPath: $0.path) }, atMost: 6)
        let ends = Words.together([means.first ?? nil, means.last ?? nil])
        return PlotFigure(
            "score-trajectory",
            sheet: Sheet(
                title: "\(ordered.count) checkpoints: mean adjusted clusterability from \(ends[0]) to \(ends[1])",
                caption: head.caption(order, band.isEmpty ? nil : Self.bandNote, note, differingNote, failedNote),
                alternative: words.joined(separator: " "),
                charts: [
                    chart("clusterability", hasBand: true) { $0.clusterability }, chart("adjusted", hasBand: false) { $0.adjusted },
                ], columns: 2, sharing: .everything))
    }

    /// Means of checkpoints of other layers are no trajectory of one thing.
    private var differingNote: String? {
        Set(checkpoints.map { Set($0.rows.map(\.layer)) }).count > 1 ? "the checkpoints' layers differ: each mean is over its own" : nil
    }

    /// Two checkpoints whose names say no steps.
    private var pairedCheckpoints: PlotFigure {
        let names = Words.names(ofPaths: checkpoints.map(\.path))
        // In the order of the first one's layers.
        let others = checkpoints[0].rows.map { row in checkpoints[1].rows.first { $0.layer == row.layer } ?? row }
        let rows = [checkpoints[0].rows, others]
        func chart(_ title: String, _ value: (Row) -> Double?) -> DotChart {
            DotChart(
                title: title, categories: rows[0].map { $0.layer == Self.mean ? "mean of the layers" : $0.layer },
                series: rows.enumerated().map { place, rows in
                    DotChart.Series(names[place], rows.map { value($0).map { Estimate($0) } }, isHollow: place == 0)
                }, including: 0...1)
        }
        let means = rows.map { rows in rows.first { $0.layer == Self.mean } ?? rows[0] }
        let words = zip(rows[0], others).prefix(60).map { one, other in
            "\(one.layer): clusterability \(Words.number(one.clusterability)) and \(Words.number(other.clusterability)), adjusted "
                + "\(Words.number(one.adjusted)) and \(Words.number(other.adjusted))."
        }
        let adjusted = Words.together(means.map(\.adjusted))
        return PlotFigure(
            "score",
            sheet: Sheet(
                title: "Mean adjusted clusterability: \(names[0]) \(adjusted[0]), \(names[1]) \(adjusted[1])",
                caption: head.caption(failedNote, checkpoints.map(\.path).joined(separator: " and ")),
                alternative: "\(names[0]) and \(names[1]). " + words.joined(separator: " "),
                charts: [chart("clusterability") { $0.clusterability }, chart("adjusted") { $0.adjusted }], columns: 1,
                sharing: .everything))
    }
}

extension String {
    /// The text with its numbers as long as each other, so that `step-2` comes before `step-10`.
    fileprivate var naturalKey: String {
        var key = ""
        var digits = ""
        for character in self {
            if ("0"..."9").contains(character) {
                digits.append(character)
                continue
            }
            key += String(repeating: "0", count: max(0, digits.isEmpty ? 0 : 20 - digits.count)) + digits
            digits = ""
            key.append(character)
        }
        return key + String(repeating: "0", count: max(0, digits.isEmpty ? 0 : 20 - digits.count)) + digits
    }
}
