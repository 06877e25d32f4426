import Tensors

/// How far a layer's weights stay inside given clusters (Golechha et al., arXiv 2502.02470; Filan et al., arXiv 2103.03386): every
/// ``Measure``, nil if it is undefined.
package struct Clusterability: Sendable, Equatable {
    private let values: [Double?]

    package subscript(measure: Measure) -> Double? {
        zip(Measure.allCases, values).first { $0.0 == measure }?.1
    }

    /// What the null model and the notes are about.
    package var clusterability: Double? { self[.clusterability] }

    /// - Parameters:
    ///   - outLabels: one for each row.
    ///   - inLabels: one for each column.
    package init(of weights: WeightMatrix, outLabels: Labels, inLabels: Labels, threads: Int = 1) throws {
        let sums = try LabelledSums(weights, outLabels: outLabels, inLabels: inLabels, threads: threads)
        self.init(sums)
    }

    init(_ sums: LabelledSums) { values = Measure.allCases.map { $0.value(of: sums) } }
}

/// Sums of W^2 and |W| over the blocks of a labelling, with one more group on either side for the neurons in no cluster.
struct LabelledSums {
    let clusters: Int
    let groups: Int
    let squares: [Double]
    let absolutes: [Double]
    /// The sum of W^2.
    let total: Double

    init(_ weights: WeightMatrix, outLabels: Labels, inLabels: Labels, threads: Int) throws {
        clusters = max(outLabels.clusterCount, inLabels.clusterCount, 1)
        let unlabelled = clusters
        groups = clusters + 1
        let sums = try weights.blockSums(
            rowGroups: outLabels.values.map { $0 < 0 ? unlabelled : $0 },
            columnGroups: inLabels.values.map { $0 < 0 ? unlabelled : $0 }, groups: groups, threads: threads)
        squares = sums.squares
        absolutes = sums.absolutes
        total = squares.reduce(0, +)
    }

    /// The share of W^2 inside clusters.
    var insideShare: Double {
        (0..<clusters).reduce(0) { $0 + squares[$1 * groups + $1] } / total
    }

    /// The share of W^2 that would be inside clusters if the labels knew nothing of the weights.
    var expectedShare: Double {
        (0..<clusters).reduce(0) { $0 + rowTotal(squares, $1) / total * (columnTotal(squares, $1) / total) }
    }

    /// The share inside clusters beyond what is expected, over the most that it could be.
    var adjustedShare: Double {
        let expected = expectedShare
        if expected < 1 { return (insideShare - expected) / (1 - expected) }
        // One cluster holds all but a rounding error: 1 - (1 - inside) / (1 - expected), with each difference computed as the sum that it equals.
        let rows = (0..<groups).map { rowTotal(squares, $0) / total }
        let columns = (0..<groups).map { columnTotal(squares, $0) / total }
        var (outside, expectedOutside) = (0.0, 0.0)
        for row in 0..<groups {
            for column in 0..<groups where row != column || row >= clusters {
                outside += squares[row * groups + column] / total
                expectedOutside += rows[row] * columns[column]
            }
        }
        return 1 - outside / expectedOutside
    }

    /// The share of each cluster's |W| that leaves it, summed.
    var cut: Double {
        (0..<clusters).reduce(0) { cut, cluster in
            let volume = rowTotal(absolutes, cluster) + columnTotal(absolutes, cluster)
            return volume > 0 ? cut + (volume - 2 * absolutes[cluster * groups + cluster]) / volume : cut
        }
    }

    /// Whether all weight is inside one cluster: all other blocks are zeros. This is exact, whereas the shares are rounded.
    var isOneCluster: Bool {
        (0..<clusters).contains { cluster in
            squares.indices.allSatisfy { $0 == cluster * groups + cluster || squares[$0] == 0 }
        }
    }

    func rowTotal(_ sums: [Double], _ cluster: Int) -> Double {
        (0..<groups).reduce(0) { $0 + sums[cluster * groups + $1] }
    }

    func columnTotal(_ sums: [Double], _ cluster: Int) -> Double {
        (0..<groups).reduce(0) { $0 + sums[$1 * groups + cluster] }
    }

    /// The gains of pairing out-cluster i with in-cluster j: sums of W^2, [clusters][clusters].
    var pairingGains: [[Double]] {
        (0..<clusters).map { i in (0..<clusters).map { squares[i * groups + $0] } }
    }
}
