import Tensors

/// How far a layer's weights stay inside given clusters (Golechha et al., arXiv 2502.02470; Filan et al., arXiv 2103.03386).
///
/// With W [out, in], u the labels of the out-neurons and v those of the in-neurons. Every measure is nil where it is
/// undefined. A neuron in no cluster counts in the totals and never as inside.
package struct Clusterability: Sendable, Equatable {
    /// C = sum_ij W_ij^2 [u_i = v_j] / sum_ij W_ij^2; nil for a matrix of zeros.
    package let clusterability: Double?
    /// sum_c r_c s_c with r_c (s_c) the share of sum W^2 in the rows (columns) of cluster c: what C would be if the labels knew nothing of W.
    package let chance: Double?
    /// C - chance, Barber's bipartite modularity on the squared weights.
    package let modularity: Double?
    /// (C - chance) / (1 - chance): 0 for no structure, 1 for disjoint blocks; nil where one cluster holds everything.
    package let adjusted: Double?
    /// sum_c (vol(c) - within(c)) / vol(c) on the bipartite graph of |W|: 0 for disjoint blocks, at most the number of clusters.
    package let ncut: Double?

    /// - Parameters:
    ///   - outLabels: one for each row.
    ///   - inLabels: one for each column.
    package init(of weights: WeightMatrix, outLabels: Labels, inLabels: Labels, threads: Int = 1) throws {
        let sums = try LabelledSums(weights, outLabels: outLabels, inLabels: inLabels, threads: threads)
        self.init(sums)
    }

    init(_ sums: LabelledSums) {
        let total = sums.total(sums.squares)
        guard total > 0 else {
            clusterability = nil
            chance = nil
            modularity = nil
            adjusted = nil
            ncut = nil
            return
        }
        var inside = 0.0
        var chance = 0.0
        var cut = 0.0
        var isOneCluster = false
        for cluster in 0..<sums.clusters {
            inside += sums.squares[cluster * sums.groups + cluster]
            let rowShare = sums.rowTotal(sums.squares, cluster) / total
            let columnShare = sums.columnTotal(sums.squares, cluster) / total
            chance += rowShare * columnShare
            // All other blocks of zeros: exact, where the shares may round.
            if sums.isEverything(cluster) { isOneCluster = true }
            let volume = sums.rowTotal(sums.absolutes, cluster) + sums.columnTotal(sums.absolutes, cluster)
            let within = 2 * sums.absolutes[cluster * sums.groups + cluster]
            if volume > 0 { cut += (volume - within) / volume }
        }
        let value = inside / total
        clusterability = value
        self.chance = chance
        modularity = value - chance
        adjusted = isOneCluster ? nil : (value - chance) / (1 - chance)
        ncut = cut
    }
}

/// Sums of W^2 and |W| over the blocks of a labelling, with one more group on either side for the neurons in no cluster.
struct LabelledSums {
    let clusters: Int
    let groups: Int
    let squares: [Double]
    let absolutes: [Double]

    init(_ weights: WeightMatrix, outLabels: Labels, inLabels: Labels, threads: Int) throws {
        clusters = max(outLabels.clusterCount, inLabels.clusterCount, 1)
        let unlabelled = clusters
        groups = clusters + 1
        let sums = try weights.blockSums(
            rowGroups: outLabels.values.map { $0 < 0 ? unlabelled : $0 },
            columnGroups: inLabels.values.map { $0 < 0 ? unlabelled : $0 }, groups: groups, threads: threads)
        squares = sums.squares
        absolutes = sums.absolutes
    }

    func total(_ sums: [Double]) -> Double { sums.reduce(0, +) }

    func rowTotal(_ sums: [Double], _ cluster: Int) -> Double {
        (0..<groups).reduce(0) { $0 + sums[cluster * groups + $1] }
    }

    func columnTotal(_ sums: [Double], _ cluster: Int) -> Double {
        (0..<groups).reduce(0) { $0 + sums[$1 * groups + cluster] }
    }

    /// Whether all weight lies inside one cluster.
    func isEverything(_ cluster: Int) -> Bool {
        squares.indices.allSatisfy { $0 == cluster * groups + cluster || squares[$0] == 0 }
    }

    /// The gains of pairing out-cluster i with in-cluster j: sums of W^2, [clusters][clusters].
    var pairingGains: [[Double]] {
        (0..<clusters).map { i in (0..<clusters).map { squares[i * groups + $0] } }
    }
}
