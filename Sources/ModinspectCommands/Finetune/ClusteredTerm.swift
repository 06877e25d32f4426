import Archives
import Checkpoints
import Evaluation
import Modularity
import Networks
import Text
import Training

/// Where a run's clusterability term comes from: the layers, and their clusters from a file or by a method.
struct ClusteredTerm {
    let lambda: Double
    let layers: [Layer]
    private let given: [String: LayerClustering]?
    private let method: ClusteringMethod
    private let count: ClusterCount
    private let seed: UInt64

    /// - Throws: errors of the clusters' file, of patterns that match nothing, of layers that the network does not read.
    init(_ options: ClusterabilityOptions, _ layers: some LayerChoice, _ model: LoadedModel, lambda: Double, seed: UInt64) throws {
        self.lambda = lambda
        self.seed = seed
        method = options.method ?? .cocluster
        count = options.clusterCount
        if let path = options.clusterFile {
            let file = try ClusterFile(path: path)
            given = try file.clusterings(for: model.catalog)
            self.layers = try model.clusteredLayers(file, layers, clusterings: given ?? [:])
        } else {
            given = nil
            self.layers = try layers.select(from: model.catalog, path: model.checkpoint.path)
        }
        for layer in self.layers where model.network.parameter(named: layer.name) == nil {
            throw Problem("the network does not read it", subject: "tensor '\(layer.name)'")
        }
    }

    /// What the term depends on, by option.
    var dependencies: [(option: String, dependency: Dependency)] {
        var parts: [(option: String, dependency: Dependency)] = [
            ("--lambda", .words("\(lambda)")), ("--layers", .words(layers.map(\.name).joined(separator: ","))),
        ]
        if let given {
            let labels = layers.map { layer in given[layer.name].map { "\($0.outLabels.values)\($0.inLabels.values)" } ?? "" }
            parts.append(("--clusters", .content([ByteRegion(copying: Array(labels.joined().utf8))])))
        } else {
            parts.append(("--method", .words(method.rawValue)))
            let number =
                switch count {
                case .automatic: "auto"
                case .fixed(let k): "\(k)"
                }
            parts.append(("-k", .words(number)))
        }
        return parts
    }

    /// The term for weights as they are now.
    ///
    /// - Throws: ``ModularityError`` for weights that cannot be clustered, what reading clusters threw.
    ///
    /// - Parameter data: what gradients are taken on, where the method asks for them.
    func term(_ trainer: Trainer, _ data: SampleBatches, threads: Int) throws -> ClusterabilityTerm {
        let clusterings = try given ?? found(trainer, data, threads: threads)
        return try ClusterabilityTerm(
            lambda: lambda,
            layers: layers.map { layer in
                guard let clustering = clusterings[layer.name] else { preconditionFailure("no clusters of '\(layer.name)'") }
                return (layer, clustering)
            }, network: trainer.network)
    }

    private func found(_ trainer: Trainer, _ data: SampleBatches, threads: Int) throws -> [String: LayerClustering] {
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
        let analysis = try ModelAnalysis(graph, labels: .clustering(options, counts: [count]), threads: threads)
        return (analysis.sweeps.first?.layers ?? []).reduce(into: [:]) { $0[$1.clustering.layer] = $1.clustering }
    }
}
