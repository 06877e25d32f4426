import Tensors
import Text

/// Clusters the neurons of all layers at once (Filan et al., arXiv 2103.03386, section 2).
///
/// One graph over the neurons of successive layers, edge weights |W|; the leading k eigenvectors of the symmetric normalised
/// Laplacian, rows scaled to unit length, k-means. The clusters are the same for a neuron as output of one layer and as input of the next.
package struct NetworkClusterer: Sendable {
    let options: ClusteringOptions
    let threads: Int
    var repetition = 0

    /// The clusters of the whole network.
    package struct Result: Sendable {
        /// One for each layer.
        package let layers: [LayerClustering]
        /// sum_c (vol(c) - within(c)) / vol(c) over the graph of all layers; nil for a graph without weights.
        package let ncut: Double?
    }

    /// - Parameter layers: in order, each fed by the one before.
    /// - Throws: ``Problem`` if the layers do not follow each other or have weights that are not finite.
    func cluster(_ layers: [(name: String, weights: WeightMatrix)], counts: [ClusterCount]) throws -> [Result] {
        guard !layers.isEmpty else { throw Problem.noLayers }
        var fanOuts: [Int] = [1]
        for (index, layer) in layers.enumerated() {
            _ = try BipartiteSpectrum.finiteSums(of: layer.weights, name: layer.name, threads: threads)
            guard index > 0 else { continue }
            let previous = layers[index - 1]
            fanOuts.append(
                try WeightGraph.fanOut(
                    from: WeightGraph.Layer(name: previous.name, place: index - 1, weights: previous.weights),
                    to: WeightGraph.Layer(name: layer.name, place: index, weights: layer.weights)))
        }
        let graph = try ScaledLayerGraph(layers: layers.map(\.weights))
        let needed = counts.map(\.spectrumSize).max() ?? 1
        var generator = SeededGenerator(seed: options.seed, purpose: "network start", index: repetition)
        let (values, vectors) = try graph.leadingEigenpairs(count: needed, generator: &generator)
        return try counts.map { wanted in
            let count: Int
            switch wanted {
            case .fixed(let k): count = k
            case .automatic: count = Eigengap.clusterCount(values) ?? max(1, min(2, values.count))
            }
            let labels = try self.labels(graph, vectors, count)
            var results: [LayerClustering] = []
            for (index, layer) in layers.enumerated() {
                let into = Labels(
                    (0..<layer.weights.columns).map { labels[graph.offsets[index] + $0 / fanOuts[index]] })
                let out = Labels((0..<layer.weights.rows).map { labels[graph.offsets[index + 1] + $0] })
                results.append(
                    LayerClustering(layer: layer.name, clusterCount: count, outLabels: out, inLabels: into, singularValues: values))
            }
            return Result(layers: results, ncut: try Self.ncut(layers, results))
        }
    }

    private func labels(_ graph: ScaledLayerGraph, _ vectors: [[Double]], _ count: Int) throws -> Labels {
        let connected = (0..<graph.size).filter { graph.degrees[$0] > 0 }
        let used = Array(vectors.prefix(count))
        let lengths = connected.map { node in used.reduce(0) { $0 + $1[node] * $1[node] }.squareRoot() }
        let points = PointSet(
            coordinates: used.map { vector in
                zip(connected, lengths).map { node, length in length > 0 ? vector[node] / length : 0 }
            }, count: connected.count)
        let means = try KMeans(
            points, clusterCount: count, restarts: options.restarts,
            generator: SeededGenerator(seed: options.seed, purpose: "network clusters", index: repetition), threads: threads)
        var values = [Int](repeating: Labels.none, count: graph.size)
        for (node, label) in zip(connected, means.labels) { values[node] = label }
        let labels = Labels(values)
        return labels.renamed(Labels.namesByAppearance(labels, clusters: count))
    }

    /// The n-cut of the graph of all layers. A neuron's volume counts its edges to both sides.
    static func ncut(_ layers: [(name: String, weights: WeightMatrix)], _ clusterings: [LayerClustering]) throws -> Double? {
        let clusters = clusterings.map { max($0.outLabels.clusterCount, $0.inLabels.clusterCount) }.max() ?? 0
        var volumes = [Double](repeating: 0, count: clusters)
        var within = [Double](repeating: 0, count: clusters)
        var total = 0.0
        for (layer, clustering) in zip(layers, clusterings) {
            let sums = try LabelledSums(layer.weights, outLabels: clustering.outLabels, inLabels: clustering.inLabels, threads: 1)
            total += sums.absolutes.reduce(0, +)
            for cluster in 0..<sums.clusters {
                guard cluster < clusters else { continue }
                volumes[cluster] += sums.rowTotal(sums.absolutes, cluster) + sums.columnTotal(sums.absolutes, cluster)
                within[cluster] += 2 * sums.absolutes[cluster * sums.groups + cluster]
            }
        }
        guard total > 0 else { return nil }
        return (0..<clusters).reduce(0) { $0 + (volumes[$1] > 0 ? (volumes[$1] - within[$1]) / volumes[$1] : 0) }
    }
}
