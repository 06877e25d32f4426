import Evaluation
import Glibc
import Training

/// The first line of a run's log: what the run is.
struct FinetuneRun: ColumnRow {
    static let schema = "modinspect.finetune/1"

    /// The data as the user named it.
    let data: String
    let samples: Int
    /// The samples of a batch.
    let batch: Int
    /// The samples that each epoch leaves out, because batch norm cannot be trained on a batch of one.
    let leftOut: Int
    /// The steps of the whole run.
    let steps: Int
    /// The numbers that are trained.
    let parameters: Int
    let lambda: Double
    /// The layers that the clusterability is the mean of.
    let layers: [String]

    static let columns: [Column<FinetuneRun>] = [
        .text("data", "As given on the command line.") { $0.data },
        .whole("samples", "The number of samples.") { $0.samples },
        .whole("batch", "The number of samples in a batch.") { $0.batch },
        .whole("leftOut", "The number of samples that each epoch leaves out: batch norm cannot be trained on a last batch of one sample.") {
            $0.leftOut
        },
        .whole("steps", "The number of steps in the whole run.") { $0.steps },
        .whole("parameters", "The number of trained parameters.") { $0.parameters },
        .number("lambda", "The weight of the clusterability term.") { $0.lambda },
        .json("layers", "The names of the layers whose clusterability is trained.") { $0.layers },
    ]
}

/// A line of a run's log: one step. Losses, accuracy and clusterability are those before the step changed the weights.
struct FinetuneStep: ColumnRow {
    /// Counted from 1.
    let step: Int
    /// Counted from 1.
    let epoch: Int
    /// The cross-entropy minus lambda times the mean clusterability.
    let loss: Double
    let crossEntropy: Double
    /// nil where answers are numbers.
    let accuracy: Double?
    /// The mean over the layers; nil before the term begins.
    let clusterability: Double?
    /// The clusterability of each layer in the order of the first line; nil for a matrix of zeros.
    let layers: [Double?]
    let learningRate: Double
    /// Before it was clipped.
    let gradientNorm: Double
    let samplesPerSecond: Double
    /// Nil for samples of numbers.
    let tokensPerSecond: Double?
    /// With the weights after the step; nil if none was made.
    let evaluation: Found?
    let `guard`: Found?

    static let columns: [Column<FinetuneStep>] = own + found("evaluation") { $0.evaluation } + found("guard") { $0.guard }

    private static let own: [Column<FinetuneStep>] = [
        .whole("step", "Counted from 1.") { $0.step },
        .whole("epoch", "Counted from 1.") { $0.epoch },
        .number("loss", "The cross-entropy minus lambda times the clusterability.") { $0.loss },
        .number("crossEntropy", "The mean over the answers of the step's batches, in nats.") { $0.crossEntropy },
        .number("accuracy", "The share of right answers.") { $0.accuracy },
        .number("clusterability", "The mean over the layers; missing before the term begins.") { $0.clusterability },
        .json("layers", "The clusterability of each layer in the order of the first line.") { $0.layers },
        .number("learningRate", "The learning rate of the step.") { $0.learningRate },
        .number("gradientNorm", "Before clipping.") { $0.gradientNorm },
        .number("samplesPerSecond", "Since the previous line. This and the next depend on the machine.") { $0.samplesPerSecond },
        .number("tokensPerSecond", "Missing unless the samples are sequences of tokens.") { $0.tokensPerSecond },
    ]

    private static func found(_ key: String, _ found: @escaping @Sendable (FinetuneStep) -> Found?) -> [Column<FinetuneStep>] {
        [
            .number(key + ".loss", "With the weights after the step.") { found($0)?.loss },
            .number(key + ".accuracy", "Likewise.") { found($0)?.accuracy },
            .number(key + ".perplexity", "exp(loss) of running text.") { found($0)?.perplexity },
        ]
    }

    /// The result of an evaluation.
    struct Found: Sendable {
        let loss: Double?
        let accuracy: Double?
        /// exp(loss), of running text.
        let perplexity: Double?

        init(_ outcome: Outcome, isRunningText: Bool) {
            loss = outcome.loss
            accuracy = outcome.accuracy
            perplexity = isRunningText ? outcome.loss.map { exp($0) } : nil
        }
    }

    init(_ report: Trainer.Report, epoch: Int, samplesPerSecond: Double, tokensPerSecond: Double?, evaluation: Found?, guarded: Found?) {
        step = report.step
        self.epoch = epoch
        loss = report.loss
        crossEntropy = report.crossEntropy
        accuracy = report.accuracy
        clusterability = report.meanClusterability
        layers = report.clusterability
        learningRate = report.learningRate
        gradientNorm = report.gradientNorm
        self.samplesPerSecond = samplesPerSecond
        self.tokensPerSecond = tokensPerSecond
        self.evaluation = evaluation
        self.guard = guarded
    }
}

extension Trainer.Report {
    /// The mean over the layers where it is defined; nil if it is for none.
    var meanClusterability: Double? {
        let defined = clusterability.compactMap { $0 }
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
}
