/// How many neurons each cluster of one clustering shares with each cluster of another, and which of them correspond.
package struct SharedNeurons: Sendable, Equatable {
    /// A row for each cluster of the first clustering, with a number for each of the second. Neurons that are in no cluster of either are
    /// not counted.
    package let counts: [[Int]]
    /// For each cluster of the first, the corresponding one of the second: of all one-to-one matchings, the one with the most shared neurons
    /// (that of ``ClusteringAgreement/matched``). nil for a cluster that shares no neuron with the one that is left for it.
    package let counterparts: [Int?]

    /// O(n + k^3).
    ///
    /// - Parameters:
    ///   - first: one label for each neuron, below `clusters.first`.
    ///   - second: as many, below `clusters.second`.
    package init(_ first: Labels, _ second: Labels, clusters: (first: Int, second: Int)) {
        precondition(first.count == second.count, "\(first.count) and \(second.count) labels")
        var counts = Array(repeating: [Int](repeating: 0, count: clusters.second), count: clusters.first)
        for (one, other) in zip(first.values, second.values) where one != Labels.none && other != Labels.none { counts[one][other] += 1 }
        let size = max(clusters.first, clusters.second)
        let gains = (0..<size).map { row in
            (0..<size).map { row < clusters.first && $0 < clusters.second ? Double(counts[row][$0]) : 0 }
        }
        let columns = size > 0 ? OptimalAssignment(maximizing: gains).columns : []
        self.counts = counts
        counterparts = (0..<clusters.first).map { row in
            columns[row] < clusters.second && counts[row][columns[row]] > 0 ? columns[row] : nil
        }
    }
}
