import Tensors

/// What a score means beside the scores of the same weights in random places (Filan et al., arXiv 2103.03386).
public struct NullModel: Sendable, Equatable {
    /// The number of permutations.
    public let samples: Int
    /// The mean of the scores of the permuted weights; nil where none is defined.
    public let mean: Double?
    /// Their standard deviation, with n - 1 below; nil for fewer than two.
    public let standardDeviation: Double?
    /// (observed - mean) / standard deviation; nil where that is 0 or undefined.
    public let z: Double?
    /// (1 + #{null >= observed}) / (N + 1).
    public let p: Double?

    /// - Parameters:
    ///   - observed: the score of the weights as they are.
    ///   - null: the scores of the permuted weights.
    public init(observed: Double?, null: [Double]) {
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
