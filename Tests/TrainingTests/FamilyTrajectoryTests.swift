import Checkpoints
import Datasets
import Foundation
import Networks
import TestSupport
import Testing
import Training

/// Fifty steps on whole batches of a language model with norms of heads, a mixture of experts, an encoder with classes, and a network of images
/// with batch norms. The losses are PyTorch's in double precision, by `make_trajectories.py`.
struct FamilyTrajectoryTests {
    private struct Expected: Decodable {
        let optimizer: String
        let rate: Double
        let losses: [Double]
    }

    @Test(arguments: [("qwen3", "npy"), ("mixtral", "npy"), ("bert-classes", "npz"), ("resnet", "npz")])
    func fiftyStepsArePyTorchs(name: String, kind: String) throws {
        let stored = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/trajectories.json")))
        let expected = try #require(try JSONDecoder().decode([String: Expected].self, from: stored)[name])
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("transformers/\(name)")))
        var request = FinetuneRequest(model, data: DatasetSource(path: Fixtures.path("trajectories/\(name).\(kind)")))
        request.training.batch = .wholeData
        request.training.length = .steps(expected.losses.count)
        request.training.learningRate = expected.rate
        switch expected.optimizer {
        case "sgd":
            request.training.optimizer = Optimizer(.sgd)
            request.training.optimizer.momentum = 0.9
        case "adamw":
            request.training.optimizer = Optimizer(.adamw)
            request.training.optimizer.weightDecay = 0.01
        default: break
        }
        request.lambda = 0
        request.threads = 2
        var losses: [Double] = []
        #expect(try request.prepared().run(observe: { losses.append($0.report.crossEntropy) }) == .complete)
        #expect(losses.count == 50 && expected.losses.count == 50)
        for (step, (loss, wanted)) in zip(losses, expected.losses).enumerated() {
            #expect(abs(loss - wanted) < 5e-5 * max(1, wanted), "step \(step + 1): \(loss) for \(wanted)")
        }
        // Far enough for a wrong gradient to show.
        #expect(expected.losses[49] < expected.losses[0] - 0.3)
    }

    private struct Experiments: Decodable {
        let rate: Double
        let losses: [Double]
    }

    /// Which entries are the largest changes on the way: see `make_sparse_experiments.py`.
    @Test(arguments: ["sparse", "beside"]) func twelveStepsOfSparseModelsArePyTorchs(name: String) throws {
        let stored = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/sparse-experiments.json")))
        let expected = try #require(try JSONDecoder().decode([String: Experiments].self, from: stored)[name])
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("circuit-sparsity/\(name)")))
        var request = FinetuneRequest(model, data: DatasetSource(path: Fixtures.path("trajectories/circuit-sparsity-\(name).npy")))
        request.training.batch = .wholeData
        request.training.length = .steps(expected.losses.count)
        request.training.learningRate = expected.rate
        request.training.optimizer = Optimizer(.sgd)
        request.lambda = 0
        var losses: [Double] = []
        #expect(try request.prepared().run(observe: { losses.append($0.report.crossEntropy) }) == .complete)
        #expect(losses.count == 12 && expected.losses.count == 12)
        for (step, (loss, wanted)) in zip(losses, expected.losses).enumerated() {
            #expect(abs(loss - wanted) < 5e-5 * wanted, "step \(step + 1): \(loss) for \(wanted)")
        }
        #expect(expected.losses[11] < expected.losses[0] - 0.5)
    }
}
