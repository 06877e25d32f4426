import Archives
import Datasets
import Text

/// The outcome of `eval` as text and as rows.
enum EvalTable {
    private static var columns: [String] { ["checkpoint"] + EvaluatedClass.columns.map(\.name) + ["perplexity", "status"] }

    static var header: String { TSV.row(columns) }

    /// The row of a checkpoint that could not be evaluated.
    static func row(_ failure: FailedCheckpoint) -> String { TSV.row(failure, columns: columns.count) }

    /// A row `all`, then one a class.
    static func rows(_ found: EvaluatedCheckpoint) -> String {
        let all = TSV.row([
            found.path, "all", "\(found.answers)", "\(found.correct)", TSV.number(found.accuracy), TSV.number(found.loss),
            TSV.number(found.perplexity), CheckpointStatus.ok.rawValue,
        ])
        return all
            + found.classes.map { row in
                TSV.row(
                    [found.path] + EvaluatedClass.columns.map { $0.value(of: row).tsv } + [TSV.number(nil), CheckpointStatus.ok.rawValue])
            }.joined()
    }

    /// More classes than this are summed up in a line.
    private static let shownClasses = 40

    /// A line for each block: the shares of its experts, the most chosen first.
    private static func text(of experts: [ExpertRow]) -> String {
        var text = ""
        for block in Set(experts.map(\.block)).sorted() {
            let rows = experts.filter { $0.block == block }.sorted { ($1.positions, $0.expert) < ($0.positions, $1.expert) }
            let shown = rows.prefix(shownExperts).map { row in
                "\(row.expert): \(row.share.map { ByteText.fixed($0 * 100, digits: 1) + "%" } ?? "nan")"
            }
            let rest = rows.count > shownExperts ? ", ..." : ""
            text += LabelledLine.text("experts \(block)", shown.joined(separator: ", ") + rest, padding: 12)
        }
        return text
    }

    /// The experts of a block that a line names.
    private static let shownExperts = 5

    static func text(_ found: EvaluatedCheckpoint) -> String {
        func number(_ value: Double?) -> String { value.map(ByteText.rounded) ?? "nan" }
        var text = found.path.singleLine + "\n"
        func line(_ label: String, _ value: String) {
            text += LabelledLine.text(label, value, padding: 12)
        }
        line("samples", ByteText.grouped(found.samples))
        if found.answers != found.samples { line("answers", ByteText.grouped(found.answers)) }
        line("loss", number(found.loss))
        if let task = found.task.flatMap(DataTask.init), !task.hasRightAnswers {
            line("task", "\(task.rawValue): the loss is the mean squared error")
        } else {
            line("accuracy", "\(number(found.accuracy)), \(ByteText.grouped(found.correct)) right")
        }
        if let perplexity = found.perplexity { line("perplexity", ByteText.rounded(perplexity)) }
        if let experts = found.experts { text += self.text(of: experts) }
        guard !found.classes.isEmpty else { return text }
        if found.classes.count > shownClasses {
            let accuracies = found.classes.compactMap(\.accuracy).sorted()
            line("classes", "\(found.classes.count), accuracy \(number(accuracies.first)) to \(number(accuracies.last))")
            return text
        }
        let table = EvaluatedClass.columns.named(["label", "count", "accuracy", "loss"]).table(found.classes)
        return text + "\n" + table.text(indent: 2)
    }
}
