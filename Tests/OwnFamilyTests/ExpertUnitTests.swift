import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Modularity
import Networks
import TestSupport
import Testing
import Text

/// Experts as units: switched off and on, patched and counted, against the modules of transformers with hooks.
struct ExpertUnitTests {
    private struct Expected: Decodable {
        struct Block: Decodable {
            let block: Int
            let chosen: [Int]
            let off_zero: [Double]
            let on_zero: [Double]
            let off_mean: [Double]
            let on_mean: [Double]
            let patched: [Double]
            let positions: [[Double]]
        }
        let tokens: [[Int32]]
        let intact: Double
        let blocks: [Block]
        let clean: [[Int32]]
        let corrupted: [[Int32]]
        let right: [Int32]
        let wrong: [Int32]
        let base: Double
    }

    static let models = ["mixtral", "qwen2_moe", "gpt_oss"]

    private func expected(_ name: String) throws -> Expected {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/expert-ablations.json")))
        return try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
    }

    private func model(_ name: String) throws -> (catalog: LayerCatalog, network: Network) {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(name)"))
        let catalog = LayerCatalog(checkpoint)
        return (catalog, try #require(try TransformerFamilies.network(of: checkpoint, catalog: catalog)))
    }

    private func dataset(_ tokens: [[Int32]], _ targets: Dataset.Targets = .nextToken) -> Dataset {
        Dataset(name: "tokens", inputs: .tokens(TokenSequences(tokens)), targets: targets)
    }

    /// The routers with each expert as a cluster, or with the experts' clusters as given.
    private func routers(_ model: (catalog: LayerCatalog, network: Network), _ labels: [Int]? = nil) throws -> [AblatedLayer] {
        try model.catalog.routers.map { layer in
            let out = labels ?? Array(0..<layer.outNeurons)
            let clustering = LayerClustering(
                layer: layer.name, clusterCount: (out.max() ?? 0) + 1, outLabels: Labels(out),
                inLabels: Labels((0..<layer.inNeurons).map { _ in 0 }))
            return try AblatedLayer(layer, in: model.network, clustering: clustering)
        }
    }

    @Test(arguments: models, [ClusterAblation.Fill.zero, .mean])
    func expertsOffAndOnAreThoseOfHooks(name: String, fill: ClusterAblation.Fill) throws {
        let (expected, model) = (try expected(name), try model(name))
        let layers = try routers(model)
        #expect(layers.count == expected.blocks.count && layers.allSatisfy(\.isRouter))
        let batches = try SampleBatches(dataset(expected.tokens), for: model.network, batchSize: 2)
        let result = try ClusterAblation(fill: fill, controls: 3).run(layers, on: batches, threads: 2)
        #expect(abs((result.intact.loss ?? .nan) - expected.intact) < 1e-5)
        for (layer, block) in zip(result.layers, expected.blocks) {
            let wanted = fill == .zero ? (block.off_zero, block.on_zero) : (block.off_mean, block.on_mean)
            for row in layer.rows {
                let value = row.kind == .off ? wanted.0[row.cluster] : wanted.1[row.cluster]
                #expect(abs((row.outcome.loss ?? .nan) - value) < 1e-5, "\(layer.name) \(row.kind) \(row.cluster)")
                #expect(row.neurons == (row.kind == .off ? 1 : block.chosen.count - 1))
                #expect(row.control?.samples == 3)
            }
        }
    }

    @Test func aClusterOfExpertsIsSwitchedAsAWhole() throws {
        let (expected, model) = (try expected("mixtral"), try model("mixtral"))
        let batches = try SampleBatches(dataset(expected.tokens), for: model.network, batchSize: 3)
        // Experts 0 and 2 against 1 and 3: what one cluster off leaves is the other alone.
        let result = try ClusterAblation().run(try routers(model, [0, 1, 0, 1]), on: batches, threads: 1)
        for layer in result.layers {
            func loss(_ kind: ClusterAblation.Switch, _ cluster: Int) -> Double? {
                layer.rows.first { $0.kind == kind && $0.cluster == cluster }?.outcome.loss
            }
            #expect(loss(.off, 0) != nil && loss(.off, 0) == loss(.on, 1) && loss(.off, 1) == loss(.on, 0))
            #expect(loss(.off, 0) != loss(.off, 1))
        }
    }

    @Test(arguments: models) func expertsPatchedAreThoseOfHooks(name: String) throws {
        let (expected, model) = (try expected(name), try model(name))
        let sites = try PatchSites(model.network)
        let pairs = BehaviourPairs(
            name: "pairs", clean: dataset(expected.clean, .none), corrupted: dataset(expected.corrupted, .none),
            answers: expected.right.map { [$0] }, wrongAnswers: expected.wrong.map { [$0] })
        let batches = try PairBatches(pairs, for: model.network, batchSize: 2)
        let scale = expected.blocks.flatMap(\.patched).map { abs($0 - expected.base) }.max() ?? 0
        #expect(scale > 1e-3)
        for places in PatchedPlaces.allCases {
            let parts = try sites.parts(["experts"], granularity: .auto, by: places)
            #expect(parts.allSatisfy { $0.unit == .expert })
            let wanted = expected.blocks.flatMap { block in places == .all ? block.patched : block.positions.flatMap { $0 } }
            let result = try ActivationPatching(places: places).run(parts, on: batches, threads: 2)
            #expect(abs(result.scales[0].corrupted - expected.base) < 1e-5)
            try #require(result.rows.count == wanted.count)
            for (row, value) in zip(result.rows, wanted) {
                // What no run chooses there does not change.
                #expect(abs((row.measures?[0].value ?? expected.base) - value) < 1e-5, "\(row.part.name) \(row.position ?? -1)")
            }
        }
        #expect(try sites.parts(["blocks.0.mlp.experts.2"], granularity: .expert, by: .all).map(\.name) == ["blocks.0.mlp.hook_experts.2"])
        #expect(throws: Problem.self) { try sites.parts(["blocks.0.hook_resid_pre"], granularity: .expert, by: .all) }
        #expect(throws: Problem.self) { try sites.parts(["blocks.0.mlp.experts.9"], granularity: .auto, by: .all) }
    }

    @Test(arguments: models) func choicesAreCountedByExpertAndClass(name: String) throws {
        let (expected, model) = (try expected(name), try model(name))
        var use: ExpertUse?
        let batches = try SampleBatches(dataset(expected.tokens), for: model.network, batchSize: 2)
        _ = try Evaluator(batches, threads: 2).evaluate(experts: { use = $0 })
        #expect(use?.blocks.map(\.positions) == expected.blocks.map(\.chosen) && use?.blocks.map(\.block) == expected.blocks.map(\.block))
        #expect(use?.positions == 24 && use?.classPositions.isEmpty == true)
        let weights = use?.blocks.map { $0.weights.reduce(0, +) } ?? []
        // Weights that are divided by their sum add up to 1 at each position.
        #expect(name == "qwen2_moe" ? weights.allSatisfy { $0 < 24 } : weights.allSatisfy { abs($0 - 24) < 1e-4 })
        let labelled = try SampleBatches(dataset(expected.tokens, .answers([4, 0, 4])), for: model.network, batchSize: 1)
        var byClass: ExpertUse?
        _ = try Evaluator(labelled, threads: 2).evaluate(experts: { byClass = $0 })
        #expect(byClass?.classPositions == [4: 16, 0: 8])
        for (block, other) in zip(byClass?.blocks ?? [], use?.blocks ?? []) {
            #expect(block.positions == other.positions && Set(block.classes.keys) == [0, 4])
            for expert in block.positions.indices {
                #expect(block.classes.values.reduce(0) { $0 + $1[expert] } == block.positions[expert])
            }
        }
    }

    @Test func aModelWithoutExpertsHasNone() throws {
        let model = try model("qwen3")
        #expect(model.catalog.routers.isEmpty)
        var isCalled = false
        let batches = try SampleBatches(dataset([[1, 2, 3]]), for: model.network, batchSize: 1)
        _ = try Evaluator(batches, threads: 1).evaluate(experts: { _ in isCalled = true })
        #expect(!isCalled)
        let sites = try PatchSites(model.network)
        #expect(throws: Problem.self) { try sites.parts(["experts"], granularity: .auto, by: .all) }
    }

    @Test func theOrderOfExpertsStays() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/mixtral"))
        let model = try model("mixtral")
        let layers = try routers(model, [1, 0, 1, 0])
        #expect(throws: Problem.self) { try ClusterOrder(checkpoint, network: model.network, layers: layers) }
    }
}
