import Pictures
import Text

extension CircuitResult {
    func figures() -> [PlotFigure] {
        guard !circuits.isEmpty else {
            return [PlotFigure("circuit", chart: DotChart(title: "No circuits", caption: caption, categories: [], series: []))]
        }
        var figures = [sizes]
        if let overlaps { figures.append(overlaps) }
        return figures
    }

    private var caption: String {
        head.caption(
            objective.map { "objective \($0)" }, tolerance.map { "tolerance \(NumberText.shortest($0))" },
            paths.count > 1 ? Words.list(paths, atMost: 6) : nil)
    }

    private static func mean(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.reduce(0, +) / Double(values.count) }

    /// The size of each circuit, a row a label, a dot a file.
    private var sizes: PlotFigure {
        var labels: [String] = []
        var seen: Set<String> = []
        for circuit in circuits where seen.insert(circuit.name).inserted { labels.append(circuit.name) }
        let files = paths
        let names = Words.names(ofPaths: files)
        let series = zip(files, names).enumerated().map { place, file in
            let found = Dictionary(
                circuits.filter { $0.path == file.0 }.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            return DotChart.Series(
                files.count > 1 ? file.1 : "", labels.map { found[$0]?.size.map { Estimate($0) } }, isHollow: files.count == 2 && place == 0
            )
        }
        // A degenerate circuit is no circuit of its label, however small.
        let means = zip(files, names).map { file, name in
            let own = circuits.filter { $0.path == file }
            let mean = Self.mean((own.contains { !$0.degenerate } ? own.filter { !$0.degenerate } : own).compactMap(\.size))
            return (files.count > 1 ? "\(name) " : "") + Words.percent(mean)
        }
        let words = circuits.prefix(80).map { circuit in
            var text =
                "\(files.count > 1 ? Words.name(ofPath: circuit.path) + ", " : "")\(circuit.name): \(Words.percent(circuit.size)) of the weights"
            if let kept = circuit.kept, let weights = circuit.weights {
                text += ", \(ByteText.grouped(kept)) of \(ByteText.grouped(weights))"
            }
            if let recall = circuit.recall { text += ", recall \(Words.percent(recall))" }
            if circuit.degenerate { text += ", degenerate" }
            return text + "."
        }
        let degenerate = circuits.filter(\.degenerate).map(\.name).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        func category(_ label: String) -> String {
            let own = circuits.filter { $0.name == label }
            let bad = own.filter(\.degenerate)
            if bad.isEmpty { return label }
            let place =
                bad.count < own.count
                ? " in " + Words.list(zip(files, names).filter { file, _ in bad.contains { $0.path == file } }.map(\.1)) : ""
            return label + ", degenerate" + place
        }
        return PlotFigure(
            "circuit-sizes",
            chart: DotChart(
                title: "Effective circuit size by label: mean \(Words.list(means, atMost: 4))",
                caption: [
                    caption,
                    degenerate.isEmpty
                        ? ""
                        : "degenerate (one answer to nearly everything\(circuits.allSatisfy(\.degenerate) ? "" : ", not in the mean")): \(Words.list(degenerate))",
                ]
                .filter { !$0.isEmpty }
                .joined(separator: " · "), alternative: words.joined(separator: " "),
                categories: labels.map(category), series: series,
                valueTitle: "share of weights kept", including: 0...0))
    }

    /// More circuits than this are not compared in pairs.
    private static let mostOverlaps = 200

    /// The overlap of each two circuits; nil where the result does not name the kept weights.
    private var overlaps: PlotFigure? {
        let known = circuits.filter { $0.places != nil }
        guard known.count > 1, known.count <= Self.mostOverlaps else { return nil }
        let files = Words.names(ofPaths: paths)
        let fileNames = Dictionary(zip(paths, files), uniquingKeysWith: { first, _ in first })
        let names = known.map { paths.count > 1 ? "\(fileNames[$0.path] ?? $0.path) \($0.name)" : $0.name }
        let values = known.map { one in known.map { Self.overlap(one, $0) } }
        let degenerate = Set(known.indices.filter { known[$0].degenerate })
        return OverlapFigure.figure(
            names: zip(names, known).map { $1.degenerate ? "\($0), degenerate" : $0 }, values: values, what: "weights", caption: caption,
            degenerate: degenerate)
    }
}

/// A matrix of overlaps.
enum OverlapFigure {
    /// - Parameter degenerate: The places of circuits that are none of their label: the mean is that of the others, if there are two.
    static func figure(
        names: [String], values: [[Double?]], what: String, caption: String, degenerate: Set<Int> = []
    ) -> PlotFigure {
        let isMeanOfAll = degenerate.isEmpty || names.count - degenerate.count < 2
        var sum = (value: 0.0, count: 0)
        var pairs: [(text: String, value: Double)] = []
        for one in names.indices {
            for other in names.indices where other > one {
                guard let value = values[one][other] else { continue }
                pairs.append(("\(names[one]) and \(names[other])", value))
                if isMeanOfAll || degenerate.isDisjoint(with: [one, other]) { sum = (sum.value + value, sum.count + 1) }
            }
        }
        let mean = sum.count == 0 ? nil : sum.value / Double(sum.count)
        let sorted = pairs.enumerated().sorted { (-$0.element.value, $0.offset) < (-$1.element.value, $1.offset) }.map(\.element)
        let words = sorted.prefix(30).map { "\($0.text) \(Words.number($0.value))" }.joined(separator: "; ")
        let least = sorted.last.map { " The least: \($0.text) \(Words.number($0.value))." } ?? ""
        var map = HeatMap(
            title: "Overlap of the circuits' \(what): mean \(Words.short(mean)) of a pair",
            caption: caption + (caption.isEmpty ? "" : " · ")
                + "intersection over union, 1 for the same and 0 for disjoint circuits; the diagonal has no colour"
                + (isMeanOfAll ? "" : " · degenerate circuits do not count in the mean"),
            alternative: "Overlap of each two of \(names.count) circuits. The largest: \(words.isEmpty ? "none" : words).\(least)",
            rows: .init(names), columns: .init(names), values: .cells(values.map { $0.map { $0 ?? .nan } }), valueTitle: "overlap")
        map.leavesOutDiagonal = true
        return PlotFigure("circuit-overlap", chart: map)
    }
}

extension OverlapResult {
    private var failedNote: String { failed.isEmpty ? "" : "failed: \(Words.list(failed.map(Words.name)))" }

    func figures() -> [PlotFigure] {
        guard !names.isEmpty else {
            return [
                PlotFigure(
                    "circuit-overlap", chart: DotChart(title: "No circuits to compare", caption: failedNote, categories: [], series: []))
            ]
        }
        let places = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let shown = names.prefix(1000)
        var values = Array(repeating: [Double?](repeating: nil, count: shown.count), count: shown.count)
        for place in shown.indices { values[place][place] = kept[names[place]] == 0 ? nil : 1 }
        for pair in pairs {
            guard let one = places[pair.a], let other = places[pair.b], one < shown.count, other < shown.count else { continue }
            values[one][other] = pair.overlap
            values[other][one] = pair.overlap
        }
        let short = Words.names(ofPaths: Array(shown))
        let hasSizes = !sizes.isEmpty
        let counts = shown.map { name in hasSizes ? sizes[name] : kept[name].map(Double.init) }
        let words = zip(short, counts).prefix(80).map {
            "\($0): \(hasSizes ? Words.percent($1) : $1.map(NumberText.shortest) ?? "unknown")."
        }
        let what = kind ?? "parts"
        var dots = DotChart(
            title: "Sizes of \(ByteText.counted(names.count, "circuit"))", caption: failedNote, alternative: words.joined(separator: " "),
            categories: short, series: [.init("", counts.map { $0.map { Estimate($0) } })],
            valueTitle: hasSizes ? "share of the \(what) that is kept" : "kept \(what)", including: 0...0)
        dots.isOfCounts = !hasSizes
        return [
            PlotFigure("circuit-sizes", chart: dots),
            OverlapFigure.figure(names: short, values: values, what: what, caption: failedNote),
        ]
    }
}
