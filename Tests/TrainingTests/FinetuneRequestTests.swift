import Checkpoints
import Datasets
import Evaluation
import Foundation
import Modularity
import Networks
import Scoring
import TestSupport
import Testing
import Text
import Training

/// The request of `finetune`, made without a command line. The numbers are PyTorch's, by `make_finetuning.py`.
@Suite struct FinetuneRequestTests {
    private struct Expected: Decodable {
        let layers: [String]
        let lambda: Double
        let samples: Int
        /// Before each step.
        let losses: [Double]
        let clusterability: [[Double]]
        /// The cross-entropy on the whole data after each step.
        let entropies: [Double]
    }

    private static func expected(_ name: String) throws -> Expected {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/finetuning.json")))
        return try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
    }

    private static let data = DatasetSource(path: Fixtures.path("models/mnist-mlp.npz"))

    private static func request(_ optimizer: String) throws -> FinetuneRequest {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/mnist-mlp.pt"))
        var request = FinetuneRequest(
            try LoadedModel(checkpoint, architecture: Architecture("fc1,relu,fc2,relu,fc3,relu,fc4")), data: data)
        let labels = try ClusterRows.labels(Fixtures.path("models/mnist-mlp.clusters.tsv"))
        request.clusters = .given(
            GivenClusters(
                name: "clusters",
                Dictionary(
                    uniqueKeysWithValues: labels.map { name, sides in
                        let (out, input) = (Labels(sides["out"] ?? []), Labels(sides["in"] ?? []))
                        return (name, LayerClustering(layer: name, clusterCount: 4, outLabels: out, inLabels: input))
                    })))
        request.training.batch = .wholeData
        request.training.length = .steps(12)
        // As OPTIMIZERS of `make_training.py` has them.
        if optimizer == "sgd" {
            request.training.optimizer = Optimizer(.sgd)
            (request.training.optimizer.momentum, request.training.optimizer.weightDecay) = (0.9, 0.001)
            request.training.learningRate = 0.01
        } else {
            request.training.optimizer.weightDecay = 0.01
        }
        request.evaluated = data
        request.threads = 2
        return request
    }

    @Test(arguments: ["sgd", "adam"]) func everyStepIsPyTorchs(optimizer: String) throws {
        let expected = try Self.expected(optimizer)
        var request = try Self.request(optimizer)
        request.evaluationInterval = 1
        let run = try request.prepared()
        #expect(run.term.layers.map(\.name) == expected.layers && run.term.lambda == expected.lambda)
        #expect(run.data.dataset.count == expected.samples && run.stepCount == 12 && run.untrainedLayers.isEmpty)
        var steps: [Finetuning.Step] = []
        #expect(try run.run(observe: { steps.append($0) }) == .complete)
        #expect(steps.map(\.report.step) == Array(1...12) && steps.map(\.epoch) == Array(1...12))
        for (step, place) in zip(steps, 0...) {
            #expect(abs(step.report.loss - expected.losses[place]) < 1e-4 * max(1, abs(expected.losses[place])), "step \(place + 1)")
            for (found, wanted) in zip(step.report.clusterability, expected.clusterability[place]) {
                #expect(abs((found ?? .nan) - wanted) < 1e-4, "step \(place + 1)")
            }
            let loss = try #require(step.evaluation?.outcome.loss)
            #expect(abs(loss - expected.entropies[place]) < 1e-4 * max(1, expected.entropies[place]), "step \(place + 1)")
        }
    }

    /// A run ends with the weights of the step with the best evaluation, and is otherwise unchanged.
    @Test func theBestWeightsAreHandedOn() throws {
        let expected = try Self.expected("sgd")
        var request = try Self.request("sgd")
        (request.evaluationInterval, request.keptWeights) = (5, .best)
        let run = try request.prepared()
        _ = try run.run()
        let best = try #require([5, 10, 12].min { expected.entropies[$0 - 1] < expected.entropies[$1 - 1] })
        let last = run.trainer.parameters.all.map(\.elements)
        var handed: Finetuning.Outcome?
        try run.withResult { draft, outcome in
            handed = outcome
            let weights = try #require(draft.tensors.first { $0.name == "fc2.weight" })
            #expect(weights.dtype == .f32 && weights.shape == [32, 32])
            #expect(
                abs(
                    (try Evaluator(run.data, threads: 1, parameters: run.trainer.parameters).evaluate().loss ?? .nan)
                        - expected.entropies[best - 1]) < 1e-4)
        }
        #expect(handed?.step == best && handed?.clusterings?.count == 2 && (handed?.accuracy == nil) == (best != 12))
        #expect(run.trainer.parameters.all.map(\.elements) == last)
        #expect(throws: CancellationError.self) { try run.withResult { _, _ in throw CancellationError() } }
        #expect(run.trainer.parameters.all.map(\.elements) == last)
    }

    @Test func aStoppedRunGoesOnToTheSameBits() throws {
        let whole = try Self.request("adam").prepared()
        _ = try whole.run()
        let first = try Self.request("adam").prepared()
        var states: [TrainingState] = []
        #expect(try first.run(save: { states.append(try first.state()) }, shouldStop: { first.step == 5 }) == .stopped)
        #expect(states.map(\.step) == [5] && first.step == 5)
        let second = try Self.request("adam").prepared()
        try second.restore(try #require(states.last))
        #expect(second.step == 5)
        #expect(try second.run() == .complete)
        #expect(second.trainer.parameters.all.map(\.elements) == whole.trainer.parameters.all.map(\.elements))
    }

    @Test func aStateOfAnotherRunIsRefusedInTheCallersWords() throws {
        var request = try Self.request("adam")
        request.naming = { part in
            switch part {
            case .settings(.rate): "the rate"
            case .term(.lambda): "lambda"
            default: "\(part)"
            }
        }
        let state = try request.prepared().state()
        request.training.learningRate = 0.5
        request.lambda = 3
        let other = try request.prepared()
        #expect(throws: Problem("the run was started with other options: lambda was 20.0 and is 3.0, the rate was 0.001 and is 0.5")) {
            try other.restore(state)
        }
    }

    /// Which part of a run each field of a request determines; fields that determine no number leave a state valid.
    @Test func everyFieldThatDecidesNumbersIsPartOfTheIdentity() throws {
        let changes: [(String, (inout FinetuneRequest) -> Void)] = [
            ("data(limit)", { $0.data.limit = 100 }), ("evaluated(limit)", { $0.evaluated?.limit = 100 }),
            ("evaluated(data)", { $0.evaluated = nil }), ("term(layers)", { $0.layers = ["fc2*"] }),
            ("term(method)", { $0.clusters = .found(.contiguous, .fixed(2)) }), ("plan(warmup)", { $0.warmup = 2 }),
            ("order(batch)", { $0.training.batch = .samples(50) }), ("settings(decay)", { $0.training.decay = .cosine }),
            ("settings(rateWarmup)", { $0.training.rateWarmup = 3 }), ("settings(largestNorm)", { $0.training.largestNorm = 1 }),
            ("plan(steps)", { $0.training.length = .epochs(2) }), ("trainedParameters", { $0.only = ["fc[12]*"] }),
            ("frozenParameters", { $0.frozen = ["fc1*"] }), ("plan(evaluationInterval)", { $0.evaluationInterval = 3 }),
            ("plan(goals)", { $0.wantedAccuracy = 0.5 }), ("keptWeights", { $0.keptWeights = .best }), ("seed", { $0.seed = 9 }),
        ]
        let naming: (RunPart) -> String = { "\($0)".replacing(/[A-Za-z]+\.[A-Za-z.]*\./, with: "") }
        var request = try Self.request("adam")
        request.naming = naming
        let options = try request.prepared().state().options
        for (name, change) in changes {
            var other = request
            change(&other)
            let found = try other.prepared().state().options
            #expect(options[name] != found[name], "\(name)")
        }
        var other = request
        (other.guarded, other.savingInterval, other.threads) = (Self.data, 2, 1)
        #expect(try other.prepared().state().options == options)
    }

    @Test func settingsThatDoNotFitAreNamed() throws {
        var request = try Self.request("adam")
        request.training.length = .epochs(Int.max)
        request.training.batch = .samples(100)
        #expect(throws: Problem("more steps than can be counted", setting: .epochs)) { try request.prepared() }
        let file = DatasetSource(path: Fixtures.path("data/images-idx3-ubyte"))
        let unlabelled = FinetuneRequest(request.model, data: file)
        #expect {
            try unlabelled.prepared()
        } throws: {
            ($0 as? Problem)?.hint == .giveAnswers
        }
    }
}
