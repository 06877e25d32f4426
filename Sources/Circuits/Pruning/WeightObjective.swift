import Tensors

/// What a circuit of weights must preserve.
package enum WeightObjective: Sendable, Equatable {
    /// The mean loss on the samples of one label does not rise above the intact model's by more than the tolerance.
    case labelLoss(label: Int)
    /// The mean divergence of the softmax of the scores from the intact model's, over all samples, stays within the tolerance.
    case divergence
    /// The same for the two outcomes "this label" and "another one".
    case labelDivergence(label: Int)

    /// The label that the circuit is for; nil for a circuit of the whole model.
    package var label: Int? {
        switch self {
        case .labelLoss(let label), .labelDivergence(let label): label
        case .divergence: nil
        }
    }

    /// The samples that it looks at, of samples with the given labels.
    func samples(of labels: [Int32]) -> [Int] {
        switch self {
        case .labelLoss(let label): labels.indices.filter { Int(labels[$0]) == label }
        case .divergence, .labelDivergence: Array(labels.indices)
        }
    }

    /// What scores are compared with, given the intact model's [classes, samples] on those samples.
    func target(scores: FeatureTable, labels: [Int32]) -> LossTarget {
        switch self {
        case .labelLoss: .labels(labels, classes: scores.features)
        case .divergence: .divergence(from: scores)
        case .labelDivergence(let label): .divergence(from: scores, ofClass: label)
        }
    }

    /// The sum of the losses that a circuit may have.
    func limit(intact: Double, target: LossTarget, tolerance: Double) -> Double {
        switch self {
        case .labelLoss: intact + tolerance * Double(target.samples)
        case .divergence, .labelDivergence: target.entropy + tolerance * Double(target.samples)
        }
    }
}
