import Checkpoints
import Circuits
import Evaluation
import Foundation
import Networks
import Tensors
import TestSupport
import Testing
import Text

@testable import Datasets

/// Edges of encoders of texts and images: norms after sums, answers read from one position, two, or the mean, and branches with a factor for
/// each channel, against the modules of transformers.
struct EncoderEdgesTests {
    private static func network(_ name: String) throws -> Network {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(name)"))
        return try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
    }

    /// The clean and the corrupted samples; each image is the corrupted one of the other.
    private func samples(_ name: String, _ expected: ExpectedEdges) throws -> [Dataset] {
        guard expected.clean.isEmpty else {
            return [expected.clean, expected.corrupted].map { tokens in
                Dataset(name: "pairs", inputs: .tokens(TokenSequences(tokens)), targets: .none)
            }
        }
        let stored = try Checkpoint.open(Fixtures.path("transformers/expected/\(name).safetensors"))
        let record = try #require(stored["images"])
        let images = Dataset(
            name: "pairs", inputs: .values(SampleValues(record, shape: Array(record.shape.dropFirst()), scale: .plain, normalization: nil)),
            targets: .none)
        return [images, images.selecting([1, 0])]
    }

    private func experiment(_ name: String, _ expected: ExpectedEdges, _ ablation: EdgeAblation = .corrupted) throws -> EdgeExperiment {
        let network = try Self.network(name)
        let samples = try samples(name, expected)
        let pairs = expected.pairs(clean: samples[0], corrupted: samples[1])
        return try EdgeExperiment(
            try EdgeGraph(network, .component), PairBatches(pairs, for: network, batchSize: 2), metric: .logitDifference,
            ablation: ablation, threads: 2)
    }

    private func expected(_ name: String) throws -> ExpectedEdges { try ExpectedEdges(name, in: "expected/encoder-edges.json") }

    @Test(arguments: ["bert-masked", "bert-classes", "electra-classes", "vit", "deit-teacher", "dinov2"])
    func edgesAreOneRunOfTheLibrarysModulesEach(name: String) throws {
        let expected = try expected(name)
        let experiment = try experiment(name, expected)
        try expected.expectAgreement(of: experiment)
    }

    @Test(arguments: ["bert-masked", "bert-classes", "vit", "dinov2"]) func withoutEdgesItIsTheCorruptedRun(name: String) throws {
        let experiment = try experiment(name, try expected(name))
        let pairs = experiment.batches.pairs
        let other = BehaviourPairs(
            name: "pairs", clean: pairs.corrupted, corrupted: pairs.clean, answers: pairs.answers, wrongAnswers: pairs.wrongAnswers)
        let swapped = try EdgeExperiment(
            experiment.graph, PairBatches(other, for: experiment.graph.network, batchSize: 1), metric: .logitDifference,
            ablation: .corrupted, threads: 1)
        let (one, two) = (try CircuitFaithfulness(experiment), try CircuitFaithfulness(swapped))
        #expect(abs(one.none.metric - two.whole.metric) < 1e-5 && abs(one.whole.metric - two.none.metric) < 1e-5)
        #expect(abs(one.none.metric - one.whole.metric) > 1e-3)
    }

    @Test(arguments: ["bert", "vit-bare", "deit-bare"]) func modelsWithoutAHeadHaveNoCircuits(name: String) throws {
        let network = try Self.network(name)
        #expect(throws: Problem("the model has no head that scores answers", expected: "a checkpoint with a head")) {
            try EdgeGraph(network, .component)
        }
    }

    @Test func neuronsOfEncodersAreNodes() throws {
        for name in ["bert-classes", "vit", "dinov2"] {
            let experiment = try EdgeGraph(try Self.network(name), .neuron)
            #expect(experiment.sources.contains { $0.name == "m1.n23" }, "\(name)")
        }
    }
}
