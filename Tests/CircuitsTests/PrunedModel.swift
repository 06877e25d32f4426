import Checkpoints
import Circuits
import Datasets
import Evaluation
import Foundation
import Networks
import TestSupport
import Testing

/// One of the classifiers that PyTorch trained, ready to be pruned.
struct PrunedModel {
    let network: Network
    let catalog: LayerCatalog
    let dataset: Dataset

    static let architectures = [
        "mnist-mlp": "fc1,relu,fc2,relu,fc3,relu,fc4",
        "cifar-cnn": "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3",
    ]

    init(_ name: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/\(name).pt"))
        catalog = LayerCatalog(checkpoint)
        network = try Chain.network(of: checkpoint, Architecture(try #require(Self.architectures[name])))
        dataset = try DatasetSource(path: Fixtures.path("models/\(name).npz")).open()
    }

    func batches(_ samples: some Collection<Int>) throws -> SampleBatches {
        try SampleBatches(dataset.selecting(Array(samples)), for: network)
    }

    /// The circuits of each objective, judged on the samples that they were found with.
    func circuits(
        _ objectives: [WeightObjective], tolerance: Double, samples: some Collection<Int>, layers: [String]? = nil, controls: Int = 0,
        resamples: Int = 0, threads: Int = 2
    ) throws -> WeightPruning.Result {
        let batches = try batches(samples)
        let chosen = catalog.weightMatrices.filter { layers?.contains($0.name) ?? true }
        return try WeightPruning(objectives: objectives, tolerance: tolerance, controls: controls, resamples: resamples, seed: 0)
            .run(chosen, on: batches, heldOut: batches, threads: threads) { _ in }
    }
}
