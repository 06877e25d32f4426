import Evaluation
import Glibc
import Training

/// The first line of a run's log: what the run is.
struct FinetuneRun: Encodable {
    static let schema = "modinspect.finetune/1"

    /// The data as the user named it.
    let data: String
    let samples: Int
    /// The samples of a batch.
    let batch: Int
    /// The steps of the whole run.
    let steps: Int
    /// The numbers that are trained.
    let parameters: Int
    let lambda: Double
    /// The layers that the clusterability is the mean of.
    let layers: [String]
}

/// A line of a run's log: one step. Losses, accuracy and clusterability are those before the step changed the weights.
struct FinetuneStep: Encodable {
    /// Counted from 1.
    let step: Int
    /// Counted from 1.
    let epoch: Int
    /// The cross-entropy minus lambda times the mean clusterability.
    let loss: Double
    let crossEntropy: Double
    let accuracy: Double
    /// The mean over the layers; nil before the term begins.
    let clusterability: Double?
    /// Of each layer in the order of the first line; nil for a matrix of zeros.
    let layers: [Double?]
    let learningRate: Double
    /// Before it was clipped.
    let gradientNorm: Double
    let samplesPerSecond: Double
    /// Nil for samples of numbers.
    let tokensPerSecond: Double?
    /// With the weights after the step; nil where none was made.
    let evaluation: Found?
    let `guard`: Found?

    /// What an evaluation found.
    struct Found: Encodable {
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
    /// The mean over the layers where it is defined; nil where it is for none.
    var meanClusterability: Double? {
        let defined = clusterability.compactMap { $0 }
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
}
