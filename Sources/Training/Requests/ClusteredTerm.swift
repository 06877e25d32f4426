import Archives
import Checkpoints
import Evaluation
import Modularity
import Networks
import Scoring
import Text

/// Where a run's clusterability term comes from: the layers, and their clusters given or found by a method.
package struct ClusteredTerm {
    /// What decides the clusters.
    package enum Clusters {
        case given(GivenClusters)
        /// Found in the weights when the term begins.
        case found(ClusteringMethod, ClusterCount)
    }

    /// The inputs that determine the term, besides the seed.
    package enum Part: CaseIterable, Sendable {
        case lambda, layers, clusters, method, count
    }

    package let lambda: Double
    package let layers: [Layer]
    private let clusters: Clusters
    private let seed: UInt64

    /// A term that neither counts nor is a goal may have no layers, where nothing names them and the network reads none.
    ///
    /// - Parameters:
    ///   - patterns: of the layers' names; without any, the layers that have given clusters, otherwise the model's default layers.
    ///   - isGoal: whether the run ends at a clusterability.
    /// - Throws: errors of patterns that match nothing, of layers without given clusters, of layers that the network does not read.
    init(_ clusters: Clusters, patterns: [String], of model: LoadedModel, lambda: Double, isGoal: Bool = false, seed: UInt64) throws {
        self.lambda = lambda
        self.seed = seed
        self.clusters = clusters
        let path = model.checkpoint.path
        switch clusters {
        case .given(let given): layers = model.read(try given.layers(matching: patterns, of: model.catalog, path: path), patterns)
        case .found where lambda == 0 && patterns.isEmpty && !isGoal && model.catalog.unreadable.isEmpty:
            // Nothing is asked of the layers: there need be none.
            let found = (try? model.catalog.layers(matching: patterns, path: path)) ?? []
            layers = found.filter { model.network.parameter(named: $0.name) != nil }
        case .found: layers = model.read(try model.catalog.layers(matching: patterns, path: path), patterns)
        }
        for layer in layers where model.network.parameter(named: layer.name) == nil {
            throw Problem("the network does not read it", subject: "tensor '\(layer.name)'")
        }
    }

    /// What a part depends on; nil if it does not affect the clusters.
    package subscript(dependency part: Part) -> Dependency? {
        switch (part, clusters) {
        case (.lambda, _): return .words("\(lambda)")
        case (.layers, _): return .words(layers.map(\.name).joined(separator: ","))
        case (.clusters, .given(let given)):
            let labels = layers.map { "\(given[$0].outLabels.values)\(given[$0].inLabels.values)" }
            return .content([ByteRegion(copying: Array(labels.joined().utf8))])
        case (.method, .found(let method, _)): return .words(method.rawValue)
        case (.count, .found(_, .automatic)): return .words("auto")
        case (.count, .found(_, .fixed(let k))): return .words("\(k)")
        case (.clusters, .found), (.method, .given), (.count, .given): return nil
        }
    }

    /// The term for the current weights.
    ///
    /// - Parameter data: the data of the gradients, if the method needs them.
    /// - Throws: ``Problem`` for weights that cannot be clustered, what reading clusters threw.
    func term(_ trainer: Trainer, _ data: SampleBatches, threads: Int) throws -> ClusterabilityTerm {
        let clusterings: [String: LayerClustering]
        switch clusters {
        case .given(let given): clusterings = given.clusterings
        case .found(let method, let count): clusterings = try found(by: method, count, trainer, data, threads: threads)
        }
        return try ClusterabilityTerm(
            lambda: lambda,
            layers: layers.map { layer in
                guard let clustering = clusterings[layer.name] else { preconditionFailure("no clusters of '\(layer.name)'") }
                return (layer, clustering)
            }, network: trainer.network)
    }

    private func found(
        by method: ClusteringMethod, _ count: ClusterCount, _ trainer: Trainer, _ data: SampleBatches, threads: Int
    ) throws -> [String: LayerClustering] {
        guard !layers.isEmpty else { return [:] }
        let graph = WeightGraph(
            layers: layers.map { layer in
                guard let parameter = trainer.network.parameter(named: layer.name) else {
                    preconditionFailure("no parameter '\(layer.name)'")
                }
                let weights = layer.weights(of: trainer.parameters[parameter])
                return WeightGraph.Layer(name: layer.name, place: layer.place, weights: weights)
            })
        var options = ClusteringOptions(method: method, seed: seed)
        if method == .gradient {
            let similarity = try GradientSimilarity(
                data, batchSize: trainer.order.batchSize, layers: layers, parameters: trainer.parameters, threads: threads)
            options.spectra = try similarity.spectra(count: count.spectrumSize, seed: seed)
        }
        if method == .activations {
            let similarity = try ActivationSimilarity(data, layers: layers, parameters: trainer.parameters, threads: threads)
            options.spectra = try similarity.spectra(count: count.spectrumSize, seed: seed)
        }
        let analysis = try ModelAnalysis(graph, labels: .clustering(options, counts: [count]), threads: threads)
        return (analysis.sweeps.first?.layers ?? []).reduce(into: [:]) { $0[$1.clustering.layer] = $1.clustering }
    }
}
