import Checkpoints
import Modularity
import Scoring
import Text

/// The layers that two checkpoints share, clustered and scored in each, with the changes of their weights.
struct CheckpointComparison {
    let match: LayerMatch
    /// The layers of A and B that are compared, in the same order.
    let a: [Layer]
    let b: [Layer]
    /// Given clusters by the names in A; nil if they are to be found.
    let given: [String: LayerClustering]?

    private let pathA: String
    private let pathB: String

    /// Bands of about this many weights are compared at a time.
    private static let bandSize = 1 << 22

    /// - Parameters:
    ///   - layers: the selected layers; without patterns, those of the given clusters, or each model's default ones.
    ///   - clusters: a file with clusters for the layers of A, or by the names in B.
    init(_ first: Checkpoint, _ second: Checkpoint, layers: some LayerChoice, clusters: ClusterFile?) throws {
        let (catalogA, catalogB) = (LayerCatalog(first), LayerCatalog(second))
        let partners = NamePairing(catalogA.layers.map(catalogA.names), catalogB.layers.map(catalogB.names)).partners
        given = try clusters.map { try Self.clusterings($0, catalogA, catalogB, partners) }
        let chosenA: Set<String>
        var chosenB: Set<String> = []
        if let given, layers.patterns.isEmpty {
            chosenA = Set(given.keys)
        } else {
            chosenA = try Self.choose(layers, from: catalogA, path: first.path, beside: catalogB)
            chosenB = try Self.choose(layers, from: catalogB, path: second.path, beside: catalogA)
        }
        func candidates(_ catalog: LayerCatalog, _ chosen: Set<String>) -> [LayerMatch.Candidate] {
            catalog.layers.map {
                .init(
                    name: $0.name, otherNames: Array(catalog.names(of: $0).dropFirst()),
                    shape: [$0.outNeurons, $0.inNeurons] + $0.kernelShape, isChosen: chosen.contains($0.name))
            }
        }
        match = LayerMatch(candidates(catalogA, chosenA), candidates(catalogB, chosenB))
        guard !match.pairs.isEmpty else {
            throw Problem(
                path: second.path, problem: "has no layer in common with \(first.path)", expected: match.expected, found: match.found)
        }
        a = match.pairs.map { catalogA.layers[$0.a] }
        b = match.pairs.map { catalogB.layers[$0.b] }
        pathA = first.path
        pathB = second.path
    }

    /// The names of the layers that the patterns choose from one model. A pattern that matches nothing there must do so in the other.
    private static func choose(
        _ layers: some LayerChoice, from catalog: LayerCatalog, path: String, beside other: LayerCatalog
    ) throws -> Set<String> {
        func matches(_ pattern: String, _ catalog: LayerCatalog) -> Bool {
            (try? catalog.select([pattern.hasPrefix("!") ? String(pattern.dropFirst()) : pattern])) != nil
        }
        let known = layers.patterns.filter { matches($0, catalog) }
        guard known.count < layers.patterns.count, layers.patterns.allSatisfy({ known.contains($0) || matches($0, other) }) else {
            return Set(try layers.select(from: catalog, path: path).map(\.name))
        }
        if known.isEmpty {
            return layers.patterns.allSatisfy { $0.hasPrefix("!") } ? Set(catalog.weightMatrices.map(\.name)) : []
        }
        return Set(((try? catalog.select(known)) ?? []).map(\.name))
    }

    private static func clusterings(
        _ file: ClusterFile, _ a: LayerCatalog, _ b: LayerCatalog, _ partners: [Int?]
    ) throws -> [String: LayerClustering] {
        do {
            return try file.clusterings(for: a)
        } catch {
            guard let clusterings = try? file.clusterings(for: b) else { throw error }
            var renamed: [String: LayerClustering] = [:]
            for (layer, partner) in zip(a.layers, partners) {
                if let partner, let clustering = clusterings[b.layers[partner].name] { renamed[layer.name] = clustering }
            }
            guard renamed.count == clusterings.count else { throw error }
            return renamed
        }
    }

    /// The clusters and measures of both checkpoints' layers, under the names in A: the same random numbers then serve the same layer, so
    /// that equal weights get equal clusters.
    func sweeps(
        options: ClusteringOptions, counts: [ClusterCount], threads: Int, progress: @escaping @Sendable (Double) -> Void
    ) throws -> (a: ModelAnalysis.Sweep, b: ModelAnalysis.Sweep) {
        let labels = given.map(LabelSource.given) ?? .clustering(options, counts: counts)
        func sweep(_ layers: [Layer], _ path: String, _ part: Double) throws -> ModelAnalysis.Sweep {
            try CheckpointRun.locating(path) {
                let analysis = try ModelAnalysis(WeightGraph(layers, named: a), labels: labels, threads: threads) {
                    progress(part + 0.45 * $0)
                }
                guard let sweep = analysis.sweeps.first else { throw Problem.noLayers }
                return sweep
            }
        }
        return (try sweep(a, pathA, 0), try sweep(b, pathB, 0.45))
    }

    /// The changes of each layer's weights; for a convolution, those of every element of its kernels.
    ///
    /// - Parameter limit: how many of the largest changes to keep.
    func changes(keeping limit: Int, progress: (Double) -> Void) throws -> [WeightChange] {
        try zip(a, b).enumerated().map { place, layers in
            let (before, after) = (layers.0.unfolded, layers.1.unfolded)
            var sum = WeightChangeSum(keeping: limit)
            let height = max(1, Self.bandSize / before.inNeurons)
            var row = 0
            while row < before.outNeurons {
                let rows = row..<min(row + height, before.outNeurons)
                let old = try CheckpointRun.locating(pathA) { try before.weights(rows: rows) }
                let new = try CheckpointRun.locating(pathB) { try after.weights(rows: rows) }
                sum.add(before: old, after: new, firstRow: row)
                row = rows.upperBound
            }
            progress(0.9 + 0.1 * Double(place + 1) / Double(a.count))
            return sum.change
        }
    }

    /// The scores, agreements and changes of the layers.
    func layers(_ sweeps: (a: ModelAnalysis.Sweep, b: ModelAnalysis.Sweep), changes: [WeightChange]) -> [ComparedLayer] {
        zip(sweeps.a.layers, sweeps.b.layers).enumerated().map { place, layers in
            let (before, after) = (layers.0.clustering, layers.1.clustering)
            // Given clusters are the same in both.
            let clusters = (before.clusterCount, after.clusterCount)
            let (out, into) =
                given == nil
                ? (
                    ComparedSide(before.outLabels, after.outLabels, clusters: clusters),
                    ComparedSide(before.inLabels, after.inLabels, clusters: clusters)
                ) : (ComparedSide(), ComparedSide())
            return ComparedLayer(
                layer: before.layer, layerInB: b[place].name, a: ComparedClusters(before, layers.0.measures),
                b: ComparedClusters(after, layers.1.measures), out: out, in: into, relativeChange: changes[place].relativeNorm,
                largestChanges: changes[place].largest.map { ComparedWeight($0, kernel: a[place].kernelShape) })
        }
    }
}
