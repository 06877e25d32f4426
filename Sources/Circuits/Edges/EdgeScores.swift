import Tensors

/// How far the metric moves without each edge, computed exactly or estimated.
package struct EdgeScores: Sendable {
    /// The mean over the pairs, by edge.
    package let means: [Double]
    /// For each pair the score of each edge, if they were requested.
    package let byPair: [[Float]]?

    init(means: [Double], byPair: [[Float]]? = nil) {
        self.means = means
        self.byPair = byPair
    }

    /// The means over pairs that may come more than once or not at all; nil if the pairs' own scores were not kept.
    package func mean(over pairs: [Int]) -> [Double]? {
        guard let byPair, !pairs.isEmpty else { return nil }
        var sums = [Double](repeating: 0, count: means.count)
        for pair in pairs {
            for (edge, score) in byPair[pair].enumerated() { sums[edge] += Double(score) }
        }
        return sums.map { $0 / Double(pairs.count) }
    }

    /// The edges in descending order of the magnitude of their scores; equal ones in the order of a run.
    package static func ranking(_ scores: [Double]) -> [Int] {
        scores.indices.sorted { first, second in
            let (a, b) = (abs(scores[first]), abs(scores[second]))
            return a == b ? first < second : a > b
        }
    }
}

/// Sums scores pair by pair, batch by batch.
struct EdgeScoreSums {
    private var sums: [Double]
    private var byPair: [[Float]]?
    private let pairs: Int

    /// - Parameter keepsPairs: whether each pair's scores are kept.
    init(edges: Int, pairs: Int, keepsPairs: Bool) {
        sums = [Double](repeating: 0, count: edges)
        byPair = keepsPairs ? [[Float]](repeating: [Float](repeating: 0, count: edges), count: pairs) : nil
        self.pairs = pairs
    }

    mutating func add(_ value: Double, edge: Int, pair: Int) {
        sums[edge] += value
        byPair?[pair][edge] += Float(value)
    }

    var scores: EdgeScores { EdgeScores(means: sums.map { $0 / Double(max(pairs, 1)) }, byPair: byPair) }
}
