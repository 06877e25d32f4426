import Glibc

/// What scores are compared with, sample by sample: a loss in nats that is a function of the scores alone.
package struct LossTarget: Sendable {
    /// How a loss comes from scores z.
    package enum Kind: Sendable {
        /// log sum e^z - sum_k p_k z_k for the shares p [samples, classes] of each sample: the cross-entropy with them.
        case shares([Double])
        /// The cross-entropy of "this class or another one" with the shares p [samples] of the class.
        case oneClass(Int, [Double])
    }

    package let kind: Kind
    package let samples: Int
    package let classes: Int
    /// The entropy of the shares, which is subtracted from the sum of the losses to give a sum of divergences.
    package let entropy: Double

    private init(_ kind: Kind, samples: Int, classes: Int, entropy: Double) {
        self.kind = kind
        self.samples = samples
        self.classes = classes
        self.entropy = entropy
    }

    /// The cross-entropy with the right class of each sample.
    package static func labels(_ labels: [Int32], classes: Int) -> LossTarget {
        var shares = [Double](repeating: 0, count: labels.count * classes)
        for (sample, label) in labels.enumerated() { shares[sample * classes + Int(label)] = 1 }
        return LossTarget(.shares(shares), samples: labels.count, classes: classes, entropy: 0)
    }

    /// The divergence of the softmax of the scores [classes, samples] to another one.
    package static func divergence(from scores: FeatureTable) -> LossTarget {
        let shares = softmax(scores)
        let entropy = shares.reduce(0) { $0 - ($1 > 0 ? $1 * logarithm($1) : 0) }
        return LossTarget(.shares(shares), samples: scores.samples, classes: scores.features, entropy: entropy)
    }

    /// The divergence of "this class or another one" under the scores [classes, samples] to the same under others.
    package static func divergence(from scores: FeatureTable, ofClass label: Int) -> LossTarget {
        precondition(label >= 0 && label < scores.features && scores.features > 1, "class \(label) of \(scores.features)")
        let shares = softmax(scores)
        var entropy = 0.0
        let own = (0..<scores.samples).map { sample in
            var (share, rest) = (0.0, 0.0)
            for place in 0..<scores.features {
                if place == label {
                    share = shares[sample * scores.features + place]
                } else {
                    rest += shares[sample * scores.features + place]
                }
            }
            for part in [share, rest] where part > 0 { entropy -= part * logarithm(part) }
            return share
        }
        return LossTarget(.oneClass(label, own), samples: scores.samples, classes: scores.features, entropy: entropy)
    }

    /// [samples, classes].
    private static func softmax(_ scores: FeatureTable) -> [Double] {
        var shares = [Double](repeating: 0, count: scores.samples * scores.features)
        for sample in 0..<scores.samples {
            var largest = -Double.infinity
            for place in 0..<scores.features { largest = max(largest, scores[place, sample]) }
            var sum = 0.0
            for place in 0..<scores.features {
                let power = exp(scores[place, sample] - largest)
                shares[sample * scores.features + place] = power
                sum += power
            }
            for place in 0..<scores.features { shares[sample * scores.features + place] /= sum }
        }
        return shares
    }
}
