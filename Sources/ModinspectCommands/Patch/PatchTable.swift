import Archives
import Text

/// The outcome of `patch` as text and as rows.
struct PatchTable {
    private let report: PatchReport

    init(_ report: PatchReport) { self.report = report }

    var header: String {
        TSV.row(PatchRow.columns.filter(\.isInTables).map(\.name) + report.metrics.flatMap { PatchMeasure.columns($0.metric) })
    }

    func row(_ row: PatchRow) -> String {
        TSV.row(
            PatchRow.columns.filter(\.isInTables).map { $0.value(of: row).tsv } + row.measures.flatMap { $0.values.map(TSV.number) })
    }

    private static func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "nan" }

    var text: String {
        let provenance = report.provenance
        var text = (provenance.checkpoint?.path ?? "").pathLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 12)
        }
        line("data", "\(provenance.data), \(ByteText.counted(report.pairs, "pair"))")
        for metric in report.metrics {
            let isSame = !metric.moves && metric.clean.isFinite && metric.corrupted.isFinite
            line(
                metric.metric,
                "clean \(Self.number(metric.clean)), corrupted \(Self.number(metric.corrupted))" + (isSame ? ", the same" : ""))
        }
        let how = provenance.method == "attribution" ? ", estimated" : ""
        for (direction, words) in [
            ("denoise", "clean activations in the corrupted run"), ("noise", "corrupted activations in the clean run"),
        ] {
            let rows = report.patches.filter { $0.direction == direction }
            guard !rows.isEmpty else { continue }
            // A table for each metric: side by side they would not fit a terminal.
            text += "\n  \(words)\(how)\n" + report.metrics.indices.map { table(rows, metric: $0) }.joined(separator: "\n")
        }
        return text
    }

    private func table(_ rows: [PatchRow], metric: Int) -> String {
        let hasUnits = rows.contains { $0.index != nil }
        let hasPositions = report.provenance.by == "position"
        var columns: [(String, TextTable.Alignment)] = [("site", .left)]
        if hasUnits { columns += [("unit", .left), ("index", .right)] }
        if hasPositions { columns += [("position", .right)] }
        columns += (["relative_change"] + PatchMeasure.columns(report.metrics[metric].metric)).map { ($0, .right) }
        var table = TextTable(columns)
        for row in rows {
            var fields = [row.site ?? ""]
            if hasUnits { fields += [row.index == nil ? "" : row.unit ?? "", row.index.map(String.init) ?? ""] }
            if hasPositions { fields += [row.position.map(String.init) ?? ""] }
            fields += [row.moved ? Self.number(row.relativeChange) : "none"]
            let measure = row.measures[metric]
            fields += row.moved ? measure.values.map(Self.number) : ["-", "-", "-"]
            table.add(fields)
        }
        return table.text(indent: 4)
    }
}
