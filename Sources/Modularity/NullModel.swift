import Tensors

/// The meaning of a score compared with the scores of the same weights shuffled (Filan et al., arXiv 2103.03386).
package struct NullModel: Sendable, Equatable {
    /// The number of permutations.
    package let samples: Int
    /// The mean of the scores of the permuted weights; nil if none is defined.
    package let mean: Double?
    /// Their standard deviation, with n - 1 below; nil for fewer than two.
    package let standardDeviation: Double?
    /// (observed - mean) / standard deviation; nil if that is 0 or undefined.
    package let z: Double?
    /// (1 + #{null >= observed}) / (N + 1).
    package let p: Double?

    /// - Parameters:
    ///   - observed: the score of the original weights.
    ///   - null: the scores of the permuted weights.
    package init(observed: Double?, null: [Double]) {
        samples = null.count
        guard !null.isEmpty else {
            mean = nil
            standardDeviation = nil
            z = nil
            p = nil
            return
        }
        let mean = null.reduce(0, +) / Double(null.count)
        self.mean = mean
        let squares = null.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let deviation = null.count > 1 ? (squares / Double(null.count - 1)).squareRoot() : nil
        standardDeviation = deviation
        if let observed {
            z = deviation.flatMap { $0 > 0 ? (observed - mean) / $0 : nil }
            p = Double(1 + null.count { $0 >= observed }) / Double(null.count + 1)
        } else {
            z = nil
            p = nil
        }
    }
}
