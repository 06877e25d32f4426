import Datasets
import Evaluation
import Networks
import Tensors

/// The results of a circuit run alone on data that was not used to find it, and those of the intact model.
package struct CircuitVerdict: Sendable {
    package let outcome: Outcome
    /// The mean divergence of the softmax of the scores from the intact model's, in nats.
    package let divergence: Double
    /// The same of "this label" and "another one"; nil for circuits of the whole model.
    package let labelDivergence: Double?
    /// The share of the label's samples that are answered with it, nil if there are none.
    package let recall: Double?
    /// The share of other samples that are answered with the label, nil if there are none.
    package let falseAlarms: Double?
    /// The class that is answered most often, the first of equals, and the share of the samples that it answers.
    package let commonAnswer: Int
    package let commonShare: Double

    /// If this many samples get the same answer, it does not depend on them.
    package static let constantShare = 0.99

    /// Whether nearly all samples get the same answer, although it is not the right one for nearly all.
    package var isDegenerate: Bool {
        let right = Double(outcome.classes[commonAnswer].count) / Double(max(outcome.total.count, 1))
        return commonShare >= Self.constantShare && right < Self.constantShare
    }

    /// - Parameters:
    ///   - scores: the circuit's [classes, samples].
    ///   - targets: the right classes.
    ///   - intact: what the intact model's scores make of losses.
    init(_ scores: FeatureTable, targets: [Int32], label: Int?, intact: Intact) {
        let (classes, samples) = (scores.features, scores.samples)
        let answers = (0..<samples).map { sample in
            var best = 0
            for place in 1..<max(classes, 1) where scores[place, sample] > scores[best, sample] { best = place }
            return best
        }
        let losses = LossTarget.labels(targets, classes: classes).losses(scores)
        var outcome = Outcome(classCount: classes)
        var counts = [Int](repeating: 0, count: classes)
        var (own, found, others, alarms) = (0, 0, 0, 0)
        for sample in 0..<samples {
            let (target, answer) = (Int(targets[sample]), answers[sample])
            outcome.add(target: target, isCorrect: answer == target, loss: losses[sample])
            counts[answer] += 1
            if target == label {
                own += 1
                found += answer == label ? 1 : 0
            } else {
                others += 1
                alarms += answer == label ? 1 : 0
            }
        }
        self.outcome = outcome
        divergence = Self.mean(intact.divergence, scores)
        labelDivergence = label.flatMap { intact.labelDivergences[$0] }.map { Self.mean($0, scores) }
        recall = label != nil && own > 0 ? Double(found) / Double(own) : nil
        falseAlarms = label != nil && others > 0 ? Double(alarms) / Double(others) : nil
        commonAnswer = counts.firstIndex(of: counts.max() ?? 0) ?? 0
        commonShare = Double(counts.max() ?? 0) / Double(max(samples, 1))
    }

    private static func mean(_ target: LossTarget, _ scores: FeatureTable) -> Double {
        ((target.losses(scores).reduce(0, +) - target.entropy) / Double(max(scores.samples, 1))).atLeastZero
    }

    /// The intact model's answers for the same data.
    struct Intact: Sendable {
        let divergence: LossTarget
        let labelDivergences: [Int: LossTarget]

        init(_ scores: FeatureTable, labels: [Int]) {
            divergence = .divergence(from: scores)
            labelDivergences = Dictionary(labels.map { ($0, .divergence(from: scores, ofClass: $0)) }) { first, _ in first }
        }
    }
}

extension Double {
    /// 0 for what rounding has made negative; NaN stays NaN.
    var atLeastZero: Double { self < 0 ? 0 : self }
}

/// Data that circuits are judged on.
struct HeldOutData: Sendable {
    let scores: SampleScores
    let targets: [Int32]
    let intact: CircuitVerdict.Intact

    init(_ batches: SampleBatches, targets all: [Int32], labels: [Int]) throws {
        scores = SampleScores(batches, samples: Array(0..<batches.dataset.count))
        targets = scores.groups.flatMap { $0 }.map { all[$0] }
        intact = CircuitVerdict.Intact(try scores.scores(nil, team: Team(size: 1)), labels: labels)
    }

    /// How the network answers with other parameters.
    func verdict(_ parameters: ParameterValues?, label: Int?) throws -> CircuitVerdict {
        CircuitVerdict(try scores.scores(parameters, team: Team(size: 1)), targets: targets, label: label, intact: intact)
    }
}
