/// How the neurons of a layer are put into clusters.
public enum ClusteringMethod: String, Sendable, CaseIterable {
    /// Bipartite spectral graph clustering (Golechha et al.): k-means on each side's singular vectors.
    case bsgc
    /// Spectral co-clustering (Dhillon 2001): one k-means on both sides' scaled singular vectors, so that labels agree by construction.
    case cocluster
    /// Blocks of neighbouring neurons, as clusterability training lays them out.
    case contiguous
    /// Each side by the similarity of its neurons' gradients on data, the sides' clusters then paired (Golechha et al.); see ``SimilaritySpectrum``.
    case gradient
    /// One clustering of all layers' neurons by the normalised Laplacian of the whole graph (Filan et al.).
    case network
}

/// Whether the two sides' clusters are paired after two separate runs of k-means.
public enum SideAlignment: Sendable {
    /// In-clusters are renamed by the exact assignment that maximises the squared weight inside clusters.
    case aligned
    /// Each side keeps its own numbering, as in the published code: cluster c on one side has nothing to do with cluster c on the other.
    case unaligned
}

/// Where the clusters of a layer's in-neurons come from.
public enum LayerCoupling: Sendable {
    /// Every layer is clustered by itself.
    case independent
    /// The in-neurons of a layer keep the labels they have as out-neurons of the layer before.
    case chained
}

/// What to cluster by.
public struct ClusteringOptions: Sendable {
    public var method: ClusteringMethod
    public var alignment: SideAlignment
    public var coupling: LayerCoupling
    /// Runs of k-means, of which the best is kept.
    public var restarts: Int
    public var seed: UInt64
    /// What the gradient method clusters by, by layer; nothing for the others.
    public var spectra: [String: SimilaritySpectrum]

    public init(
        method: ClusteringMethod = .cocluster, alignment: SideAlignment = .aligned, coupling: LayerCoupling = .independent,
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

/// How many clusters to look for.
public enum ClusterCount: Sendable, Equatable {
    case fixed(Int)
    /// By the largest relative gap between singular values.
    case automatic
}

/// The clusters of one layer's two sides.
public struct LayerClustering: Sendable {
    /// The tensor's name.
    public let layer: String
    /// The number of clusters looked for; fewer may have neurons.
    public let clusterCount: Int
    public let outLabels: Labels
    public let inLabels: Labels
    /// The singular values behind the clusters, the trivial 1 first; empty where the method needs none. For the
    /// network method these are the eigenvalues of the whole graph's normalised adjacency, for the gradient method the geometric means of
    /// the two sides' eigenvalues.
    public let singularValues: [Double]

    public init(layer: String, clusterCount: Int, outLabels: Labels, inLabels: Labels, singularValues: [Double] = []) {
        self.layer = layer
        self.clusterCount = clusterCount
        self.outLabels = outLabels
        self.inLabels = inLabels
        self.singularValues = singularValues
    }
}
