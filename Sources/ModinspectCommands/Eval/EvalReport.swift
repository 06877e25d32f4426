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
struct EvaluatedCheckpoint: Encodable {
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
}

/// How well a model answers the samples of one class.
struct EvaluatedClass: ColumnRow {
    let label: Int
    let count: Int
    let correct: Int
    let accuracy: Double?
    let loss: Double?

    static let columns: [Column<EvaluatedClass>] = [
        .whole("label", "The class; in tsv `all` for the row of all answers.") { $0.label },
        .whole("count", "The number of answers.") { $0.count },
        .whole("correct", "The number of right answers.") { $0.correct },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .number("loss", "The mean cross-entropy in nats.") { $0.loss },
    ]
}

extension Outcome {
    /// The classes that have samples.
    var evaluatedClasses: [EvaluatedClass] {
        classes.enumerated().compactMap { label, found in
            found.count == 0
                ? nil
                : EvaluatedClass(label: label, count: found.count, correct: found.correct, accuracy: found.accuracy, loss: found.meanLoss)
        }
    }
}

extension EvaluatedCheckpoint {
    init(_ model: LoadedModel, sha256: String?, base: BaseSource?, samples: Int, task: DataTask?, _ outcome: Outcome) {
        path = model.checkpoint.path
        self.sha256 = sha256
        self.base = base
        family = model.catalog.family.name
        architecture = model.architecture?.description
        architectureSource = model.source?.rawValue
        self.samples = samples
        self.task = task?.rawValue
        answers = outcome.total.count
        correct = outcome.total.correct
        accuracy = outcome.accuracy
        loss = outcome.loss
        perplexity = task == .nextToken ? outcome.loss.map { exp($0) } : nil
        classes = outcome.evaluatedClasses
    }
}
