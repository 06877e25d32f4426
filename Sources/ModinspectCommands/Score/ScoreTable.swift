import Archives
import Modularity
import Text

/// The scores as text and as rows.
enum ScoreTable {
    /// The header of the rows; the null model's columns are included if it was requested.
    static func header(hasNull: Bool) -> String {
        ScoredLayer.columns(hasNull: hasNull).header(after: ["checkpoint"], before: ["status"])
    }

    /// The row of a checkpoint that could not be scored.
    static func row(_ failure: FailedCheckpoint, hasNull: Bool) -> String {
        TSV.row(failure, columns: ScoredLayer.columns(hasNull: hasNull).count(where: \.isInTables) + 2)
    }

    /// One row a layer and a row `mean` for each number of clusters; for the network method a row `network` with the n-cut
    /// of the graph of all layers.
    static func rows(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        let columns = ScoredLayer.columns(hasNull: hasNull)
        return checkpoint.results.flatMap(\.rows).map {
            columns.tsv($0, after: [checkpoint.path], before: [CheckpointStatus.ok.rawValue])
        }.joined()
    }

    /// The table of one checkpoint, with the measures that ``Measure/isInText(hasNull:)`` selects.
    static func text(_ checkpoint: ScoredCheckpoint, hasNull: Bool) -> String {
        let columns = ScoredLayer.columns(hasNull: hasNull).filter { Measure(rawValue: $0.name)?.isInText(hasNull: hasNull) ?? true }
        return checkpoint.path.pathLine + "\n" + columns.table(checkpoint.results.flatMap(\.rows)).text(indent: 2)
    }
}
