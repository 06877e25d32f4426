import Archives
import Checkpoints
import Circuits
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

/// What OpenAI's sparse circuit models are good for beyond their logits: edges against runs of their modules one by one, patching, neurons moved and
/// removed, training.
struct SparseModelTests {
    private struct Model {
        let checkpoint: Checkpoint
        let network: Network

        init(_ path: String) throws {
            checkpoint = try Checkpoint.open(path)
            network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
        }

        init(fixture name: String) throws { try self.init(Fixtures.path("circuit-sparsity/" + name)) }

        func layers() throws -> [AblatedLayer] {
            try LayerCatalog(checkpoint).defaultLayers.map { layer in
                func labels(_ count: Int) -> Labels { Labels((0..<count).map { $0 % 2 }) }
                let clustering = LayerClustering(
                    layer: layer.name, clusterCount: 2, outLabels: labels(layer.outNeurons), inLabels: labels(layer.inNeurons))
                return try AblatedLayer(layer, in: network, clustering: clustering)
            }
        }

        func logits() throws -> [Float] {
            var logits: [Float] = []
            let tokens: [[Int32]] = [[3, 1, 20, 7, 9, 0, 11, 24], [5, 5, 2, 19, 6, 8, 23, 4]]
            let data = Dataset(name: "tokens", inputs: .tokens(TokenSequences(tokens)), targets: .nextToken)
            _ = try Evaluator(SampleBatches(data, for: network, batchSize: 2), threads: 1).evaluate(logits: { logits += $0.elements })
            return logits
        }
    }

    private static func experiment(_ name: String, _ granularity: EdgeGranularity = .component) throws -> (EdgeExperiment, ExpectedEdges) {
        let (model, expected) = (try Model(fixture: name), try ExpectedEdges(name, in: "circuit-sparsity/edges.json"))
        let experiment = try EdgeExperiment(
            try EdgeGraph(model.network, granularity), PairBatches(expected.pairs, for: model.network, batchSize: 2),
            metric: .logitDifference, ablation: .corrupted, threads: 2)
        return (experiment, expected)
    }

    @Test(arguments: ["sparse", "beside", "heads"]) func edgesAreOneRunOfThePartsEach(_ name: String) throws {
        let (experiment, expected) = try Self.experiment(name)
        try expected.expectAgreement(of: experiment)
    }

    @Test(arguments: ["sparse", "beside", "heads"]) func circuitsOfSeveralEdgesAreOneRunToo(_ name: String) throws {
        let (experiment, expected) = try Self.experiment(name)
        let faithfulness = try CircuitFaithfulness(experiment)
        let scale = max(abs(faithfulness.whole.metric), abs(faithfulness.none.metric))
        let places = Dictionary(uniqueKeysWithValues: (0..<experiment.graph.edgeCount).map { (experiment.graph.name(of: $0), $0) })
        for circuit in try #require(expected.circuits) {
            var kept = experiment.graph.empty
            for edge in circuit.left { kept[try #require(places[expected.edges[edge]])] = true }
            let found = try faithfulness.measure([kept])[0].metric
            #expect(abs(found - circuit.difference) <= 1e-4 * scale, "\(circuit.left.count) edges: \(found) for \(circuit.difference)")
        }
        // The search that changes a run edge by edge ends where the whole run of its circuit does.
        let discovery = CircuitDiscovery(experiment, threshold: 0.02 * scale)
        let kept = try discovery.run(try discovery.recordings()).kept
        #expect(kept.contains(true) && kept.contains(false))
    }

    @Test func neuronsOfWhichSomeAreKeptAreNoNodes() throws {
        #expect(throws: Problem.self) { try EdgeGraph(try Model(fixture: "heads").network, .neuron) }
    }

    @Test(arguments: ["sparse", "beside", "dense"]) func everyPartCanBePatched(_ name: String) throws {
        let model = try Model(fixture: name)
        let parts = try PatchSites(model.network).parts(
            ["heads", "q", "k", "v", "attn_out", "mlp_out", "neurons"], granularity: .auto, by: .all)
        let result = try ActivationPatching(directions: [.denoise], metrics: [.logitDifference])
            .run(
                parts,
                on: PairBatches(try ExpectedEdges("beside", in: "circuit-sparsity/edges.json").pairs, for: model.network, batchSize: 2),
                threads: 2)
        #expect(result.rows.count == parts.count)
        #expect(result.rows.contains { abs(($0.measures?[0].value ?? result.scales[0].corrupted) - result.scales[0].corrupted) > 1e-4 })
    }

    @Test(arguments: ["sparse", "beside", "dense", "heads"]) func neuronsInAnotherOrderComputeTheSame(_ name: String) throws {
        let model = try Model(fixture: name)
        let order = try ClusterOrder(model.checkpoint, network: model.network, layers: try model.layers())
        let logits = try model.logits()
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/changed/").write(order.rewiring.draft)
            let changed = try Model(folder + "/changed")
            #expect(zip(try changed.logits(), logits).allSatisfy { abs($0 - $1) < 2e-5 })
            let parameter = try #require(try model.layers().first).parameter
            #expect(changed.network.values[parameter].elements != model.network.values[parameter].elements)
        }
    }

    @Test func aClusterAloneIsCutOutUnlessTheNeuronsCompete() throws {
        for name in ["sparse", "heads"] {
            let model = try Model(fixture: name)
            #expect(throws: Problem.self) {
                try ClusterExtraction(model.checkpoint, network: model.network, layers: try model.layers(), cluster: 0)
            }
        }
        let model = try Model(fixture: "beside")
        let extraction = try ClusterExtraction(model.checkpoint, network: model.network, layers: try model.layers(), cluster: 0)
        #expect(extraction.widths.allSatisfy { $0 == 10 })
    }
}
