import Pictures
import Text

extension AblationResult {
    /// More layers than this have no picture each of classes by cluster.
    private static let mostLayers = 16

    func figures() -> [PlotFigure] {
        var figures: [PlotFigure] = []
        let measured = layers.filter { !$0.off.isEmpty || !$0.on.isEmpty }
        for layer in measured.prefix(Self.mostLayers) where hasClasses(layer) { figures.append(classes(layer)) }
        if !measured.isEmpty { figures.append(bars(measured)) }
        // No answer is right where outputs are compared with numbers.
        let counted = isOfNumbers ? [] : layers.filter { !$0.dependenceOff.isEmpty || !$0.dependenceOn.isEmpty }
        if !counted.isEmpty { figures.append(dependence(counted)) }
        if figures.isEmpty {
            figures.append(
                PlotFigure("ablate", chart: BarChart(title: "No interventions", caption: caption(nil), categories: [], series: [])))
        }
        return figures
    }

    /// Whether the losses are mean squared errors, as of a regression: there are no accuracies.
    private var isOfNumbers: Bool { intactAccuracy == nil && intactLoss != nil }

    private func caption(_ more: String?) -> String {
        head.caption(
            reading.map { "reading \($0)" }, fill.map { "fill \($0)" }, samples.map { ByteText.counted($0, "sample") }, more)
    }

    private func hasClasses(_ layer: Layer) -> Bool { (layer.off + layer.on).contains { !$0.classes.isEmpty } || !intactClasses.isEmpty }

    // MARK: - Classes by cluster

    private func classes(_ layer: Layer) -> PlotFigure {
        var labels = intactClasses.map(\.label)
        if labels.isEmpty { labels = (layer.off + layer.on).max { $0.classes.count < $1.classes.count }?.classes.map(\.label) ?? [] }
        let rows: [(name: String, classes: [ClassAccuracy])] =
            [("intact", intactClasses)] + layer.off.map { ("off \($0.cluster)", $0.classes) }
            + layer.on.map { ("on \($0.cluster)", $0.classes) }
        let values = rows.map { row in
            let accuracies = Dictionary(row.classes.map { ($0.label, $0.accuracy) }, uniquingKeysWith: { first, _ in first })
            return labels.map { accuracies[$0] ?? nil }
        }
        var worst: (drop: Double, cluster: Int, label: String, intact: Double, accuracy: Double)?
        for (place, row) in layer.off.enumerated() {
            for (column, label) in labels.enumerated() {
                guard let intact = values[0][column], let accuracy = values[1 + place][column] else { continue }
                if intact - accuracy > worst?.drop ?? 0 { worst = (intact - accuracy, row.cluster, label, intact, accuracy) }
            }
        }
        let heading =
            worst.map {
                "without cluster \($0.cluster), class \($0.label) falls from \(Words.percent($0.intact)) to \(Words.percent($0.accuracy))"
            }
            ?? "without any one cluster, no class falls"
        let words = (layer.off.map { ("off", $0) } + layer.on.map { ("on", $0) }).prefix(40).map { kind, row in
            guard row.moved else { return "\(kind) \(row.cluster) changed nothing." }
            let known = row.classes.compactMap { found in found.accuracy.map { (found.label, $0) } }
            let named = known.prefix(20).map { "\($0) \(Words.percent($1))" }.joined(separator: ", ")
            return "\(kind) \(row.cluster): accuracy \(Words.percent(row.accuracy))\(named.isEmpty ? "" : "; by class " + named)."
        }
        let idle = (layer.off + layer.on).contains { !$0.moved }
        return PlotFigure(
            "ablate-classes", layer.name,
            chart: HeatMap(
                title: "\(layer.name), accuracy by class: \(heading)",
                caption: caption(idle ? "hatched: the intervention changed nothing" : nil),
                alternative: "Intact: accuracy \(Words.percent(intactAccuracy)). " + words.joined(separator: " "),
                rows: .init(rows.map(\.name), title: "cluster", borders: [1, 1 + layer.off.count]), columns: .init(labels, title: "class"),
                values: .cells(values.map { $0.map { $0 ?? .nan } }), valueTitle: "accuracy", range: 0...1))
    }

    // MARK: - Clusters and their control

    /// What the bars show: of running text, of whose tokens few are predicted exactly, the loss says more than the accuracy.
    private struct Measure {
        let isLoss: Bool
        /// Whether a loss is a mean squared error.
        var isError = false
        /// Where bars begin: the loss of the intact model, of which the changes are small beside it.
        let base: Double
        /// How many digits losses have.
        let digits: Int

        var name: String { isLoss ? isError ? "mean squared error" : "loss" : "accuracy" }
        var title: String { isLoss ? "\(name) above the intact model's\(isError ? "" : ", nats")" : name }
        func text(_ value: Double?) -> String {
            isLoss ? value.map { NumberText.fixed($0, digits: digits) } ?? "undefined" : Words.percent(value)
        }
        func value(_ row: Row) -> Double? { isLoss ? row.loss : row.accuracy }
        func control(_ row: Row) -> Spread? {
            row.control.flatMap { isLoss ? $0.loss : Spread(mean: $0.mean, sd: $0.sd, p: $0.p) }
        }
    }

    private func measure(_ layers: [Layer]) -> Measure {
        let rows = layers.flatMap { $0.off + $0.on }
        let hasClasses = !intactClasses.isEmpty || rows.contains { !$0.classes.isEmpty }
        guard !hasClasses, let intactLoss, intactLoss.isFinite, rows.contains(where: { $0.loss?.isFinite ?? false }) else {
            return Measure(isLoss: false, base: 0, digits: 0)
        }
        // As many as the largest change needs, and the deviations of random neurons; the unit of an error may be any.
        let largest = rows.compactMap { row in row.loss.map { abs($0 - intactLoss) } }.filter(\.isFinite).max() ?? 1
        return Measure(
            isLoss: true, isError: isOfNumbers, base: intactLoss,
            digits: NullDistance.digits([largest] + rows.compactMap { $0.control?.loss?.sd } + (isOfNumbers ? [intactLoss] : [])))
    }

    private func bars(_ layers: [Layer]) -> PlotFigure {
        var charts: [any Chart] = []
        var words: [String] = []
        var worst: (value: Double, text: String)?
        let measure = measure(layers)
        let intact = measure.isLoss ? intactLoss : intactAccuracy
        for layer in layers.prefix(100) {
            for (kind, rows) in [("off", layer.off), ("on", layer.on)] where !rows.isEmpty {
                let hasControl = rows.contains { $0.control != nil }
                var series = [
                    BarChart.Series("the cluster", rows.map { measure.value($0).map { Estimate($0 - measure.base) } }, paint: .cluster(0))
                ]
                if hasControl {
                    series.append(
                        .init(
                            "as many random neurons, mean ± sd",
                            rows.map { row in measure.control(row).map { Estimate($0.mean - measure.base, deviation: $0.sd ?? 0) } },
                            paint: .cluster(7)))
                }
                charts.append(
                    BarChart(
                        title: "\(layer.name), one cluster \(kind)", categories: rows.map { String($0.cluster) }, series: series,
                        direction: rows.count > 24 ? .lying : .standing, valueTitle: measure.title, categoryTitle: "cluster",
                        references: intact.map { [LineChart.Reference("intact", $0 - measure.base)] } ?? [],
                        including: measure.isLoss ? 0...0 : 0...1))
                let texts = rows.prefix(40).map { row in
                    var text = "cluster \(row.cluster) \(row.moved ? measure.text(measure.value(row)) : "changed nothing")"
                    if let control = measure.control(row) {
                        text += ", random neurons \(measure.text(control.mean)) ± \(measure.text(control.sd))"
                        if let p = control.p { text += ", p \(Words.number(p))" }
                    }
                    return text
                }
                words.append("\(layer.name), \(kind): \(texts.joined(separator: "; ")).")
                if kind == "off" {
                    for row in rows {
                        guard let value = measure.value(row), value.isFinite,
                            worst.map({ measure.isLoss ? value > $0.value : value < $0.value }) ?? true
                        else { continue }
                        let control =
                            measure.control(row).map { " (random neurons \(measure.text($0.mean)) ± \(measure.text($0.sd)))" } ?? ""
                        worst = (value, "without cluster \(row.cluster) of \(layer.name) \(measure.text(value))\(control)")
                    }
                }
            }
        }
        return PlotFigure(
            "ablate-clusters",
            sheet: Sheet(
                title:
                    "\(measure.name.prefix(1).uppercased() + measure.name.dropFirst()): intact \(measure.text(intact))\(worst.map { ", " + $0.text } ?? "")",
                caption: caption(nil),
                alternative: "Intact: \(measure.name) \(measure.text(intact)). " + words.joined(separator: " "),
                charts: charts,
                columns: layers.contains { $0.off.count > 12 } ? 1 : 2, sharing: .everything))
    }

    // MARK: - Dependence

    /// Numbers of interventions from this on are one colour.
    private static let mostCounts = 8

    private func dependence(_ layers: [Layer]) -> PlotFigure {
        let rows = layers.flatMap { layer in
            [("\(layer.name), off", layer.dependenceOff), ("\(layer.name), on", layer.dependenceOn)].filter { !$0.1.isEmpty }
        }
        let most = rows.map(\.1.count).max() ?? 0
        let columns = min(most, Self.mostCounts)
        let series = (0..<columns).map { count in
            let isLast = count == columns - 1 && most > columns
            return BarChart.Series(
                count == 0 ? "spoilt by none" : isLast ? "by \(count) and more" : "by \(count)",
                rows.map { row in
                    guard count < row.1.count else { return nil }
                    return Estimate(Double(isLast ? row.1[count...].reduce(0, +) : row.1[count]))
                }, paint: .sequential(columns > 1 ? 0.95 - 0.85 * Double(count) / Double(columns - 1) : 0.5))
        }
        let off = rows.filter { $0.0.hasSuffix(", off") }.map { row in
            let right = row.1.reduce(0, +)
            let share = right > 0 ? Double(right - (row.1.first ?? 0)) / Double(right) : nil
            return "\(row.0.dropLast(5)) \(Words.percent(share))"
        }
        let words = rows.prefix(40).map { name, counts in
            "\(name): " + counts.prefix(20).enumerated().map { "\($1) answers spoiled by \($0)" }.joined(separator: ", ") + "."
        }
        var chart = BarChart(
            title: "Right answers that need a cluster: \(Words.list(off, atMost: 4))",
            caption: caption("colours: how many of the interventions spoil an answer"),
            alternative: words.joined(separator: " "), categories: rows.map(\.0), series: series, arrangement: .stacked,
            direction: .lying, valueTitle: "answers that the intact model gets right")
        chart.isOfCounts = true
        return PlotFigure("ablate-dependence", chart: chart)
    }
}
