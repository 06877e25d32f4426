import Archives
import Text

/// A comparison as text and as rows.
enum CompareTable {
    /// The rows of tsv: two checkpoints with a row a layer, two files of clusters with a row for each of its sides, or the changed weights.
    enum Rows {
        case checkpoints, clusters, changes
    }

    static func header(_ rows: Rows) -> String { TSV.row(columns(rows)) }

    private static func columns(_ rows: Rows) -> [String] {
        switch rows {
        case .checkpoints:
            ComparedLayer.columns.filter(\.isInTables).map(\.name) + ComparedWeight.columns.map { "largest_" + $0.name } + ["status"]
        case .clusters: ["layer", "side", "neurons", "unclustered", "ari", "nmi", "matched", "a_sizes", "b_sizes", "status"]
        case .changes: ["layer", "rank"] + ComparedWeight.columns.map(\.name) + ["status"]
        }
    }

    private static let ok = [CheckpointStatus.ok.rawValue]

    static func rows(_ report: CompareReport, _ rows: Rows) -> String {
        if report.hasFailed {
            return TSV.row(Array(repeating: "", count: columns(rows).count - 1) + [CheckpointStatus.failed.rawValue])
        }
        switch rows {
        case .checkpoints: return report.rows.map(checkpointRow).joined()
        case .clusters: return report.rows.map(clusterRows).joined()
        case .changes:
            return report.layers.map { layer in
                (layer.largestChanges ?? []).enumerated().map { TSV.row([layer.layer, "\($0 + 1)"] + fields($1) + ok) }.joined()
            }.joined()
        }
    }

    private static func checkpointRow(_ row: ComparedLayer) -> String {
        ComparedLayer.columns.tsv(row, before: fields(row.largestChanges?.first) + ok)
    }

    private static func clusterRows(_ row: ComparedLayer) -> String {
        let sides = [("out", row.out, row.a.outSizes, row.b.outSizes), ("in", row.in, row.a.inSizes, row.b.inSizes)]
        return sides.map { name, side, a, b in
            TSV.row(
                [row.layer, name, count(side.neurons), count(side.unclustered)] + side.measures.map(TSV.number)
                    + [list(a ?? [], ","), list(b ?? [], ",")] + ok)
        }.joined()
    }

    /// The place of a weight and its two values.
    private static func fields(_ weight: ComparedWeight?) -> [String] {
        guard let weight else { return ["", "", "", "nan", "nan"] }
        return ComparedWeight.columns.map { $0.value(of: weight).tsv }
    }

    private static func count(_ value: Int?) -> String { value.map(String.init) ?? "" }

    private static func list(_ values: [Int], _ separator: String) -> String { values.map(String.init).joined(separator: separator) }

    private static func rounded(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "nan" }

    /// The tables of a comparison: what both are, the scores, the agreement of the clusters, the changes of the weights.
    static func text(_ report: CompareReport) -> String {
        var text = ""
        for (name, input) in zip(["A", "B"], report.setting.inputs) {
            switch input {
            case .ok(let source): text += "\(name)  \(source.path.pathLine)\n"
            case .failed(let failure): text += "\(name)  \(failure.text)"
            case .worked: break
            }
        }
        if report.hasFailed { return text }
        func add(_ table: TextTable) { text += "\n" + table.text() }
        switch report.setting.kind {
        case .checkpoints:
            add(scores(report))
            if report.setting.clusters == nil { add(agreement(report)) }
            add(changes(report))
        case .clusters:
            add(agreement(report))
            add(sizes(report))
        }
        return text
    }

    private static func scores(_ report: CompareReport) -> TextTable {
        var table = TextTable([("layer", .left), ("", .left)] + ComparedClusters.measures.map { ($0.rawValue, .right) }, keys: 2)
        for row in report.rows {
            for (label, name, clusters) in [(row.layer, "A", row.a), ("", "B", row.b)] {
                table.add([label, name] + clusters.scores.map(rounded))
            }
        }
        return table
    }

    private static func agreement(_ report: CompareReport) -> TextTable {
        var table = TextTable([("layer", .left), ("side", .left), ("ari", .right), ("nmi", .right), ("matched", .right)], keys: 2)
        for row in report.rows {
            for (label, name, side) in [(row.layer, "out", row.out), ("", "in", row.in)] {
                table.add([label, name] + side.measures.map(rounded))
            }
        }
        return table
    }

    private static func changes(_ report: CompareReport) -> TextTable {
        var table = TextTable([("layer", .left), ("relative_change", .right), ("at", .right), ("A", .right), ("B", .right)])
        for row in report.rows {
            var labels = [row.layer, rounded(row.relativeChange)]
            for weight in row.largestChanges ?? [] {
                let place = "[" + list([weight.out, weight.in] + weight.kernel, ",") + "]"
                table.add(labels + [place, rounded(weight.a), rounded(weight.b)])
                labels = ["", ""]
            }
            if row.largestChanges?.isEmpty ?? true { table.add(labels + ["", "", ""]) }
        }
        return table
    }

    private static func sizes(_ report: CompareReport) -> TextTable {
        var table = TextTable([("layer", .left), ("side", .left), ("a_sizes", .left), ("b_sizes", .left)], keys: 2)
        for row in report.layers {
            for (label, name, a, b) in [(row.layer, "out", row.a.outSizes, row.b.outSizes), ("", "in", row.a.inSizes, row.b.inSizes)] {
                table.add([label, name, list(a ?? [], " "), list(b ?? [], " ")])
            }
        }
        return table
    }
}
