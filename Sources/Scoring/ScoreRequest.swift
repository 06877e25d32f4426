import Checkpoints
import Modularity

/// The request of `score` and `cluster`: the layers, the source of their clusters, the numbers of clusters, the size of the null model.
///
/// Only linear algebra runs here. The input of methods that read data comes from outside, through ``spectra``.
package struct ScoreRequest {
    /// Where the clusters come from.
    package enum Clusters {
        case given(GivenClusters)
        /// Found by clustering, for each number of clusters.
        case found(ClusteringOptions, counts: [ClusterCount])
    }

    /// The layers to score, in the model's order.
    package let layers: [Layer]
    package private(set) var clusters: Clusters
    /// The permutations of each layer's weights to compare with, 0 for none.
    package var nullSamples = 0
    /// Bounds the cores used; changes nothing else.
    package var threads = 1
    /// What a method that reads data clusters the layers by, asked for before the clustering begins: for layers, and the pairs of eigenvalues
    /// and vectors wanted of each.
    package var spectra: (([Layer], Int) throws -> [String: SimilaritySpectrum])?

    /// - Parameters:
    ///   - path: the checkpoint's.
    ///   - patterns: of the layers' names; none for the layers that have given clusters, for the routers where experts are the clusters, else
    ///     for those that the model's kind suggests.
    /// - Throws: ``Problem`` if a pattern names no layer, or experts are the clusters and a layer is no router.
    package init(_ catalog: LayerCatalog, path: String, patterns: [String] = [], clusters: Clusters) throws {
        if case .given(let given) = clusters, patterns.isEmpty {
            layers = try given.layers(matching: [], of: catalog, path: path)
        } else if case .found(let options, _) = clusters, options.method.clustersRouters {
            layers = try catalog.routers(matching: patterns, path: path)
        } else {
            layers = try catalog.layers(matching: patterns, path: path)
        }
        self.clusters = clusters
    }

    /// The same with what a method that reads data looks at computed; ``run(progress:)`` does it if it is missing.
    package func prepared() throws -> ScoreRequest {
        guard case .found(var options, let counts) = clusters, options.method.readsData, options.spectra.isEmpty, let spectra else {
            return self
        }
        options.spectra = try spectra(layers, counts.map(\.spectrumSize).max() ?? 1)
        var request = self
        request.clusters = .found(options, counts: counts)
        return request
    }

    /// The clusters of the layers and their scores, for each number of clusters.
    ///
    /// - Parameter progress: called with the fraction that is done, from any thread.
    /// - Throws: ``Problem``, what reading weights and ``spectra`` throw.
    package func run(progress: @escaping @Sendable (Double) -> Void = { _ in }) throws -> ModelAnalysis {
        let labels: LabelSource =
            switch try prepared().clusters {
            case .given(let given): .given(given.clusterings)
            case .found(let options, let counts): .clustering(options, counts: counts)
            }
        return try ModelAnalysis(WeightGraph(layers), labels: labels, nullSamples: nullSamples, threads: threads, progress: progress)
    }
}
