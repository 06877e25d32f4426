import Tensors
import Text

/// Where the labels of a model's layers come from.
package enum LabelSource: Sendable {
    /// They are found by clustering, for each number of clusters.
    case clustering(ClusteringOptions, counts: [ClusterCount])
    /// They are given, by layer.
    case given([String: LayerClustering])
}

/// The clusters and measures of all layers of a model, for each requested number of clusters, with their null models.
package struct ModelAnalysis: Sendable {
    /// One layer's result for one number of clusters.
    package struct Layer: Sendable {
        package let clustering: LayerClustering
        package let measures: Clusterability
        /// Nil if none was requested.
        package let null: NullModel?
    }

    /// All layers for one number of clusters.
    package struct Sweep: Sendable {
        /// What was requested; nil for given labels.
        package let requested: ClusterCount?
        package let layers: [Layer]
        /// The n-cut of the whole network's graph, for the network method.
        package let networkCut: Double?
        /// The null model of the mean clusterability; nil if none was requested.
        package let null: NullModel?

        /// The mean of a measure over the layers where it is defined; nil if it is for none.
        package func mean(_ measure: (Clusterability) -> Double?) -> Double? {
            let values = layers.compactMap { measure($0.measures) }
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
    }

    package let sweeps: [Sweep]

    /// Layers up to this many weights are worked on side by side; larger ones one after the other, each on all threads.
    static let largestSideBySide = 1 << 24

    /// - Parameters:
    ///   - nullSamples: how many permutations of each layer's weights to score, 0 for none.
    ///   - threads: bounds the cores used; changes nothing else.
    ///   - progress: called occasionally with the fraction that is done, from any thread.
    /// - Throws: ``Problem``, what reading weights throws.
    package init(
        _ graph: WeightGraph, labels: LabelSource, nullSamples: Int = 0, threads: Int,
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws {
        guard !graph.layers.isEmpty else { throw Problem.noLayers }
        let runner = AnalysisRunner(graph: graph, labels: labels, threads: threads)
        let observed = try runner.run(repetition: 0, threads: threads) { progress($0 / Double(1 + nullSamples)) }
        guard nullSamples > 0 else {
            sweeps = observed
            return
        }
        let counter = ProgressCounter(total: nullSamples)
        let null = try runner.nullScores(of: observed, samples: nullSamples) {
            progress((1 + counter.advance() * Double(nullSamples)) / Double(1 + nullSamples))
        }
        sweeps = observed.enumerated().map { index, sweep in
            let layers = sweep.layers.enumerated().map { position, layer in
                Layer(
                    clustering: layer.clustering, measures: layer.measures,
                    null: NullModel(
                        observed: layer.measures.clusterability, null: null.compactMap { $0[index].scores[position] }))
            }
            return Sweep(
                requested: sweep.requested, layers: layers, networkCut: sweep.networkCut,
                null: NullModel(observed: sweep.mean(\.clusterability), null: null.compactMap { $0[index].mean }))
        }
    }
}

/// Runs the clustering and the measures of a graph, unchanged or with its weights permuted.
struct AnalysisRunner: Sendable {
    let graph: WeightGraph
    let labels: LabelSource
    let threads: Int
    /// The numbers of clusters that automatic choices have settled on, by layer.
    var settled: [String: [ClusterCount]] = [:]

    /// The clusterability of each layer under one permutation, and their mean.
    struct NullScores: Sendable {
        let scores: [Double?]
        var mean: Double? {
            let defined = scores.compactMap { $0 }
            return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
        }
    }

    /// - Parameter repetition: 0 for the original weights, i for their i-th permutation.
    func run(repetition: Int, threads: Int, progress: @escaping @Sendable (Double) -> Void = { _ in }) throws -> [ModelAnalysis.Sweep] {
        switch labels {
        case .given(let clusterings):
            let layers = try eachLayer(threads, progress) { layer, inner in
                guard let clustering = clusterings[layer.name] else { throw Problem.missingLabels(layer: layer.name) }
                let weights = try self.weights(layer, repetition)
                try Self.check(clustering, weights)
                _ = try BipartiteSpectrum.finiteSums(of: weights, name: layer.name, threads: inner)
                return [try measured(clustering, weights, inner)]
            }
            return [ModelAnalysis.Sweep(requested: nil, layers: layers.map { $0[0] }, networkCut: nil, null: nil)]
        case .clustering(let options, let requested):
            let perLayer: [[ModelAnalysis.Layer]]
            // Layers that share their clusters share their number.
            let counts =
                options.method == .network || options.coupling == .chained
                ? graph.layers.first.flatMap { settled[$0.name] } ?? requested : requested
            var cuts = [Double?](repeating: nil, count: counts.count)
            switch (options.method, options.coupling) {
            case (.network, _):
                (perLayer, cuts) = try network(options, counts, repetition, threads)
            case (_, .independent):
                perLayer = try eachLayer(threads, progress) { layer, inner in
                    let clusterer = LayerClusterer(options: options, threads: inner, repetition: repetition)
                    let counts = settled[layer.name] ?? counts
                    return try clusterer.cluster(layerWeights(layer, repetition), of: layer, counts: counts) { try measured($0, $1, inner) }
                }
            case (_, .chained):
                perLayer = try chain(options, counts, repetition, threads)
            }
            return counts.indices.map { index in
                ModelAnalysis.Sweep(
                    requested: requested[index], layers: perLayer.map { $0[index] }, networkCut: cuts[index], null: nil)
            }
        }
    }

    /// The scores of permuted weights, for each sample and sweep, with the numbers of clusters of the observed ones.
    func nullScores(of observed: [ModelAnalysis.Sweep], samples: Int, done: @escaping @Sendable () -> Void) throws -> [[NullScores]] {
        // Several permutations at a time only while their matrices are small.
        let isSmall = graph.layers.allSatisfy { $0.rows * $0.columns <= ModelAnalysis.largestSideBySide }
        var settled: [String: [ClusterCount]] = [:]
        for (position, layer) in graph.layers.enumerated() {
            settled[layer.name] = observed.map { .fixed($0.layers[position].clustering.clusterCount) }
        }
        let runner = AnalysisRunner(graph: isSmall ? try inMemory() : graph, labels: labels, threads: threads, settled: settled)
        return try Parallel.map(count: samples, threads: isSmall ? threads : 1) { sample in
            let sweeps = try runner.run(repetition: sample + 1, threads: isSmall ? 1 : threads)
            done()
            return sweeps.map { NullScores(scores: $0.layers.map(\.measures.clusterability)) }
        }
    }

    /// The graph with its weights read, if that is little.
    private func inMemory() throws -> WeightGraph {
        let weights = graph.layers.reduce(0) { $0 + $1.rows * $1.columns }
        guard weights <= ModelAnalysis.largestSideBySide else { return graph }
        return WeightGraph(layers: try graph.layers.map { WeightGraph.Layer(name: $0.name, place: $0.place, weights: try $0.weights()) })
    }

    /// The weights in the scale that the measures can square, permuted for a repetition of the null model.
    private func weights(_ layer: WeightGraph.Layer, _ repetition: Int) throws -> WeightMatrix {
        try permuted(layer.weights().inRange, layer, repetition)
    }

    /// The weights as they are worked on: large ones leave memory in between, as long as they are those of the file.
    private func layerWeights(_ layer: WeightGraph.Layer, _ repetition: Int) throws -> LayerWeights {
        if repetition == 0, let large = LayerWeights(large: layer) { return large }
        return .held(try weights(layer, repetition))
    }

    private func permuted(_ weights: WeightMatrix, _ layer: WeightGraph.Layer, _ repetition: Int) -> WeightMatrix {
        guard repetition > 0 else { return weights }
        let seed = if case .clustering(let options, _) = labels { options.seed } else { UInt64(0) }
        var generator = SeededGenerator(seed: seed, purpose: "permutation", layer: layer.place, index: repetition)
        return weights.permuted(&generator)
    }

    /// Runs `body` for every layer: small layers side by side, large ones in turn with all threads inside.
    private func eachLayer(
        _ threads: Int, _ progress: @escaping @Sendable (Double) -> Void,
        _ body: @Sendable (WeightGraph.Layer, _ inner: Int) throws -> [ModelAnalysis.Layer]
    ) throws -> [[ModelAnalysis.Layer]] {
        let isSmall = graph.layers.allSatisfy { $0.rows * $0.columns <= ModelAnalysis.largestSideBySide }
        let sideBySide = graph.layers.count >= threads && isSmall
        let counter = ProgressCounter(total: graph.layers.count)
        return try Parallel.map(count: graph.layers.count, threads: sideBySide ? threads : 1) { index in
            let result = try body(graph.layers[index], sideBySide ? 1 : threads)
            progress(counter.advance())
            return result
        }
    }

    private func measured(_ clustering: LayerClustering, _ weights: WeightMatrix, _ threads: Int) throws -> ModelAnalysis.Layer {
        let measures = try Clusterability(
            of: weights, outLabels: clustering.outLabels, inLabels: clustering.inLabels, threads: threads)
        return ModelAnalysis.Layer(clustering: clustering, measures: measures, null: nil)
    }

    private func chain(
        _ options: ClusteringOptions, _ counts: [ClusterCount], _ repetition: Int, _ threads: Int
    ) throws -> [[ModelAnalysis.Layer]] {
        var results: [[ModelAnalysis.Layer]] = []
        var previous: [LayerClustering]?
        // The first layer determines the number of clusters for those after it.
        var counts = counts
        for (index, layer) in graph.layers.enumerated() {
            var given: [Labels]?
            if let previous {
                let fanOut = try WeightGraph.fanOut(from: graph.layers[index - 1], to: layer)
                given = previous.map { clustering in
                    Labels((0..<layer.columns).map { clustering.outLabels[$0 / fanOut] })
                }
            }
            let clusterer = LayerClusterer(options: options, threads: threads, repetition: repetition)
            let measures = try clusterer.cluster(layerWeights(layer, repetition), of: layer, counts: counts, inLabels: given) {
                try measured($0, $1, threads)
            }
            results.append(measures)
            let clusterings = measures.map(\.clustering)
            counts = clusterings.map { .fixed($0.clusterCount) }
            previous = clusterings
        }
        return results
    }

    private func network(
        _ options: ClusteringOptions, _ counts: [ClusterCount], _ repetition: Int, _ threads: Int
    ) throws -> ([[ModelAnalysis.Layer]], [Double?]) {
        // One scale for all layers: their neurons share a graph.
        let read = try graph.layers.map { try $0.weights() }
        let scale = WeightMatrix.scalingExponent(read.compactMap(\.largestExponent).max())
        let layers = zip(graph.layers, read).map { layer, weights in
            (name: layer.name, weights: permuted(weights.scaled(byPowerOfTwo: scale), layer, repetition))
        }
        let clusterer = NetworkClusterer(options: options, threads: threads, repetition: repetition)
        let results = try clusterer.cluster(layers, counts: counts)
        let perLayer = try layers.indices.map { index in
            try results.map { try measured($0.layers[index], layers[index].weights.inRange, threads) }
        }
        return (perLayer, results.map(\.ncut))
    }

    private static func check(_ clustering: LayerClustering, _ weights: WeightMatrix) throws(Problem) {
        for (side, labels, count) in [
            ("out", clustering.outLabels, weights.rows), ("in", clustering.inLabels, weights.columns),
        ] where labels.count != count {
            throw .labelCount(layer: clustering.layer, side: side, expected: count, found: labels.count)
        }
    }
}
