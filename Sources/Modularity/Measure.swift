/// The measures of how far a layer's weights stay inside its clusters: the single list for reports, tables, thresholds, help and manual.
///
/// With W [out, in], u the labels of the out-neurons and v those of the in-neurons. A neuron in no cluster counts in the totals and never
/// as inside. Every measure is nil if it is undefined: all of them for a matrix of zeros.
package enum Measure: String, Sendable, CaseIterable {
    /// C = sum_ij W_ij^2 [u_i = v_j] / sum_ij W_ij^2.
    case clusterability
    /// sum_c r_c s_c with r_c (s_c) the share of sum W^2 in the rows (columns) of cluster c.
    case chance
    /// (C - chance) / (1 - chance); nil if one cluster holds everything.
    case adjusted
    /// sum_c (vol(c) - within(c)) / vol(c) on the bipartite graph of |W|; at most the number of clusters.
    case ncut
    /// C - chance, Barber's bipartite modularity on the squared weights.
    case modularity

    /// Which values mean more modular weights.
    package enum Direction: Sendable {
        case higherIsBetter, lowerIsBetter
    }

    /// Which values mean more modular weights.
    package var direction: Direction {
        switch self {
        case .clusterability, .adjusted, .modularity: .higherIsBetter
        // Of two clusterings with the same clusterability, the one that chance explains less is better.
        case .chance, .ncut: .lowerIsBetter
        }
    }

    /// The documentation of the measure for help and manual, one or two sentences.
    package var documentation: String {
        switch self {
        case .clusterability: "The share of the squared weight that connects neurons of the same cluster."
        case .chance: "The clusterability expected of clusters that are independent of the weights."
        case .adjusted:
            "The difference between clusterability and chance divided by its largest possible value: 0 for no structure and 1 for disjoint blocks."
        case .ncut: "The sum over the clusters of the share of a cluster's weight that leaves it."
        case .modularity: "The difference between clusterability and chance."
        }
    }

    /// The measure of a layer from the sums over its blocks; nil if it is undefined.
    func value(of sums: LabelledSums) -> Double? {
        guard sums.total > 0 else { return nil }
        switch self {
        case .clusterability: return sums.insideShare
        case .chance: return sums.expectedShare
        case .adjusted: return sums.isOneCluster ? nil : sums.adjustedShare
        case .ncut: return sums.cut
        case .modularity: return sums.insideShare - sums.expectedShare
        }
    }
}
