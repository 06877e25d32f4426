import Auditing
import Modularity
import Plots
import Text

/// The result of an audit in each of its formats.
struct AuditReport {
    /// Completed, in the order of the result.
    let rows: [AuditRow]
    let settings: AuditSettings
    /// nil if there is no earlier audit to compare with.
    var comparison: AuditComparison?
    /// Conditions that are broken, of those that were asked for.
    var breaches: [FailConditions.Breach] = []

    /// One line for each row, as the journal has them.
    var jsonl: [UInt8] {
        var text = ByteText()
        for row in rows {
            text.append(bytes: row.line)
            text.append("\n")
        }
        return text.bytes
    }

    /// A header line and a line for each checkpoint and number of clusters.
    var tsv: String {
        let columns = AuditLine.columns(hasNull: settings.nullSamples > 0, hasBaseline: comparison != nil)
        return columns.header() + lines.map { columns.tsv($0) }.joined()
    }

    private var lines: [AuditLine] {
        rows.flatMap { row -> [AuditLine] in
            let change = comparison?.change(of: row.name)
            if row.results.isEmpty { return [AuditLine(row: row, result: nil, change: change)] }
            return row.results.map { result in
                let differences = Measure.allCases.map { comparison?.difference(of: $0, row.name, k: result.k) }
                return AuditLine(row: row, result: result, change: change, differences: differences)
            }
        }
            + (comparison?.entries ?? []).compactMap { entry in
                entry.new == nil ? entry.old.map { AuditLine(row: $0, result: nil, change: entry.change) } : nil
            }
    }

    /// The pictures, as `plot` draws them from ``jsonl``, with what the rows were computed with in the captions.
    func figures() throws -> [PlotFigure] {
        struct Head: Encodable {
            let method: String
        }
        let head = try ReportEncoder.bytes(
            of: Provenanced(AuditRow.schema, seed: settings.seed, Head(method: settings.method.rawValue)), isIndented: false)
        return PlottedResult.figures(of: [try PlottedResult(head + jsonl, path: "the result")])
    }
}
