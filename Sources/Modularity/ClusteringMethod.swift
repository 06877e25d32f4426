/// How the neurons of a layer are put into clusters: the single list from which options, help and manual are made.
package enum ClusteringMethod: String, Sendable, CaseIterable {
    /// Spectral co-clustering (Dhillon 2001): labels of both sides agree by construction.
    case cocluster
    /// Bipartite spectral graph clustering (Golechha et al.).
    case bsgc
    /// As clusterability training lays clusters out.
    case contiguous
    /// Golechha et al.; see ``SimilaritySpectrum``.
    case gradient
    /// By the normalised Laplacian of the whole graph (Filan et al.).
    case network
    /// Hod et al.; see ``SimilaritySpectrum``.
    case activations
    /// As a mixture of experts is divided: the out-neurons of a router are the experts.
    case experts

    /// The method where none is named.
    package static let standard = ClusteringMethod.cocluster

    /// How the method works, in a sentence, for help and manual.
    package var documentation: String {
        switch self {
        case .cocluster: "One k-means on both sides' scaled singular vectors."
        case .bsgc:
            "k-means on each side's singular vectors; the clusters of the two sides are then paired by the exact assignment that puts the most squared weight inside clusters."
        case .contiguous: "Blocks of neighbouring neurons, equal shares of each side."
        case .gradient:
            "Each side by the similarity of its neurons' gradients on the given data; the clusters of the two sides are then paired as in bsgc."
        case .network: "One clustering of the neurons of all layers together."
        case .activations:
            "Each side by the squared correlation of its neurons' activations on the given data; the clusters of the two sides are then paired as in bsgc."
        case .experts:
            "The routers of mixtures of experts: each out-neuron is an expert and a cluster of its own; an in-neuron is in the cluster of the expert with its largest weight."
        }
    }

    /// Whether the method runs the model on data.
    package var readsData: Bool {
        switch self {
        case .gradient, .activations: true
        case .cocluster, .bsgc, .contiguous, .network, .experts: false
        }
    }

    /// Whether the method clusters the routers of mixtures of experts, and no other layer.
    package var clustersRouters: Bool {
        switch self {
        case .experts: true
        case .cocluster, .bsgc, .contiguous, .gradient, .network, .activations: false
        }
    }

    /// How a layer's two sides come to their numbers of clusters.
    enum Numbering: Sendable {
        /// Both sides are clustered together.
        case shared
        /// Each side is clustered separately, and the clusters are paired afterwards.
        case paired
        /// The order of the neurons gives the numbers.
        case ordered
    }

    var numbering: Numbering {
        switch self {
        case .cocluster, .network: .shared
        case .bsgc, .gradient, .activations: .paired
        case .contiguous, .experts: .ordered
        }
    }
}

/// Whether the two sides' clusters are paired after two separate runs of k-means.
package enum SideAlignment: Sendable {
    /// In-clusters are renamed by the exact assignment that maximises the squared weight inside clusters.
    case aligned
    /// Each side keeps its own numbering, as in the published code: cluster c on one side has nothing to do with cluster c on the other.
    case unaligned
}

/// Where the clusters of a layer's in-neurons come from.
package enum LayerCoupling: Sendable {
    /// Every layer is clustered separately.
    case independent
    /// The in-neurons of a layer keep the labels they have as out-neurons of the layer before.
    case chained
}

/// The settings of a clustering.
package struct ClusteringOptions: Sendable {
    package var method: ClusteringMethod
    package var alignment: SideAlignment
    package var coupling: LayerCoupling
    /// Runs of k-means, of which the best is kept.
    package var restarts: Int
    package var seed: UInt64
    /// The spectra that the methods that read data cluster, by layer; empty for other methods.
    package var spectra: [String: SimilaritySpectrum]

    package init(
        method: ClusteringMethod = .standard, alignment: SideAlignment = .aligned, coupling: LayerCoupling = .independent,
        restarts: Int = 10, seed: UInt64 = 0, spectra: [String: SimilaritySpectrum] = [:]
    ) {
        self.method = method
        self.alignment = alignment
        self.coupling = coupling
        self.restarts = restarts
        self.seed = seed
        self.spectra = spectra
    }
}

/// The number of clusters to find.
package enum ClusterCount: Sendable, Equatable {
    case fixed(Int)
    /// By the largest relative gap between singular values.
    case automatic
}

/// The clusters of one layer's two sides.
package struct LayerClustering: Sendable {
    /// The tensor's name.
    package let layer: String
    /// The requested number of clusters; some may be empty.
    package let clusterCount: Int
    package let outLabels: Labels
    package let inLabels: Labels
    /// The singular values from which the clusters were found, the trivial 1 first; empty if the method needs none. For the
    /// network method these are the eigenvalues of the whole graph's normalised adjacency, for the methods that read data the geometric
    /// means of the two sides' eigenvalues.
    package let singularValues: [Double]

    package init(layer: String, clusterCount: Int, outLabels: Labels, inLabels: Labels, singularValues: [Double] = []) {
        self.layer = layer
        self.clusterCount = clusterCount
        self.outLabels = outLabels
        self.inLabels = inLabels
        self.singularValues = singularValues
    }
}
