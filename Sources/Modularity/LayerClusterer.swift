import Tensors
import Text

/// Clusters single layers by the methods that use one weight matrix at a time.
struct LayerClusterer: Sendable {
    let options: ClusteringOptions
    let threads: Int
    /// Which repetition this is: 0 for the model itself, others for null models, which use different random numbers.
    var repetition = 0

    /// The data that a layer's clusters follow from.
    private enum Basis {
        /// The neurons' indices alone.
        case order
        case weights(BipartiteSpectrum)
        case similarities(SimilaritySpectrum)

        /// The singular or eigenvalues, in descending order, the trivial one first.
        var values: [Double] {
            switch self {
            case .order: []
            case .weights(let spectrum): spectrum.values
            case .similarities(let spectrum): spectrum.values
            }
        }
    }

    /// What `body` makes of the layer's clusters and weights for several numbers of clusters, from one decomposition.
    ///
    /// - Parameter inLabels: for each of `counts` the labels that the in-neurons must keep, or nil to cluster them too.
    func cluster<Result>(
        _ source: LayerWeights, of layer: WeightGraph.Layer, counts: [ClusterCount], inLabels: [Labels]? = nil,
        _ body: (LayerClustering, WeightMatrix) throws -> Result
    ) throws -> [Result] {
        let basis = try basis(of: source, layer, counts: counts)
        let weights = try source.matrix()
        return try counts.indices.map { index in try body(clustering(index), weights) }

        func clustering(_ index: Int) throws -> LayerClustering {
            let count = Self.resolve(counts[index], basis)
            let raw = try labels(weights, basis, layer, count)
            guard let given = inLabels?[index] else {
                return LayerClustering(
                    layer: layer.name, clusterCount: count, outLabels: raw.out, inLabels: raw.in, singularValues: basis.values)
            }
            let keepsNumbering =
                switch options.method.numbering {
                case .shared: false
                case .paired: options.alignment == .unaligned
                case .ordered: true
                }
            let out = keepsNumbering ? raw.out : try paired(weights, moving: raw.out, to: given)
            return LayerClustering(
                layer: layer.name, clusterCount: count, outLabels: out, inLabels: given, singularValues: basis.values)
        }
    }

    private func basis(of source: LayerWeights, _ layer: WeightGraph.Layer, counts: [ClusterCount]) throws -> Basis {
        let needed: Int
        switch options.method {
        case .gradient:
            guard let spectrum = options.spectra[layer.name] else { throw Problem.missingSimilarities(layer: layer.name) }
            let (expected, found) = ([layer.rows, layer.columns], [spectrum.out.count, spectrum.input.count])
            guard expected == found else { throw Problem.similarityCount(layer: layer.name, expected: expected, found: found) }
            _ = try BipartiteSpectrum.finiteSums(of: source.matrix(), name: layer.name, threads: threads)
            return .similarities(spectrum)
        case .contiguous:
            // A number that is given needs no singular values.
            needed = counts.map { count in if case .fixed = count { 0 } else { count.spectrumSize } }.max() ?? 0
        case .bsgc, .cocluster, .network: needed = counts.map(\.spectrumSize).max() ?? 0
        }
        guard needed > 0 else {
            _ = try BipartiteSpectrum.finiteSums(of: source.matrix(), name: layer.name, threads: threads)
            return .order
        }
        return .weights(
            try BipartiteSpectrum(of: source, name: layer.name, count: needed, generator: generator(layer, "start"), threads: threads))
    }

    /// The number of clusters meant; too few singular values leave no choice but one cluster.
    private static func resolve(_ count: ClusterCount, _ basis: Basis) -> Int {
        switch count {
        case .fixed(let k): k
        case .automatic: Eigengap.clusterCount(basis.values) ?? max(1, min(2, basis.values.count))
        }
    }

    private func labels(
        _ weights: WeightMatrix, _ basis: Basis, _ layer: WeightGraph.Layer, _ count: Int
    ) throws -> (out: Labels, in: Labels) {
        switch (options.method, basis) {
        case (.contiguous, _):
            return (
                .contiguous(count: weights.rows, clusters: count), .contiguous(count: weights.columns, clusters: count)
            )
        case (.bsgc, .weights(let spectrum)):
            return try twoSided(
                weights, out: (spectrum.outPoints(count), spectrum.connectedOut), in: (spectrum.inPoints(count), spectrum.connectedIn),
                layer, count)
        case (.gradient, .similarities(let spectrum)):
            return try twoSided(
                weights, out: (spectrum.out.points(count), spectrum.out.connected),
                in: (spectrum.input.points(count), spectrum.input.connected), layer, count)
        case (.cocluster, .weights(let spectrum)):
            let means = try KMeans(
                spectrum.stackedPoints(count), clusterCount: count, restarts: options.restarts,
                generator: generator(layer, "both"), threads: threads)
            let out = Self.scatter(means.labels.prefix(spectrum.connectedOut.count), spectrum.connectedOut, weights.rows)
            let into = Self.scatter(means.labels.dropFirst(spectrum.connectedOut.count), spectrum.connectedIn, weights.columns)
            let names = Labels.namesByAppearance(out, into, clusters: count)
            return (out.renamed(names), into.renamed(names))
        case (.bsgc, _), (.cocluster, _), (.gradient, _), (.network, _): preconditionFailure("\(options.method) without a spectrum")
        }
    }

    /// Each side's points clustered by themselves, and the in-clusters then paired with the out-clusters by the squared weights.
    private func twoSided(
        _ weights: WeightMatrix, out: (points: PointSet, neurons: [Int]), in input: (points: PointSet, neurons: [Int]),
        _ layer: WeightGraph.Layer,
        _ count: Int
    ) throws -> (out: Labels, in: Labels) {
        let outMeans = try KMeans(
            out.points, clusterCount: count, restarts: options.restarts, generator: generator(layer, "out"), threads: threads)
        let inMeans = try KMeans(
            input.points, clusterCount: count, restarts: options.restarts, generator: generator(layer, "in"), threads: threads)
        var out = Self.scatter(outMeans.labels[...], out.neurons, weights.rows)
        var into = Self.scatter(inMeans.labels[...], input.neurons, weights.columns)
        out = out.renamed(Labels.namesByAppearance(out, clusters: count))
        into = into.renamed(Labels.namesByAppearance(into, clusters: count))
        guard options.alignment == .aligned else { return (out, into) }
        let sums = try LabelledSums(weights, outLabels: out, inLabels: into, threads: threads)
        let pairing = OptimalAssignment(maximizing: sums.pairingGains).columns
        return (out, into.renamed(Self.inverse(pairing)))
    }

    /// `labels` renamed so that most squared weight connects them with the same labels of the in-side.
    private func paired(_ weights: WeightMatrix, moving labels: Labels, to inLabels: Labels) throws -> Labels {
        let sums = try LabelledSums(weights, outLabels: labels, inLabels: inLabels, threads: threads)
        return labels.renamed(OptimalAssignment(maximizing: sums.pairingGains).columns)
    }

    private static func inverse(_ permutation: [Int]) -> [Int] {
        var result = permutation
        for (row, column) in permutation.enumerated() { result[column] = row }
        return result
    }

    /// Labels for all neurons from those of the connected ones.
    private static func scatter(_ labels: ArraySlice<Int>, _ connected: [Int], _ count: Int) -> Labels {
        var values = [Int](repeating: Labels.none, count: count)
        for (neuron, label) in zip(connected, labels) { values[neuron] = label }
        return Labels(values)
    }

    private func generator(_ layer: WeightGraph.Layer, _ step: String) -> SeededGenerator {
        SeededGenerator(seed: options.seed, purpose: step, layer: layer.place, index: repetition)
    }
}
