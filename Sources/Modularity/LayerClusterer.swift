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
            let count = options.method == .experts ? weights.rows : Self.resolve(counts[index], basis)
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
        case .gradient, .activations:
            guard let spectrum = options.spectra[layer.name] else { throw Problem.missingSimilarities(layer: layer.name) }
            let (expected, found) = ([layer.rows, layer.columns], [spectrum.out.count, spectrum.input.count])
            guard expected == found else { throw Problem.similarityCount(layer: layer.name, expected: expected, found: found) }
            _ = try BipartiteSpectrum.finiteSums(of: source.matrix(), name: layer.name, threads: threads)
            return .similarities(spectrum)
        case .contiguous:
            // A number that is given needs no singular values.
            needed = counts.map { count in if case .fixed = count { 0 } else { count.spectrumSize } }.max() ?? 0
        case .experts: needed = 0
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
        case (.experts, _): return try rows(of: weights)
        case (.bsgc, .weights(let spectrum)):
            return try twoSided(
                weights, out: (spectrum.outPoints(count), spectrum.connectedOut), in: (spectrum.inPoints(count), spectrum.connectedIn),
                layer, count)
        case (.gradient, .similarities(let spectrum)):
            return try twoSided(
                weights, out: (spectrum.out.points(count), spectrum.out.connected),
                in: (spectrum.input.points(count), spectrum.input.connected), layer, count)
        case (.activations, .similarities(let spectrum)):
            let found = try twoSided(
                weights, out: (spectrum.out.points(count), spectrum.out.connected),
                in: (spectrum.input.points(count), spectrum.input.connected), layer, count)
            return joined(found, weights)
        case (.cocluster, .weights(let spectrum)):
            let means = try KMeans(
                spectrum.stackedPoints(count), clusterCount: count, restarts: options.restarts,
                generator: generator(layer, "both"), threads: threads)
            let out = Self.scatter(means.labels.prefix(spectrum.connectedOut.count), spectrum.connectedOut, weights.rows)
            let into = Self.scatter(means.labels.dropFirst(spectrum.connectedOut.count), spectrum.connectedIn, weights.columns)
            let names = Labels.namesByAppearance(out, into, clusters: count)
            return (out.renamed(names), into.renamed(names))
        case (.bsgc, _), (.cocluster, _), (.gradient, _), (.network, _), (.activations, _):
            preconditionFailure("\(options.method) without a spectrum")
        }
    }

    /// Each row as a cluster; each column in that of its largest weight, the first one if several are equal. What has no weights is in none.
    private func rows(of weights: WeightMatrix) throws -> (out: Labels, in: Labels) {
        let sums = try weights.absoluteSums(threads: threads)
        var largest = [Double](repeating: 0, count: weights.columns)
        var labels = [Int](repeating: Labels.none, count: weights.columns)
        weights.forEachRow { row, elements in
            for (column, element) in elements.enumerated() where abs(element) > largest[column] {
                (largest[column], labels[column]) = (abs(element), row)
            }
        }
        return (Labels(sums.rows.enumerated().map { $1 > 0 ? $0 : Labels.none }), Labels(labels))
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

    /// The clusters with the neurons that have none but have weights: each joins the cluster that most of its squared weight connects it with.
    ///
    /// A neuron whose activation is constant is correlated with none.
    private func joined(_ found: (out: Labels, in: Labels), _ weights: WeightMatrix) -> (out: Labels, in: Labels) {
        guard found.out.isolatedCount + found.in.isolatedCount > 0 else { return found }
        let clusters = max(found.out.clusterCount, found.in.clusterCount)
        var (rows, columns) = (found.out.values, found.in.values)
        var sums = [Double](repeating: 0, count: columns.count * clusters)
        weights.inRange.forEachRow { row, elements in
            var own = [Double](repeating: 0, count: clusters)
            for (column, element) in elements.enumerated() {
                if found.in[column] != Labels.none { own[found.in[column]] += element * element }
                if found.out[row] != Labels.none { sums[column * clusters + found.out[row]] += element * element }
            }
            if rows[row] == Labels.none { rows[row] = Self.largest(own[...]) }
        }
        for column in columns.indices where columns[column] == Labels.none {
            columns[column] = Self.largest(sums[column * clusters..<(column + 1) * clusters])
        }
        return (Labels(rows), Labels(columns))
    }

    /// The place of the largest sum, the first of equals; none if all are 0.
    private static func largest(_ sums: ArraySlice<Double>) -> Int {
        guard let most = sums.max(), most > 0, let place = sums.firstIndex(of: most) else { return Labels.none }
        return place - sums.startIndex
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
