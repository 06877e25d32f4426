import Pictures
import Text

extension PatchResult {
    func figures() -> [PlotFigure] {
        var figures: [PlotFigure] = []
        var groups: [(direction: String, unit: String, rows: [Row])] = []
        var places: [String: Int] = [:]
        for row in rows {
            let key = row.direction + "\n" + row.unit
            if places[key] == nil {
                places[key] = groups.count
                groups.append((row.direction, row.unit, []))
            }
            groups[places[key]!].rows.append(row)
        }
        for group in groups.prefix(24) {
            for metric in metrics.prefix(8) { figures.append(map(group.rows, group.direction, group.unit, metric)) }
        }
        if figures.isEmpty {
            figures.append(
                PlotFigure("patch", chart: BarChart(title: "No patches", caption: head.caption(), categories: [], series: [])))
        }
        return figures
    }

    private func map(_ rows: [Row], _ direction: String, _ unit: String, _ metric: String) -> PlotFigure {
        let byPosition = rows.contains { $0.position != nil }
        // Positions are columns; without them heads, neurons or clusters are.
        func name(_ row: Row) -> String {
            byPosition ? row.site + (row.index.map { ", \(unit) \($0)" } ?? "") : row.site
        }
        func column(_ row: Row) -> Int { (byPosition ? row.position : row.index) ?? -1 }
        var names: [String] = []
        var lines: [String: Int] = [:]
        for row in rows where lines[name(row)] == nil {
            lines[name(row)] = names.count
            names.append(name(row))
        }
        let columns = Set(rows.map(column)).sorted()
        let columnPlaces = Dictionary(columns.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        // A sparse list of the strongest patches must not become a matrix of gaps without bound.
        let isBounded = names.count * columns.count <= 4_000_000
        var values = Array(repeating: [Double?](repeating: nil, count: isBounded ? columns.count : 0), count: isBounded ? names.count : 0)
        var strongest: (row: Row, value: Double)?
        var idle = 0
        for row in rows {
            if !row.moved { idle += 1 }
            guard row.moved, let value = row.normalized[metric] else { continue }
            if isBounded, let line = lines[name(row)], let place = columnPlaces[column(row)] { values[line][place] = value }
            if abs(value) > abs(strongest?.value ?? 0) || strongest == nil { strongest = (row, value) }
        }
        func place(_ row: Row) -> String {
            name(row) + (byPosition ? row.position.map { " at position \($0)" } ?? "" : row.index.map { ", \(unit) \($0)" } ?? "")
        }
        let heading = strongest.map { "largest \(Words.short($0.value)), \(place($0.row))" } ?? "no patch has a normalised effect"
        let sorted = rows.compactMap { row in row.moved ? row.normalized[metric].map { (row, $0) } : nil }.enumerated()
            .sorted { (-abs($0.element.1), $0.offset) < (-abs($1.element.1), $1.offset) }.map(\.element)
        let words = sorted.prefix(12).map { "\(place($0)) \(Words.number($1))" }.joined(separator: "; ")
        let title =
            "\(direction == "denoise" ? "Clean into corrupted" : direction == "noise" ? "Corrupted into clean" : direction), \(metric): \(heading)"
        let caption = head.caption(
            pairs.map { ByteText.counted($0, "pair") }, "normalised: 0 is the corrupted run, 1 the clean one",
            idle > 0
                ? "hatched: \(idle == 1 ? "one patch" : "\(ByteText.grouped(idle)) patches") moved nothing and \(idle == 1 ? "has" : "have") no value"
                : nil)
        let alternative =
            "\(ByteText.counted(rows.count, "effect")) of patching\(byPosition ? " by position" : ""), \(idle) moved nothing. The strongest: "
            + (words.isEmpty ? "none" : words) + "."
        if columns == [-1] {
            return PlotFigure(
                "patch", direction, unit, metric,
                chart: BarChart(
                    title: title, caption: caption, alternative: alternative, categories: names,
                    series: [.init("", values.map { $0.first.flatMap(\.self).map { Estimate($0) } })], direction: .lying,
                    valueTitle: "normalised effect", including: 0...1))
        }
        return PlotFigure(
            "patch", direction, unit, metric,
            chart: HeatMap(
                title: title, caption: caption, alternative: alternative, rows: .init(names),
                columns: .init(columns.map { $0 < 0 ? "all" : String($0) }, title: byPosition ? "position" : unit),
                values: .cells(values.map { $0.map { $0 ?? .nan } }), scheme: .diverging, valueTitle: "normalised effect",
                // One effect has one colour in every file, unless it is beyond what patching everything does.
                range: abs(strongest?.value ?? 0) <= 1 ? -1...1 : nil))
    }
}
