import Archives
import Text

/// The scores for eyes, and as rows.
enum ScoreTable {
    private static let measures = ["clusterability", "chance", "adjusted", "ncut", "modularity"]
    private static let nullColumns = ["null_mean", "null_sd", "z", "p"]

    /// The header of the rows; the null model's columns are there where it was asked for.
    static func header(hasNull: Bool) -> String {
        TSV.row(["checkpoint", "layer", "k"] + measures + (hasNull ? nullColumns : []))
    }

    /// One row a layer and a row `mean` for each number of clusters; for the network method a row `network` with the n-cut
    /// of the graph of all layers.
    static func rows(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        var text = ""
        for sweep in checkpoint.results {
            for row in sweep.rows {
                var fields = [checkpoint.path, row.layer, row.k.map(String.init) ?? "nan"] + row.measures.map(TSV.number)
                if hasNull { fields += null(row).map(TSV.number) }
                text += TSV.row(fields)
            }
        }
        return text
    }

    /// The table of one checkpoint. Beside a null model only the measures that it speaks to are shown, so that a terminal holds it.
    static func text(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        let shown = hasNull ? 3 : measures.count
        let names = measures.prefix(shown) + (hasNull ? ["null mean", "sd", "z", "p"] : [])
        var table = TextTable([("layer", .left), ("k", .right)] + names.map { ($0, .right) })
        for sweep in checkpoint.results {
            for row in sweep.rows {
                let numbers = row.measures.prefix(shown) + (hasNull ? null(row) : [])
                table.add([row.layer, row.k.map(String.init) ?? "-"] + numbers.map { $0.map(ByteText.rounded) ?? "nan" })
            }
        }
        return checkpoint.path.singleLine + "\n" + table.text(indent: 2)
    }

    private static func null(_ row: ScoredLayer) -> [Double?] {
        [row.null?.mean, row.null?.standardDeviation, row.null?.z, row.null?.p]
    }
}
