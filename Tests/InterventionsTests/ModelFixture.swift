import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import TestSupport
import Testing

/// One of the classifiers that PyTorch trained, with PyTorch's values.
struct ModelFixture {
    let network: Network
    let catalog: LayerCatalog
    let batches: SampleBatches
    let clusterings: [String: LayerClustering]
    let expected: Expected

    /// What `make_models.py` wrote.
    struct Expected: Decodable {
        struct Measures: Decodable {
            let loss: Double
            let accuracy: Double
            let correct: [Int]
            let count: [Int]
        }

        struct Intervention: Decodable {
            let layer: String
            let reading: String
            let fill: String
            let intervention: String
            let cluster: Int
            let neurons: Int
            let loss: Double
            let accuracy: Double
            let correct: [Int]
        }

        struct Dependence: Decodable {
            let layer: String
            let reading: String
            let fill: String
            let intervention: String
            let answers: [Int]
        }

        let intact: Measures
        let interventions: [Intervention]
        let dependence: [Dependence]
    }

    static let architectures = [
        "mnist-mlp": "fc1,relu,fc2,relu,fc3,relu,fc4",
        "cifar-cnn":
            "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3",
    ]

    init(_ name: String, batchSize: Int? = nil) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/\(name).pt"))
        catalog = LayerCatalog(checkpoint)
        let text = try #require(Self.architectures[name])
        network = try Chain.network(of: checkpoint, Architecture(text))
        let dataset = try DatasetSource(path: Fixtures.path("models/\(name).npz")).open()
        batches = try SampleBatches(dataset, for: network, batchSize: batchSize)
        clusterings = try Self.clusterings(Fixtures.path("models/\(name).clusters.tsv"))
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/models.json")))
        expected = try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
    }

    private static func clusterings(_ path: String) throws -> [String: LayerClustering] {
        try ClusterRows.labels(path).reduce(into: [:]) { found, layer in
            found[layer.key] = LayerClustering(
                layer: layer.key, clusterCount: 4, outLabels: Labels(layer.value["out"] ?? []), inLabels: Labels(layer.value["in"] ?? []))
        }
    }

    /// The layers of the file of clusters.
    func layers() throws -> [AblatedLayer] {
        try catalog.layers.compactMap { layer in
            try clusterings[layer.name].map { try AblatedLayer(layer, in: network, clustering: $0) }
        }
    }
}
