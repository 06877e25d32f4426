/// Double-precision numbers of many samples, [features, samples]: a feature's numbers for all samples are contiguous, so that
/// whatever is done to one neuron for every sample is one pass over memory. Images are planes of features, channel after channel.
///
/// Whoever shares a table decides who writes where and when.
package final class FeatureTable: @unchecked Sendable {
    package let features: Int
    package let samples: Int
    private let buffer: Buffer<Double>

    /// All zeros.
    package init(features: Int, samples: Int) {
        precondition(features >= 0 && samples > 0, "\(features) features of \(samples) samples")
        self.features = features
        self.samples = samples
        buffer = Buffer(uninitialized: features * samples)
        buffer.base.initialize(repeating: 0, count: features * samples)
    }

    /// The first number of a feature, for the functions of this target; valid while the table lives.
    func pointer(_ feature: Int) -> UnsafeMutablePointer<Double> {
        precondition(feature >= 0 && feature <= features, "feature \(feature) of \(features)")
        return buffer.base + feature * samples
    }

    package subscript(feature: Int, sample: Int) -> Double {
        precondition(feature < features && sample >= 0 && sample < samples, "(\(feature), \(sample)) of \(features) x \(samples)")
        return pointer(feature)[sample]
    }

    /// Sets all numbers of some features.
    package func fill(_ features: Range<Int>, with value: Double) {
        check(features)
        pointer(features.lowerBound).update(repeating: value, count: features.count * samples)
    }

    package func fill(with value: Double) { fill(0..<features, with: value) }

    /// Takes over `count` features of another table of as many samples.
    package func copy(_ count: Int, from source: FeatureTable, first: Int = 0, to target: Int = 0) {
        precondition(source.samples == samples, "\(source.samples) samples for \(samples)")
        check(target..<target + count)
        source.check(first..<first + count)
        pointer(target).update(from: source.pointer(first), count: count * samples)
    }

    /// Takes over all numbers of a table of the same size.
    package func copy(from source: FeatureTable) { copy(features, from: source) }

    /// The table of some of the samples, in the given order.
    package func selecting(_ chosen: [Int]) -> FeatureTable {
        precondition(chosen.allSatisfy { $0 >= 0 && $0 < samples }, "a sample outside 0..<\(samples)")
        let table = FeatureTable(features: features, samples: chosen.count)
        for feature in 0..<features {
            let (source, target) = (pointer(feature), table.pointer(feature))
            for (place, sample) in chosen.enumerated() { target[place] = source[sample] }
        }
        return table
    }

    /// Writes the rows of a tensor [samples, ...], whose elements are the features, as the samples from `first` on.
    package func setSamples(from first: Int, to rows: Tensor) {
        let count = rows.shape.first ?? 0
        precondition(first >= 0 && first + count <= samples && rows.count == count * features, "\(rows.shape) at \(first)")
        for feature in 0..<features {
            let target = pointer(feature) + first
            for sample in 0..<count { target[sample] = Double(rows.pointer[sample * features + feature]) }
        }
    }

    /// Writes the samples of another table as those from `first` on.
    package func setSamples(from first: Int, to source: FeatureTable) {
        precondition(
            first >= 0 && first + source.samples <= samples && source.features == features, "\(source.samples) samples at \(first)")
        for feature in 0..<features { (pointer(feature) + first).update(from: source.pointer(feature), count: source.samples) }
    }

    /// self = a - b, for tables of one size; returns whether anything is not 0.
    package func setDifference(_ a: FeatureTable, _ b: FeatureTable) -> Bool {
        precondition(
            a.features == features && b.features == features && a.samples == samples && b.samples == samples, "tables of other sizes")
        DoubleKernels.current.writeScaledSum(-1, UnsafePointer(b.pointer(0)), UnsafePointer(a.pointer(0)), pointer(0), features * samples)
        var isChanged = false
        for place in 0..<features * samples where buffer.base[place] != 0 {
            isChanged = true
            break
        }
        return isChanged
    }

    /// All numbers, feature after feature.
    package var elements: [Double] { Array(UnsafeBufferPointer(start: buffer.base, count: features * samples)) }

    func check(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= features, "features \(range) of \(features)")
    }
}
