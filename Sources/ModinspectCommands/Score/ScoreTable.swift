import Archives
import Text

/// The scores for eyes, and as rows.
enum ScoreTable {
    private static let measures = ["clusterability", "chance", "adjusted", "ncut", "modularity"]
    private static let nullColumns = ["null_mean", "null_sd", "z", "p"]

    /// The header of the rows; the null model's columns are there where it was asked for.
    static func header(hasNull: Bool) -> String { TSV.row(columns(hasNull: hasNull)) }

    private static func columns(hasNull: Bool) -> [String] {
        ["checkpoint", "layer", "k"] + measures + (hasNull ? nullColumns : []) + ["status"]
    }

    /// The row of a checkpoint that could not be scored.
    static func row(_ failure: FailedCheckpoint, hasNull: Bool) -> String {
        TSV.row(failure, columns: columns(hasNull: hasNull).count)
    }

    /// One row a layer and a row `mean` for each number of clusters; for the network method a row `network` with the n-cut
    /// of the graph of all layers.
    static func rows(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        var text = ""
        for sweep in checkpoint.results {
            for row in sweep.rows {
                var fields = [checkpoint.path, row.layer, row.k.map(String.init) ?? "nan"] + row.measures.map(TSV.number)
                if hasNull { fields += null(row).map(TSV.number) }
                text += TSV.row(fields + [CheckpointStatus.ok.rawValue])
            }
        }
        return text
    }

    /// The table of one checkpoint. Beside a null model only the measures that it speaks to are shown, so that a terminal holds it.
    static func text(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        let shown = hasNull ? 3 : measures.count
        let names = measures.prefix(shown) + (hasNull ? ["null", "sd", "z", "p"] : [])
        var table = TextTable([("layer", .left), ("k", .right)] + names.map { ($0, .right) }, keys: 2)
        for sweep in checkpoint.results {
            for row in sweep.rows {
                var numbers = row.measures.prefix(shown) + (hasNull ? null(row) : [])
                // A z has four digits with two decimals.
                let z = hasNull ? numbers.remove(at: shown + 2).map { ByteText.fixed($0, digits: 2) } ?? "nan" : nil
                var fields = [row.layer, row.k.map(String.init) ?? "-"] + numbers.map { $0.map(ByteText.rounded) ?? "nan" }
                if let z { fields.insert(z, at: fields.count - 1) }
                table.add(fields)
            }
        }
        return checkpoint.path.singleLine + "\n" + table.text(indent: 2)
    }

    private static func null(_ row: ScoredLayer) -> [Double?] {
        [row.null?.mean, row.null?.standardDeviation, row.null?.z, row.null?.p]
    }
}
