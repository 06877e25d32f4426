import Tensors

/// Clusters single layers by the methods that look at one weight matrix at a time.
struct LayerClusterer: Sendable {
    let options: ClusteringOptions
    let threads: Int
    /// Which repetition this is: 0 for the model itself, others for null models, which get random numbers of their own.
    var repetition = 0

    /// The layer's clusters for several numbers of clusters, from one decomposition.
    ///
    /// - Parameter inLabels: for each of `counts` the labels that the in-neurons must keep, or nil to cluster them too.
    func cluster(
        _ weights: WeightMatrix, name: String, counts: [ClusterCount], inLabels: [Labels]? = nil
    ) throws -> [LayerClustering] {
        let spectrum = try spectrum(of: weights, name: name, counts: counts)
        return try counts.indices.map { index in
            let count = Self.resolve(counts[index], spectrum)
            let raw = try labels(weights, spectrum, name, count)
            guard let given = inLabels?[index] else {
                return LayerClustering(
                    layer: name, clusterCount: count, outLabels: raw.out, inLabels: raw.in, singularValues: spectrum?.values ?? [])
            }
            let keepsNumbering = options.method == .contiguous || (options.method == .bsgc && options.alignment == .unaligned)
            let out = keepsNumbering ? raw.out : try paired(weights, moving: raw.out, to: given)
            return LayerClustering(
                layer: name, clusterCount: count, outLabels: out, inLabels: given, singularValues: spectrum?.values ?? [])
        }
    }

    private func spectrum(of weights: WeightMatrix, name: String, counts: [ClusterCount]) throws -> BipartiteSpectrum? {
        var needed = 0
        for count in counts {
            switch count {
            case .automatic: needed = max(needed, Eigengap.valuesNeeded)
            case .fixed(let k): needed = max(needed, options.method == .contiguous ? 0 : k)
            }
        }
        guard needed > 0 else {
            _ = try BipartiteSpectrum.finiteSums(of: weights, name: name, threads: threads)
            return nil
        }
        return try BipartiteSpectrum(
            of: weights, name: name, count: needed, generator: generator(name, "start"), threads: threads)
    }

    /// The number of clusters meant; too few singular values leave no choice but one cluster.
    private static func resolve(_ count: ClusterCount, _ spectrum: BipartiteSpectrum?) -> Int {
        switch count {
        case .fixed(let k): k
        case .automatic: spectrum.flatMap { Eigengap.clusterCount($0.values) } ?? max(1, min(2, spectrum?.values.count ?? 1))
        }
    }

    private func labels(
        _ weights: WeightMatrix, _ spectrum: BipartiteSpectrum?, _ name: String, _ count: Int
    ) throws -> (out: Labels, in: Labels) {
        switch options.method {
        case .contiguous:
            return (
                .contiguous(count: weights.rows, clusters: count), .contiguous(count: weights.columns, clusters: count)
            )
        case .bsgc:
            guard let spectrum else { preconditionFailure("bsgc without a spectrum") }
            return try twoSided(weights, spectrum, name, count)
        case .cocluster, .network:
            guard let spectrum else { preconditionFailure("co-clustering without a spectrum") }
            let means = try KMeans(
                spectrum.stackedPoints(count), clusterCount: count, restarts: options.restarts,
                generator: generator(name, "both"), threads: threads)
            let out = Self.scatter(means.labels.prefix(spectrum.connectedOut.count), spectrum.connectedOut, weights.rows)
            let into = Self.scatter(means.labels.dropFirst(spectrum.connectedOut.count), spectrum.connectedIn, weights.columns)
            let names = Labels.namesByAppearance(out, into, clusters: count)
            return (out.renamed(names), into.renamed(names))
        }
    }

    private func twoSided(
        _ weights: WeightMatrix, _ spectrum: BipartiteSpectrum, _ name: String, _ count: Int
    ) throws -> (out: Labels, in: Labels) {
        let outMeans = try KMeans(
            spectrum.outPoints(count), clusterCount: count, restarts: options.restarts, generator: generator(name, "out"),
            threads: threads)
        let inMeans = try KMeans(
            spectrum.inPoints(count), clusterCount: count, restarts: options.restarts, generator: generator(name, "in"),
            threads: threads)
        var out = Self.scatter(outMeans.labels[...], spectrum.connectedOut, weights.rows)
        var into = Self.scatter(inMeans.labels[...], spectrum.connectedIn, weights.columns)
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

    private func generator(_ name: String, _ step: String) -> SeededGenerator {
        SeededGenerator(seed: options.seed, purpose: step + "\u{0}" + name, index: repetition)
    }
}
