import Datasets
import Tensors

/// For each sample, another of the same shape whose activations replace its own: the next one in a random cycle through all samples.
package struct ResampledPartners: Sendable {
    /// The partner of each sample; itself if no other has its length.
    package let partners: [Int]

    package init(_ dataset: Dataset, seed: UInt64) {
        var groups: [Int: [Int]] = [:]
        for sample in 0..<dataset.count {
            let length = if case .tokens(let tokens) = dataset.inputs { tokens.length(of: sample) } else { 0 }
            groups[length, default: []].append(sample)
        }
        var partners = Array(0..<dataset.count)
        for (length, samples) in groups {
            var order = samples
            var generator = SeededGenerator(seed: seed, purpose: "ablation resample", index: length)
            order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
            for (place, sample) in order.enumerated() { partners[sample] = order[(place + 1) % order.count] }
        }
        self.partners = partners
    }
}
