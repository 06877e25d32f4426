import Datasets
import Evaluation
import Glibc
import Networks

/// The result of `eval` for several checkpoints, as one json document.
struct EvalReport: Encodable {
    static let schema = "modinspect.eval/1"

    /// The data as the user named it.
    let data: String
    let checkpoints: [CheckpointResult<EvaluatedCheckpoint>]
}

/// One checkpoint's outcome as a line of jsonl.
struct EvalLine: Encodable {
    let data: String
    let checkpoint: CheckpointResult<EvaluatedCheckpoint>
}

/// How well one checkpoint answers.
struct EvaluatedCheckpoint: ColumnRow {
    let path: String
    let sha256: String?
    /// The model that an adapter was merged with; nil for any other checkpoint.
    let base: BaseSource?
    let family: String
    /// The architecture of a plain chain; nil for transformers.
    let architecture: String?
    /// Whether the architecture was `given`, kept in the `archive`, named by the `file`, or `assumed`; nil for transformers.
    let architectureSource: String?
    let samples: Int
    /// What the data asked for: `classify`, `next-token`, `masked`, `regression` or `reconstruction`; nil if it asked for nothing.
    let task: String?
    /// The answers that were requested: one a sample, or one a token.
    let answers: Int
    let correct: Int
    let accuracy: Double?
    /// The mean cross-entropy in nats; the mean squared error for regression and reconstruction, which have no accuracy.
    let loss: Double?
    /// exp(loss), of running text.
    let perplexity: Double?
    /// By the class of the right answer, without classes that have no samples.
    let classes: [EvaluatedClass]
    /// What the routers of a mixture of experts chose, block by block, expert by expert; nil for any other model.
    let experts: [ExpertRow]?

    static let columns: [Column<EvaluatedCheckpoint>] = [
        .json("path", "The checkpoint as the user named it.") { $0.path },
        .json("sha256", "The SHA-256 of its file; null with --no-sha256.") { $0.sha256 },
        .json("base", "The model that an adapter was merged into, or null.") { $0.base },
        .json("family", "The family.") { $0.family },
        .json("architecture", "The architecture of a plain chain; null for transformers.") { $0.architecture },
        .json("architectureSource", "How it became known; null for transformers.") { $0.architectureSource },
        .json("samples", "The number of samples.") { $0.samples },
        .text("task", "What the data asked for; null, in tsv `-`, if it asked for nothing.") { $0.task },
        .whole("answers", "The number of answers: one per sample, or one per token.") { $0.answers },
        .whole("correct", "The number of right answers.") { $0.correct },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .number("loss", "The mean cross-entropy in nats, or the mean squared error.") { $0.loss },
        .number("perplexity", "exp(loss) for running text.") { $0.perplexity },
        .json("classes", "By the class of the right answer.") { $0.classes },
        .json("experts", "What the routers of a mixture of experts chose; null for any other model.") { $0.experts },
    ]
}

/// A row of tsv: all answers of a checkpoint, or those of one class.
struct EvalRow: Sendable {
    let checkpoint: EvaluatedCheckpoint
    /// nil for all answers.
    let `class`: EvaluatedClass?

    private var answers: EvaluatedClass {
        `class`
            ?? EvaluatedClass(
                label: -1, count: checkpoint.answers, correct: checkpoint.correct, accuracy: checkpoint.accuracy, loss: checkpoint.loss)
    }

    /// Those of a class, with the name `all` where there is none, and what is the checkpoint's.
    static let columns: [Column<EvalRow>] =
        [.text("label", EvaluatedClass.columns[0].documentation) { row in row.class.map { "\($0.label)" } ?? "all" }]
        + EvaluatedClass.columns.named(["count", "correct", "accuracy", "loss"]).map { $0.of { $0.answers } }
        + EvaluatedCheckpoint.columns.named(["perplexity", "task"]).map { $0.of { $0.checkpoint } }
        + EvaluatedClass.columns.named(["name"]).map { $0.of { $0.answers } }
}

/// How often a router chose an expert.
struct ExpertRow: ColumnRow {
    let block: Int
    let expert: Int
    /// The positions at which it was chosen.
    let positions: Int
    /// Of all positions.
    let share: Double?
    /// The mean weight at the positions that chose it.
    let meanWeight: Double?
    /// By the class of the sample.
    let classes: [ExpertClass]

    static let columns: [Column<ExpertRow>] = [
        .whole("block", "The block.") { $0.block },
        .whole("expert", "The expert.") { $0.expert },
        .whole("positions", "The positions at which the router chose it.") { $0.positions },
        .number("share", "Their share of all positions.") { $0.share },
        .number("meanWeight", "The mean weight of its output at these positions.") { $0.meanWeight },
        .json("classes", "The same by the class of the sample; empty for running text.") { $0.classes },
    ]
}

/// How often an expert was chosen in samples of one class.
struct ExpertClass: Encodable, Sendable {
    let label: Int
    let positions: Int
    /// Of the positions of the class.
    let share: Double?
}

extension ExpertUse {
    /// One row for each expert of each block.
    var rows: [ExpertRow] {
        func share(_ part: Int, of all: Int) -> Double? { all > 0 ? Double(part) / Double(all) : nil }
        return blocks.flatMap { block in
            block.positions.indices.map { expert in
                let count = block.positions[expert]
                return ExpertRow(
                    block: block.block, expert: expert, positions: count, share: share(count, of: positions),
                    meanWeight: count > 0 ? block.weights[expert] / Double(count) : nil,
                    classes: classPositions.sorted { $0.key < $1.key }.map { label, all in
                        let own = block.classes[label]?[expert] ?? 0
                        return ExpertClass(label: label, positions: own, share: share(own, of: all))
                    })
            }
        }
    }
}

/// How well a model answers the samples of one class.
struct EvaluatedClass: ColumnRow {
    let label: Int
    let count: Int
    let correct: Int
    let accuracy: Double?
    let loss: Double?
    /// What the model or the labels call the class; nil for a number.
    var name: String?

    /// What a class is called where there is room for one of the two.
    var shownName: String { name ?? "\(label)" }

    static let columns: [Column<EvaluatedClass>] = [
        .whole("label", "The class; in tsv `all` for the row of all answers.") { $0.label },
        .whole("count", "The number of answers.") { $0.count },
        .whole("correct", "The number of right answers.") { $0.correct },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .number("loss", "The mean cross-entropy in nats.") { $0.loss },
        .text("name", "The name of the class, where the model or the labels have one.") { $0.name },
    ]
}

extension Outcome {
    /// The classes that have samples.
    func evaluatedClasses(_ names: [Int: String]) -> [EvaluatedClass] {
        classes.enumerated().compactMap { label, found in
            found.count == 0
                ? nil
                : EvaluatedClass(
                    label: label, count: found.count, correct: found.correct, accuracy: found.accuracy, loss: found.meanLoss,
                    name: names[label])
        }
    }
}

extension EvaluatedCheckpoint {
    init(
        _ model: LoadedModel, sha256: String?, base: BaseSource?, _ dataset: Dataset, _ outcome: Outcome, experts use: ExpertUse?
    ) {
        path = model.checkpoint.path
        self.sha256 = sha256
        self.base = base
        family = model.catalog.family.name
        architecture = model.architecture?.description
        architectureSource = model.source?.rawValue
        let task = dataset.task
        samples = dataset.count
        self.task = task?.rawValue
        answers = outcome.total.count
        correct = outcome.total.correct
        accuracy = outcome.accuracy
        loss = outcome.loss
        perplexity = task == .nextToken ? outcome.loss.map { exp($0) } : nil
        classes = outcome.evaluatedClasses(dataset.classNames)
        experts = use?.rows
    }
}
