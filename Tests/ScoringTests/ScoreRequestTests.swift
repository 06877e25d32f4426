import Checkpoints
import Foundation
import Modularity
import Scoring
import Synchronization
import TestSupport
import Testing
import Text

/// The requests of `score` and `cluster`, made without a command line. The numbers are numpy's.
@Suite struct ScoreRequestTests {
    /// Scores of given labels, computed by numpy in double precision.
    private struct Expected: Decodable {
        struct Layer: Decodable {
            let layer: String
            let scores: [String: [String: Double?]]
        }
        let layers: [Layer]
        let mean: [String: [String: Double?]]

        init(_ name: String) throws {
            let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/\(name).json")))
            self = try JSONDecoder().decode(Expected.self, from: data)
        }
    }

    private static func catalog(_ path: String) throws -> LayerCatalog { LayerCatalog(try Checkpoint.open(Fixtures.path(path))) }

    private static func clusters(_ path: String) throws -> GivenClusters {
        let labels = try ClusterRows.labels(Fixtures.path(path))
        let clusterings = labels.map { name, sides in
            let (out, input) = (Labels(sides["out"] ?? []), Labels(sides["in"] ?? []))
            return (
                name,
                LayerClustering(
                    layer: name, clusterCount: max(out.clusterCount, input.clusterCount), outLabels: out, inLabels: input)
            )
        }
        return GivenClusters(name: path, Dictionary(uniqueKeysWithValues: clusterings))
    }

    private static func expect(_ found: Double?, _ wanted: Double??, _ what: String) {
        guard let value = wanted ?? nil else {
            #expect(found == nil, "\(what)")
            return
        }
        #expect(abs((found ?? .nan) - value) <= 1e-9 * abs(value), "\(what)")
    }

    @Test(arguments: [
        ("mlp", "mlp.tar", "mlp.planted.tsv"), ("mlp", "mlp.pt", "mlp.clusters.tsv"), ("cnn", "cnn.pt", "cnn.clusters.tsv"),
        ("gpt2-tiny", "gpt2-tiny", "gpt2-tiny.clusters.tsv"), ("edge", "edge.npz", "edge.clusters.tsv"),
    ])
    func givenClustersScoreAsNumpySays(name: String, checkpoint: String, clusters: String) throws {
        let expected = try Expected(name)
        var request = try ScoreRequest(
            Self.catalog(checkpoint), path: checkpoint, clusters: .given(try Self.clusters(clusters)))
        request.threads = 2
        let sweeps = try request.run().sweeps
        let sweep = try #require(sweeps.first)
        #expect(sweeps.count == 1 && sweep.requested == nil && sweep.null == nil)
        #expect(Set(sweep.layers.map(\.clustering.layer)) == Set(expected.layers.map(\.layer)))
        for layer in sweep.layers {
            let name = layer.clustering.layer
            let scores = try #require(expected.layers.first { $0.layer == name }?.scores[clusters])
            for measure in Measure.allCases {
                Self.expect(layer.measures[measure], scores[measure.rawValue], "\(name) \(measure)")
            }
        }
        for measure in Measure.allCases {
            Self.expect(sweep.mean { $0[measure] }, expected.mean[clusters]?[measure.rawValue], "mean \(measure)")
        }
    }

    @Test func plantedClustersAreFoundAndStandOutFromTheNullModel() throws {
        var request = try ScoreRequest(
            Self.catalog("mlp.tar"), path: "mlp.tar", clusters: .found(ClusteringOptions(), counts: [.fixed(4), .fixed(2)]))
        (request.nullSamples, request.threads) = (19, 2)
        let fractions = Fractions()
        let sweeps = try request.run { fractions.add($0) }.sweeps
        #expect(sweeps.map(\.requested) == [.fixed(4), .fixed(2)])
        let planted = try #require(try Expected("mlp").mean["mlp.planted.tsv"]?["clusterability"] ?? nil)
        #expect(abs((sweeps[0].mean(\.clusterability) ?? .nan) - planted) < 1e-9)
        let null = try #require(sweeps[0].null)
        #expect(null.samples == 19 && null.p == 1.0 / 20 && (null.mean ?? 1) < 0.6)
        #expect(fractions.all.allSatisfy { (0...1).contains($0) } && fractions.all.max() == 1)
    }

    @Test func layersAreChosenByPatternsAndProblemsNameTheCheckpoint() throws {
        let catalog = try Self.catalog("mlp.tar")
        let clusters = ScoreRequest.Clusters.found(ClusteringOptions(), counts: [.fixed(4)])
        let request = try ScoreRequest(catalog, path: "mlp.tar", patterns: ["fc1*"], clusters: clusters)
        #expect(request.layers.map(\.name) == ["fc1.weight"])
        #expect(throws: Problem("leaves no layer", path: "a.tar", setting: .layers)) {
            try ScoreRequest(catalog, path: "a.tar", patterns: ["!all"], clusters: clusters)
        }
    }

    @Test func givenClustersOfALayerThatIsNamedMustBeThere() throws {
        let catalog = try Self.catalog("mlp.tar")
        let given = try Self.clusters("mlp.planted.tsv")
        #expect(throws: Problem("layer 'fc4.weight' is not in the file", path: "mlp.planted.tsv")) {
            try GivenClusters(name: given.name, given.clusterings.filter { $0.key != "fc4.weight" })
                .layers(matching: ["fc4.weight"], of: catalog, path: "mlp.tar")
        }
        let request = try ScoreRequest(
            catalog, path: "mlp.tar", patterns: ["all"],
            clusters: .given(GivenClusters(name: "none", given.clusterings.filter { $0.key == "fc2.weight" })))
        #expect(throws: Problem.self) { try request.run() }
    }

    @Test func theGradientMethodAsksForSimilaritiesOnce() throws {
        let catalog = try Self.catalog("mlp.tar")
        var request = try ScoreRequest(
            catalog, path: "mlp.tar", patterns: ["fc2.weight"],
            clusters: .found(ClusteringOptions(method: .gradient), counts: [.fixed(2), .fixed(3)]))
        var asked: [(layers: [String], count: Int)] = []
        request.spectra = { layers, count in
            asked.append((layers.map(\.name), count))
            return [:]
        }
        // Nothing is said of the layer, which a later run refuses.
        #expect(throws: Problem.missingSimilarities(layer: "fc2.weight")) { try request.run() }
        #expect(asked.count == 1 && asked[0].layers == ["fc2.weight"] && asked[0].count == ClusterCount.fixed(3).spectrumSize)
    }
}

/// The fractions that a run has reported, from any thread.
private final class Fractions: Sendable {
    private let list = Mutex<[Double]>([])
    func add(_ fraction: Double) { list.withLock { $0.append(fraction) } }
    var all: [Double] { list.withLock { $0 } }
}
