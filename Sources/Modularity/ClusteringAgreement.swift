import Glibc

/// How far two clusterings of the same neurons agree, however the clusters are numbered.
///
/// A neuron that is in no cluster of either clustering is left out. Every measure is nil if no neuron is left, and 1 if both
/// put all neurons into one cluster. The definitions are scikit-learn's (`adjusted_rand_score`, `normalized_mutual_info_score`).
package struct ClusteringAgreement: Sendable, Equatable {
    /// The neurons that are in a cluster in both clusterings.
    package let neuronCount: Int
    /// The neurons that are in no cluster in at least one of them.
    package let unclusteredCount: Int
    /// The Rand index adjusted for chance (Hubert and Arabie 1985): 1 for equal clusterings, about 0 for unrelated ones, negative below.
    package let adjustedRand: Double?
    /// The mutual information divided by the arithmetic mean of the two entropies: from 0 for unrelated clusterings to 1 for equal ones.
    package let normalizedMutualInformation: Double?
    /// The share of neurons whose clusters correspond under the best one-to-one matching of the clusters.
    package let matched: Double?

    /// - Parameters:
    ///   - first: one label for each neuron.
    ///   - second: as many.
    package init(_ first: Labels, _ second: Labels) {
        precondition(first.count == second.count, "\(first.count) and \(second.count) labels")
        let table = ContingencyTable(first, second)
        neuronCount = table.total
        unclusteredCount = first.count - table.total
        guard table.total > 0 else {
            adjustedRand = nil
            normalizedMutualInformation = nil
            matched = nil
            return
        }
        adjustedRand = table.adjustedRand
        normalizedMutualInformation = table.normalizedMutualInformation
        matched = Double(table.largestMatching) / Double(table.total)
    }
}

/// How many neurons each cluster of one clustering shares with each of another.
private struct ContingencyTable {
    struct Cell {
        let row: Int
        let column: Int
        var count: Int
    }

    /// The cells that are not 0, by row, then column.
    let cells: [Cell]
    let rowTotals: [Int]
    let columnTotals: [Int]
    let total: Int

    init(_ first: Labels, _ second: Labels) {
        // Clusters without neurons do not count: the table has those that occur.
        let kept = zip(first.values, second.values).filter { $0 != Labels.none && $1 != Labels.none }
        func places(_ labels: [Int]) -> [Int: Int] {
            Dictionary(uniqueKeysWithValues: Set(labels).sorted().enumerated().map { ($1, $0) })
        }
        let (rows, columns) = (places(kept.map(\.0)), places(kept.map(\.1)))
        var rowTotals = [Int](repeating: 0, count: rows.count)
        var columnTotals = [Int](repeating: 0, count: columns.count)
        var counts: [Int: Int] = [:]
        for (one, other) in kept {
            guard let row = rows[one], let column = columns[other] else { continue }
            rowTotals[row] += 1
            columnTotals[column] += 1
            counts[row * columns.count + column, default: 0] += 1
        }
        cells = counts.sorted { $0.key < $1.key }.map { Cell(row: $0.key / columns.count, column: $0.key % columns.count, count: $0.value) }
        self.rowTotals = rowTotals
        self.columnTotals = columnTotals
        total = kept.count
    }

    /// From the ordered pairs of neurons that share a cluster in both, in one, in none.
    var adjustedRand: Double {
        let squares = cells.reduce(0) { $0 + $1.count * $1.count }
        let both = squares - total
        let onlyFirst = rowTotals.reduce(0) { $0 + $1 * $1 } - squares
        let onlySecond = columnTotals.reduce(0) { $0 + $1 * $1 } - squares
        if onlyFirst == 0, onlySecond == 0 { return 1 }
        let neither = total * total - onlyFirst - onlySecond - squares
        // Products of pairs leave the integers.
        let (tp, fn, fp, tn) = (Double(both), Double(onlyFirst), Double(onlySecond), Double(neither))
        return 2 * (tp * tn - fn * fp) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn))
    }

    var normalizedMutualInformation: Double {
        // Two single clusters, which have no entropy, and equal clusterings, exactly.
        if cells.count == rowTotals.count, cells.count == columnTotals.count { return 1 }
        let n = Double(total)
        let information = cells.reduce(0.0) { sum, cell in
            let expected = Double(rowTotals[cell.row]) * Double(columnTotals[cell.column])
            return sum + Double(cell.count) / n * log(Double(cell.count) * n / expected)
        }
        // Independent clusterings give 0 except for rounding.
        guard information > 1e-15 else { return 0 }
        func entropy(_ totals: [Int]) -> Double { totals.reduce(0.0) { $0 - Double($1) / n * log(Double($1) / n) } }
        return min(1, information / ((entropy(rowTotals) + entropy(columnTotals)) / 2))
    }

    /// The neurons in corresponding clusters under the best one-to-one matching.
    var largestMatching: Int {
        LargestMatching(
            rows: rowTotals.count, columns: columnTotals.count,
            cells: cells.map { LargestMatching.Cell(row: $0.row, column: $0.column, count: $0.count) }
        ).total
    }
}
