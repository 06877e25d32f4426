import Checkpoints
import Datasets
import Evaluation
import Foundation
import Modularity
import Networks
import TestSupport
import Testing
import Training

/// A model of the fixtures with its data.
struct ReferenceModel {
    let network: Network
    let catalog: LayerCatalog
    let dataset: Dataset

    /// - Parameter name: `mnist-mlp`, `cifar-cnn`, `planted`, `grokking`, or the folder of a language model.
    init(_ name: String) throws {
        let checkpoint: Checkpoint
        switch name {
        case "mnist-mlp", "cifar-cnn", "planted":
            let path = name == "planted" ? "gradients/planted" : "models/\(name)"
            checkpoint = try Checkpoint.open(Fixtures.path(path + (name == "planted" ? ".safetensors" : ".pt")))
            network = try Chain.network(of: checkpoint, Architecture(try #require(Self.architectures[name])))
            dataset = try DatasetSource(path: Fixtures.path(path + ".npz")).open()
        case "grokking":
            checkpoint = try Checkpoint.open(Fixtures.path("transformers/grokking/model.pth"))
            network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
            dataset = try DatasetSource(path: "modadd:10").open()
        default:
            checkpoint = try Checkpoint.open(Fixtures.path(name))
            network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
            let vocabulary = network.outputWidth
            let sequences = (0..<12).map { i in (0..<10).map { j in Int32((31 * i + 7 * j * j + j) % vocabulary) } }
            dataset = Dataset(name: "tokens", inputs: .tokens(TokenSequences(sequences)), targets: .nextToken)
        }
        catalog = LayerCatalog(checkpoint)
    }

    private static let architectures = [
        "mnist-mlp": "fc1,relu,fc2,relu,fc3,relu,fc4", "planted": "fc1,relu,fc2,relu,fc3",
        "cifar-cnn":
            "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3",
    ]
}

/// A run of PyTorch that `make_training.py` wrote, and the same model and data as we read them.
struct ReferenceRun {
    /// PyTorch's values.
    struct Expected: Decodable {
        struct Parameter: Decodable {
            let norm: Double
            let values: [Double]
        }

        let batch: Int
        let lambda: Double
        let layers: [String]
        /// By how much PyTorch's float32 runs leave the one in double precision at most, in the units of the test's tolerance.
        let spread: Double
        /// What depends on rounding errors alone.
        let withoutEffect: [String]
        let losses: [Double]
        let entropy: Double?
        let first: [Double]
        let last: [Double]
        let weights: [String: Parameter]
    }

    let network: Network
    let catalog: LayerCatalog
    let batches: SampleBatches
    let expected: Expected
    let layers: [(layer: Layer, clustering: LayerClustering)]
    let optimizer: Optimizer
    let learningRate: Double

    static let all: [String: Expected] = {
        guard let data = FileManager.default.contents(atPath: Fixtures.path("expected/training.json")) else { return [:] }
        return (try? JSONDecoder().decode([String: Expected].self, from: data)) ?? [:]
    }()

    /// - Parameter name: the model, the optimiser, and lambda.
    init(_ name: String) throws {
        let words = name.split(separator: " ").map(String.init)
        expected = try #require(Self.all[name])
        (optimizer, learningRate) = Self.optimizer(words[1])
        let model = try ReferenceModel(words[0])
        network = model.network
        catalog = model.catalog
        batches = try SampleBatches(model.dataset, for: network, batchSize: expected.batch)
        let labels =
            try words[0].contains("-tiny") || words[0] == "grokking"
            ? [:] : ClusterRows.labels(Fixtures.path("models/\(words[0]).clusters.tsv"))
        layers = try expected.layers.map { [catalog] name in
            let layer = try #require(catalog[name])
            let out = labels[name]?["out"].map { Labels($0) } ?? .contiguous(count: layer.outNeurons, clusters: 4)
            let input = labels[name]?["in"].map { Labels($0) } ?? .contiguous(count: layer.inNeurons, clusters: 4)
            return (layer, LayerClustering(layer: name, clusterCount: 4, outLabels: out, inLabels: input))
        }
    }

    /// The settings of `OPTIMIZERS` in `make_training.py`.
    private static func optimizer(_ name: String) -> (Optimizer, Double) {
        var optimizer = Optimizer(name == "adam" ? .adam : name == "adamw" ? .adamw : .sgd)
        optimizer.weightDecay = ["adam": 0.01, "adamw": 0.1, "sgd": 0.001][name] ?? 0
        if optimizer.rule == .sgd { optimizer.momentum = 0.9 }
        if name == "nesterov" { optimizer.momentumKind = .nesterov }
        return (optimizer, optimizer.rule == .sgd ? 0.01 : 1e-3)
    }

    /// The same run as ours.
    func trainer(threads: Int, batchSize: Int? = nil, accumulation: Int = 1, largestNorm: Double? = nil) throws -> Trainer {
        try Trainer(
            batches, trained: TrainedParameters(of: network),
            order: BatchOrder(
                count: batches.dataset.count, batchSize: batchSize ?? expected.batch, accumulation: accumulation, arrangement: .stored),
            settings: .init(
                optimizer: optimizer, learningRate: LearningRate(learningRate, total: expected.losses.count), largestNorm: largestNorm),
            term: ClusterabilityTerm(lambda: expected.lambda, layers: layers, network: network), threads: threads)
    }
}

extension Trainer {
    /// All weights, each parameter's as bits.
    var bits: [[UInt32]] { parameters.all.map { $0.elements.map(\.bitPattern) } }
}
