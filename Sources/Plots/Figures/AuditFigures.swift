import Pictures
import Text

extension AuditResult {
    /// The measure that comes first and that outliers are named by.
    private static let first = measures[0]
    /// So many runs and families are drawn.
    private static let mostPanels = 24
    private static let mostLayers = 9

    func figures() -> [PlotFigure] {
        guard !checkpoints.isEmpty else {
            return [PlotFigure("audit", chart: StripChart(title: "No checkpoints", caption: head.caption(), entries: []))]
        }
        let runs = self.runs
        return [strip, measureStrips].compactMap(\.self) + [familyStrips].compactMap(\.self)
            + runs.prefix(Self.mostPanels).map(trajectory)
    }

    private var failed: Int { checkpoints.count { !["ok", ""].contains($0.status) } }

    /// What is below the pictures.
    private func caption(_ note: String? = nil) -> String {
        let counts = Set(checkpoints.compactMap(\.k)).sorted()
        let k = counts.count == 1 ? "k = \(counts[0])" : counts.isEmpty ? nil : "k of each model"
        let missing = checkpoints.count { $0.values[Self.first] == nil }
        return head.caption(
            "means over the layers", k, note, failed > 0 ? "\(failed) not examined" : nil,
            missing > failed ? "\(missing - failed) undefined" : nil, checkpoint: false)
    }

    // MARK: - All checkpoints

    private func entries(_ measure: String, _ checkpoints: [Checkpoint]) -> [StripChart.Entry] {
        let known = checkpoints.compactMap { checkpoint in checkpoint.values[measure].map { (checkpoint.name, $0) } }
        let fences = Self.fences(known.map(\.1))
        // The quartiles of few groups of values hide what lies apart: the ends of the range are named wherever one checkpoint has them.
        let sorted = known.map(\.1).sorted()
        let ends = sorted.count > 2 ? [sorted[0], sorted[sorted.count - 1]].filter { end in sorted.count { $0 == end } == 1 } : []
        return known.map { name, value in
            StripChart.Entry(name, value, isOutlier: fences.map { !$0.contains(value) } ?? false, isNamed: ends.contains(value))
        }
    }

    /// Tukey's fences: one and a half times the distance between the quartiles beyond them; nil for few values.
    static func fences(_ values: [Double]) -> ClosedRange<Double>? {
        guard values.count > 4 else { return nil }
        let sorted = values.sorted()
        let (low, high) = (quantile(sorted, 0.25), quantile(sorted, 0.75))
        let reach = 1.5 * (high - low)
        return reach.isFinite ? low - reach...high + reach : nil
    }

    /// The quantile of sorted values, interpolated as numpy does.
    static func quantile(_ sorted: [Double], _ share: Double) -> Double {
        guard let last = sorted.last else { return .nan }
        let place = share * Double(sorted.count - 1)
        let index = Int(place)
        guard index + 1 < sorted.count else { return last }
        return sorted[index] + (place - Double(index)) * (sorted[index + 1] - sorted[index])
    }

    private static func title(_ measure: String) -> String {
        switch measure {
        case "adjusted": "adjusted clusterability"
        case "null.z": "z against the null model"
        case "ncut": "n-cut"
        default: measure
        }
    }

    private func words(_ entries: [StripChart.Entry], _ measure: String) -> String {
        let sorted = entries.map(\.value).sorted()
        guard let least = sorted.first, let most = sorted.last else { return "\(Self.title(measure)): no values." }
        let outliers = entries.filter(\.isOutlier)
        return "\(Self.title(measure)) of \(ByteText.counted(entries.count, "checkpoint")): from \(Words.number(least)) to "
            + "\(Words.number(most)), median \(Words.number(Self.quantile(sorted, 0.5)))"
            + (outliers.isEmpty
                ? "." : "; outliers: " + Words.list(outliers.map { "\($0.name) \(Words.number($0.value))" }, atMost: 24) + ".")
    }

    private var strip: PlotFigure {
        let entries = entries(Self.first, checkpoints)
        let sorted = entries.map(\.value).sorted()
        let heading =
            sorted.isEmpty
            ? "no \(Self.title(Self.first))" : "median \(Self.title(Self.first)) \(Words.short(Self.quantile(sorted, 0.5)))"
        let bad = failed > 0 ? ", \(failed) not ok" : ""
        return PlotFigure(
            "audit",
            chart: StripChart(
                title: "\(ByteText.counted(checkpoints.count, "checkpoint"))\(bad): \(heading)", caption: caption(),
                alternative: words(entries, Self.first), entries: entries, valueTitle: Self.title(Self.first), countTitle: "checkpoints"))
    }

    /// A small strip for each measure; nil where there is but one.
    private var measureStrips: PlotFigure? {
        let charts = Self.measures.compactMap { measure -> StripChart? in
            let entries = entries(measure, checkpoints)
            guard !entries.isEmpty else { return nil }
            return StripChart(
                title: Self.title(measure), alternative: words(entries, measure), entries: entries.map(Self.unnamed),
                valueTitle: Self.title(measure), countTitle: "checkpoints", heapHeight: Self.heapHeight(checkpoints.count))
        }
        guard charts.count > 1 else { return nil }
        return PlotFigure(
            "audit-measures",
            sheet: Sheet(
                title: "Every measure of \(ByteText.counted(checkpoints.count, "checkpoint"))", caption: caption(),
                alternative: charts.map(\.alternative).joined(separator: " "), charts: charts, sharing: .nothing))
    }

    /// A strip for each family, on one scale; nil where there is but one.
    private var familyStrips: PlotFigure? {
        let families = Dictionary(grouping: checkpoints.filter { $0.values[Self.first] != nil }) { $0.family ?? "unknown" }
        guard families.count > 1 else { return nil }
        let ordered = families.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        let charts = ordered.prefix(Self.mostPanels).map { family, members in
            let entries = entries(Self.first, members)
            return StripChart(
                title: "\(family): \(ByteText.counted(members.count, "checkpoint"))", alternative: words(entries, Self.first),
                entries: entries.map(Self.unnamed), valueTitle: Self.title(Self.first), countTitle: "checkpoints",
                heapHeight: Self.heapHeight(families.map(\.value.count).max() ?? 0))
        }
        return PlotFigure(
            "audit-families",
            sheet: Sheet(
                title: "\(Self.title(Self.first).prefix(1).uppercased())\(Self.title(Self.first).dropFirst()) by family",
                caption: caption(
                    ordered.count > charts.count ? "the \(charts.count) most frequent of \(ordered.count) families" : nil),
                alternative: zip(ordered, charts).map { "\($0.key): \($1.alternative)" }.joined(separator: " "), charts: charts,
                sharing: .everything))
    }

    /// Small strips stand beside each other on one line: their heaps have one height, which is low where there are few values.
    private static func heapHeight(_ values: Int) -> Double { values > 12 ? 100 : 60 }

    /// Small strips have no room for names.
    private static func unnamed(_ entry: StripChart.Entry) -> StripChart.Entry { StripChart.Entry(entry.name, entry.value) }

    // MARK: - Training runs

    private func trajectory(_ run: Run) -> PlotFigure {
        var names: [String] = []
        var seen: Set<String> = []
        for layer in run.checkpoints.flatMap(\.checkpoint.layers) where seen.insert(layer.name).inserted { names.append(layer.name) }
        let shown = names.count > 1 ? names.prefix(Self.mostLayers) : []
        // One that could not be scored has no mean either.
        let scored = Set(run.checkpoints.map { Set($0.checkpoint.layers.map(\.name)) }.filter { !$0.isEmpty })
        func chart(_ measure: String) -> LineChart {
            func line(_ name: String, _ paint: Paint, _ value: (Checkpoint) -> Double?) -> LineChart.Series {
                let vertices = run.checkpoints.compactMap { step, checkpoint in
                    value(checkpoint).map { LineChart.Vertex(step, Estimate($0)) }
                }
                return LineChart.Series(name, vertices, style: .line, paint: paint)
            }
            let lines =
                shown.enumerated().map { place, layer in
                    line(layer, .cluster(place)) { checkpoint in
                        checkpoint.layers.first { $0.name == layer }?.values[measure]
                    }
                } + [line(names.count == 1 ? names[0] : "mean of the layers", .ink) { $0.values[measure] }]
            return LineChart(
                title: Self.title(measure), series: lines.filter { !$0.vertices.isEmpty }, horizontalTitle: "step",
                including: Extents(vertical: 0...1))
        }
        let means = run.checkpoints.map { ($0.step, $0.checkpoint.values[Self.first]) }
        let spoken = means.prefix(60).map { "step \(NumberText.shortest($0.0)): \(Words.number($0.1))" }.joined(separator: ", ")
        let first = means.first { $0.1 != nil }?.1
        let last = means.last { $0.1 != nil }?.1
        let ends = Words.together([first, last])
        return PlotFigure(
            "audit-run", run.name,
            sheet: Sheet(
                title:
                    "\(run.name): mean \(Self.title(Self.first)) from \(ends[0]) to \(ends[1]) in \(run.checkpoints.count) checkpoints",
                caption: head.caption(
                    names.count > shown.count && names.count > 1 ? "the first \(shown.count) of \(names.count) layers" : nil,
                    scored.count > 1 ? "the checkpoints' layers differ: each mean is over its own" : nil,
                    checkpoint: false),
                alternative: "Mean \(Self.title(Self.first)) of \(run.name) by step: \(spoken).",
                charts: [chart("adjusted"), chart("clusterability")], columns: 2, sharing: .everything))
    }
}
