import Text

/// A series as text and as rows.
enum SeriesTable {
    private static let columns = SeriesStep.columns

    /// A row for each checkpoint and layer, with its mean; one for a checkpoint that failed.
    static func tsv(_ report: SeriesReport) -> String {
        var text = columns.header(after: ["checkpoint"], before: ["status"])
        for (place, input) in report.setting.inputs.enumerated() {
            switch input {
            case .ok(let source):
                for row in report.rows(of: place) { text += columns.tsv(row, after: [source.path], before: [CheckpointStatus.ok.rawValue]) }
            case .failed(let failure): text += TSV.row(failure, columns: columns.count(where: \.isInTables) + 2)
            case .worked: break
            }
        }
        return text
    }

    /// The lines of jsonl: one for each row, or one for a checkpoint that failed.
    static func lines(_ report: SeriesReport, seed: UInt64?) -> [any Encodable] {
        struct Setting: Encodable {
            let kind: CompareReport.Kind
            let method: String?
        }
        let setting = Setting(kind: report.setting.kind, method: report.setting.method)
        return report.setting.inputs.enumerated().flatMap { place, input -> [any Encodable] in
            switch input {
            case .ok(let source):
                return report.rows(of: place).map { row in
                    Provenanced(SeriesReport.schema, seed: seed, Joined(setting, Joined(Keyed("checkpoint", source), row)))
                }
            case .failed(let failure):
                return [Provenanced(SeriesReport.schema, seed: seed, Joined(setting, Keyed("checkpoint", failure)))]
            case .worked: return []
            }
        }
    }

    /// A table for the mean and one for each layer, with a line for each checkpoint.
    static func text(_ report: SeriesReport) -> String {
        var paths: [String] = []
        var text = ""
        for input in report.setting.inputs {
            switch input {
            case .ok(let source): paths.append(source.path)
            case .failed(let failure):
                paths.append(failure.path)
                text += failure.text
            case .worked: break
            }
        }
        let hasScores = report.setting.kind == .checkpoints
        func add(_ layer: SeriesLayer, as name: String) {
            if !text.isEmpty { text += "\n" }
            text += name.singleLine + "\n" + table(layer, paths: paths, hasScores: hasScores).text(indent: 2)
        }
        if report.layers.count > 1, !report.meanLayers.isEmpty { add(report.mean, as: meanName(report)) }
        for layer in report.layers { add(layer, as: layer.layer) }
        return text
    }

    /// What the means are of: where checkpoints lack layers, only those that all have.
    private static func meanName(_ report: SeriesReport) -> String {
        let (common, all) = (report.meanLayers.count, report.layers.count)
        if common == all { return "mean of \(ByteText.counted(all, "layer"))" }
        return "mean of the \(ByteText.grouped(common)) of \(ByteText.counted(all, "layer")) that all checkpoints have"
    }

    private static func table(_ layer: SeriesLayer, paths: [String], hasScores: Bool) -> TextTable {
        let scores: [(String, TextTable.Alignment)] = hasScores ? [("adjusted", .right)] : []
        var table = TextTable(
            [("checkpoint", .left)] + scores
                + ["previous_out", "previous_in", "last_out", "last_in"].map { ($0, TextTable.Alignment.right) })
        func rounded(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "nan" }
        for step in layer.steps {
            let agreement = [step.previous?.out, step.previous?.into, step.last?.out, step.last?.into].map { rounded($0?.adjustedRand) }
            table.add([paths[step.input]] + (hasScores ? [rounded(step.adjusted)] : []) + agreement)
        }
        return table
    }
}
