import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import Tensors
import TestSupport
import Testing
import Text

/// Ablation of language models against PyTorch with forward hooks and with weights set to 0.
struct LanguageModelAblationTests {
    static let models = ["gpt2-tiny", "llama-tiny", "transformers/grokking/model.pth", "models/tied-square"]

    @Test(arguments: models, [("activations", "zero"), ("activations", "mean"), ("weights", "zero")])
    func every_intervention_answers_as_in_pytorch(name: String, how: (reading: String, fill: String)) throws {
        let model = try LanguageModelFixture(name, batchSize: 2)
        let ablation = ClusterAblation(
            reading: try #require(.init(rawValue: how.reading)), fill: try #require(.init(rawValue: how.fill)))
        var predictions: [[[Int32]]] = []
        let result = try ablation.run(
            try model.layers(), on: model.batches, threads: 2,
            answers: { batch in
                if predictions.isEmpty { predictions = batch.layers.map { $0.map { _ in [] } } }
                for (layer, rows) in batch.layers.enumerated() {
                    for (row, answers) in rows.enumerated() { predictions[layer][row] += answers.predictions }
                }
            })
        #expect(abs((result.intact.loss ?? .nan) - model.expected.loss) < 1e-5)
        #expect(result.intact.total.correct == model.expected.correct)
        #expect(model.expected.correct > 0)
        for expected in model.expected.layers {
            let index = try #require(result.layers.firstIndex { $0.name == expected.layer })
            let rows = expected.rows.filter { $0.reading == how.reading && $0.fill == how.fill }
            #expect(rows.count == 2 * LanguageModelFixture.clusterCount)
            for row in rows {
                let what: Comment = "\(expected.layer) \(row.kind) \(row.cluster)"
                let place = try #require(
                    result.layers[index].rows.firstIndex { $0.kind.rawValue == row.kind && $0.cluster == row.cluster })
                let found = result.layers[index].rows[place]
                #expect(found.neurons == row.neurons, what)
                #expect(found.outcome.total.correct == row.correct, what)
                #expect(abs((found.outcome.loss ?? .nan) - row.loss) < 1e-5 * max(1, row.loss), what)
                #expect(!found.movedNothing, what)
                if let wanted = row.predictions { #expect(predictions[index][place] == wanted, what) }
            }
            for row in expected.dependence where row.reading == how.reading && row.fill == how.fill {
                #expect(
                    result.layers[index].dependence[try #require(.init(rawValue: row.kind))] == row.counts, "\(expected.layer) \(row.kind)")
            }
        }
    }

    @Test(arguments: [
        ("gpt2-tiny", ["attn.qkv", "mlp.hook_pre", "hook_mlp_out"], "hook_embed"),
        ("llama-tiny", ["attn.hook_q", "mlp.hook_pre", "mlp.hook_pre_linear", "hook_mlp_out"], "unembed"),
        ("models/tied-square", [], "unembed"),
    ]) func a_layer_is_switched_where_its_neurons_are(name: String, inBlocks: [String], outside: String) throws {
        let model = try LanguageModelFixture(name)
        let sites = try model.layers().map { model.batches.network.nodes[$0.node.index].site }
        #expect(Set(sites.map { $0.replacing(/^blocks\.\d+\./, with: "") }) == Set(inBlocks + [outside]))
    }

    @Test(arguments: ["sparse", "beside"]) func clusters_of_sparse_models_are_those_of_pytorch(name: String) throws {
        let expected = try SparseExperiments(name)
        let checkpoint = try Checkpoint.open(Fixtures.path("circuit-sparsity/\(name)"))
        let model = try LoadedModel(checkpoint)
        let batches = try model.batches(DatasetSource(path: Fixtures.path("trajectories/circuit-sparsity-\(name).npy")), batchSize: 4)
        let names = Set(expected.rows.map(\.layer)).sorted()
        let layers = try names.map { name in
            let layer = try #require(model.catalog[name])
            let clustering = LayerClustering(
                layer: layer.name, clusterCount: 3, outLabels: Labels((0..<layer.outNeurons).map { $0 % 3 }),
                inLabels: Labels((0..<layer.inNeurons).map { $0 % 3 }))
            return try AblatedLayer(layer, in: model.network, clustering: clustering)
        }
        let result = try ClusterAblation(reading: .activations, fill: .zero).run(layers, on: batches, threads: 2)
        #expect(abs((result.intact.loss ?? .nan) - expected.intact) < 1e-5)
        #expect(names.count == 2 && expected.rows.count == 12)
        for row in expected.rows {
            let layer = try #require(result.layers.first { $0.name == row.layer })
            let found = try #require(layer.rows.first { $0.kind.rawValue == row.kind && $0.cluster == row.cluster })
            #expect(abs((found.outcome.loss ?? .nan) - row.loss) < 2e-5, "\(row.layer) \(row.kind) \(row.cluster)")
        }
    }

    @Test func scores_in_tiles_are_the_networks_output() throws {
        // 50 sequences of 9 tokens at once: more rows than a tile has.
        let model = try LanguageModelFixture("gpt2-tiny", repeating: 10, batchSize: 50)
        let network = model.batches.network
        let worker = BatchWorker(model.batches, team: Team(size: 1))
        let run = try worker.run(0, request: RunRequest(recorded: [network.output]))
        let whole = try #require(run[network.output]).copied()
        var kept: [Float] = []
        let evaluator = Evaluator(model.batches, threads: 2)
        let withScores = try evaluator.evaluate(logits: { scores in
            #expect(scores.shape == whole.shape)
            kept += scores.elements
        })
        #expect(zip(kept, whole.elements).allSatisfy { abs($0 - $1) < 1e-5 } && kept.count == whole.count)
        let without = try evaluator.evaluate()
        #expect(without.total == withScores.total)
        #expect(try Evaluator(model.batches, threads: 1).evaluate().total == without.total)
        #expect(without.total.count == 400 && without.total.correct == 10 * model.expected.correct)
        #expect(abs((without.loss ?? .nan) - model.expected.loss) < 1e-5)
    }

    @Test func tokens_that_a_model_reads_and_does_not_score_are_no_answers() throws {
        // This model reads 12 tokens and scores 10.
        let network = try LanguageModelFixture("transformers/grokking/model.pth").batches.network
        _ = try SampleBatches(try Dataset.windows(of: [11, 9, 0, 10, 4, 5], context: 3, name: "ids"), for: network)
        let error = #expect(throws: Problem.self) {
            try SampleBatches(try Dataset.windows(of: [1, 9, 0, 4, 5, 10], context: 3, name: "ids"), for: network)
        }
        #expect(
            "\(try #require(error))"
                == "ids: sample 1 has a token that the model reads but does not score, at position 2, expected next tokens from 0 to 9, found 10; "
                + "an npz with x and y asks for one answer at the last position alone")
    }
}

/// What `make_sparse_experiments.py` wrote of a sparse circuit model.
private struct SparseExperiments: Decodable {
    struct Row: Decodable {
        let layer: String
        let kind: String
        let cluster: Int
        let loss: Double
    }

    let intact: Double
    let rows: [Row]

    init(_ name: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/sparse-experiments.json")))
        self = try #require(try JSONDecoder().decode([String: SparseExperiments].self, from: data)[name])
    }
}

/// A language model with PyTorch's values for its interventions.
struct LanguageModelFixture {
    static let clusterCount = 3

    let catalog: LayerCatalog
    let batches: SampleBatches
    let expected: Expected

    /// What `make_language_ablations.py` wrote.
    struct Expected: Decodable {
        struct Row: Decodable {
            let reading: String
            let fill: String
            let kind: String
            let cluster: Int
            let neurons: Int
            let loss: Double
            let correct: Int
            let predictions: [Int32]?
        }

        struct Dependence: Decodable {
            let reading: String
            let fill: String
            let kind: String
            let counts: [Int]
        }

        struct Layer: Decodable {
            let layer: String
            let rows: [Row]
            let dependence: [Dependence]
        }

        let tokens: [[Int32]]
        let answers: [Int32]?
        let loss: Double
        let correct: Int
        let layers: [Layer]
    }

    /// - Parameter repeating: how often the samples are repeated.
    init(_ name: String, repeating: Int = 1, batchSize: Int? = nil) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path(name))
        catalog = LayerCatalog(checkpoint)
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/language-models.json")))
        let expected = try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
        self.expected = expected
        let network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: catalog))
        let tokens = (0..<repeating).flatMap { _ in expected.tokens }
        let targets = expected.answers.map { answers in Dataset.Targets.answers((0..<repeating).flatMap { _ in answers }) } ?? .nextToken
        let dataset = Dataset(name: name, inputs: .tokens(TokenSequences(tokens)), targets: targets)
        batches = try SampleBatches(dataset, for: network, batchSize: batchSize)
    }

    /// The layers in the order of the expected values, with the clusters that the script's rule gives.
    func layers() throws -> [AblatedLayer] {
        try expected.layers.map { expected in
            let layer = try #require(catalog[expected.layer])
            let clustering = LayerClustering(
                layer: layer.name, clusterCount: Self.clusterCount,
                outLabels: Labels((0..<layer.outNeurons).map { (7 * $0 + $0 / 3) % Self.clusterCount }),
                inLabels: Labels((0..<layer.inNeurons).map { (5 * $0 + $0 / 4) % Self.clusterCount }))
            return try AblatedLayer(layer, in: batches.network, clustering: clustering)
        }
    }
}
