import Archives
import Datasets
import Text

/// The outcome of `eval` as text and as rows.
enum EvalTable {
    private static let columns = EvalRow.columns

    static var header: String { columns.header(after: ["checkpoint"], before: ["status"]) }

    /// The row of a checkpoint that could not be evaluated.
    static func row(_ failure: FailedCheckpoint) -> String { TSV.row(failure, columns: columns.count + 2) }

    /// A row `all`, then one a class.
    static func rows(_ found: EvaluatedCheckpoint) -> String {
        ([nil] + found.classes.map(Optional.some)).map { label in
            columns.tsv(EvalRow(checkpoint: found, class: label), after: [found.path], before: [CheckpointStatus.ok.rawValue])
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
        var text = found.path.pathLine + "\n"
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
        let names = found.classes.contains { $0.name != nil } ? ["label", "name"] : ["label"]
        let table = EvaluatedClass.columns.named(names + ["count", "accuracy", "loss"]).table(found.classes)
        return text + "\n" + table.text(indent: 2)
    }
}
