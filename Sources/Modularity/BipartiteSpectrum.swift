import Tensors
import Text

/// The leading singular triplets of a layer's normalised weights D_U^-1/2 |W| D_V^-1/2, the known first one included.
package struct BipartiteSpectrum: Sendable {
    /// In descending order; the first is 1. Empty for a matrix of zeros.
    package let values: [Double]
    /// The degrees of the layer's neurons.
    let sums: AbsoluteSums
    /// The left vectors, one array of out-neurons' coordinates for each value.
    let left: [[Double]]
    /// The right vectors, likewise for the in-neurons.
    let right: [[Double]]
    /// The out-neurons that have weights.
    let connectedOut: [Int]
    /// The in-neurons that have weights.
    let connectedIn: [Int]

    /// - Parameters:
    ///   - name: of the layer, for errors.
    ///   - count: how many triplets, the first one included; fewer if the shorter side has fewer.
    /// - Throws: ``Problem`` for weights that are not finite, and if the iteration does not converge.
    package init(of weights: WeightMatrix, name: String, count: Int, generator: SeededGenerator, threads: Int) throws {
        try self.init(of: .held(weights), name: name, count: count, generator: generator, threads: threads)
    }

    init(of weights: LayerWeights, name: String, count: Int, generator: SeededGenerator, threads: Int) throws {
        let sums = try Self.finiteSums(of: weights.matrix(), name: name, threads: threads)
        self.sums = sums
        connectedOut = sums.rows.indices.filter { sums.rows[$0] > 0 }
        connectedIn = sums.columns.indices.filter { sums.columns[$0] > 0 }
        guard !connectedOut.isEmpty else {
            values = []
            left = []
            right = []
            return
        }
        let normalized = weights.normalized(by: sums)
        var generator = generator
        let further = min(count, min(normalized.rows, normalized.columns)) - 1
        let svd = try TruncatedSVD(of: normalized, count: max(further, 0), generator: &generator, threads: threads)
        let trivial = normalized.trivialVectors
        // The known triplet is the largest: rounding must not say otherwise of its equals.
        values = [1] + svd.values.map { min($0, 1) }
        left = [trivial.left] + (0..<svd.values.count).map { svd.left.withRow($0) { Array($0) } }
        right = [trivial.right] + (0..<svd.values.count).map { svd.right.withRow($0) { Array($0) } }
    }

    /// The degrees, after making sure that every weight is a finite number.
    static func finiteSums(of weights: WeightMatrix, name: String, threads: Int) throws -> AbsoluteSums {
        let sums = try weights.absoluteSums(threads: threads)
        guard sums.rows.allSatisfy(\.isFinite) else {
            var nan = 0
            var infinite = 0
            weights.forEachRow { _, row in
                for value in row {
                    if value.isNaN { nan += 1 } else if value.isInfinite { infinite += 1 }
                }
            }
            throw Problem.nonFinite(layer: name, nan: nan, infinite: infinite)
        }
        return sums
    }

    /// The points of the out-neurons for bipartite spectral graph clustering: the rows of the `count` leading left vectors.
    func outPoints(_ count: Int) -> PointSet {
        PointSet(coordinates: left.prefix(count).map { vector in connectedOut.map { vector[$0] } }, count: connectedOut.count)
    }

    /// The points of the in-neurons, likewise.
    func inPoints(_ count: Int) -> PointSet {
        PointSet(coordinates: right.prefix(count).map { vector in connectedIn.map { vector[$0] } }, count: connectedIn.count)
    }

    /// Both sides' points for co-clustering (Dhillon 2001): vectors 2 to `count`, scaled by D^-1/2, out-neurons first.
    func stackedPoints(_ count: Int) -> PointSet {
        let used = max(min(count, values.count) - 1, 0)
        let coordinates = (0..<used).map { d in
            connectedOut.map { left[d + 1][$0] / sums.rows[$0].squareRoot() }
                + connectedIn.map { right[d + 1][$0] / sums.columns[$0].squareRoot() }
        }
        return PointSet(coordinates: coordinates, count: connectedOut.count + connectedIn.count)
    }
}

/// The number of clusters that the gaps between singular values suggest.
package enum Eigengap {
    /// The numbers of clusters that are considered.
    package static let candidates = 2...16
    /// How many singular values that requires, including the trivial one.
    package static let valuesNeeded = 17

    /// The k in ``candidates`` with the largest sigma_k / sigma_{k+1}, the smallest on ties.
    ///
    /// - Parameter values: in descending order, the trivial one first. Values below 10^-6 count as that: what follows them is rounding.
    /// - Returns: nil if there are too few values for any choice.
    package static func clusterCount(_ values: [Double]) -> Int? {
        var best: (count: Int, ratio: Double)?
        for count in candidates where count < values.count {
            let ratio = max(values[count - 1], 1e-6) / max(values[count], 1e-6)
            if best == nil || ratio > best!.ratio { best = (count, ratio) }
        }
        return best?.count
    }
}
