import Checkpoints
import Datasets
import Evaluation
import Interventions
import Modularity
import Networks
import TestSupport
import Testing

@testable import Circuits

/// Models whose circuits are known because they were built.
@Suite struct KnownCircuitTests {
    private static func induction(_ metric: BehaviourMetric, _ ablation: EdgeAblation) throws -> EdgeExperiment {
        let network = try EdgeFixture.network("models/induction.safetensors")
        let pairs = BehaviourPairs(
            try PromptPairs.open(Fixtures.path("models/induction.pairs.json")).tokenized(prompt: nil, answer: nil, spelling: nil))
        return try EdgeExperiment(
            EdgeGraph(network, .component), PairBatches(pairs, for: network), metric: metric, ablation: ablation, threads: 2)
    }

    private static func names(_ kept: EdgeSet, _ graph: EdgeGraph) -> Set<String> {
        Set(kept.indices.filter { kept[$0] }.map(graph.name))
    }

    /// The path of what differs between a clean and a corrupted prompt.
    private static let tokens: Set = [
        "input->a0.h0<v>", "a0.h0->a1.h0<k>", "input->a1.h0<q>", "input->a1.h0<v>", "a1.h0->logits",
    ]
    /// How the head of the first block finds the previous token: by positions, which the corrupted prompt has too.
    private static let positions: Set = ["input->a0.h0<q>", "input->a0.h0<k>"]

    @Test func discovery_finds_the_induction_circuit_that_was_built() throws {
        let corrupted = CircuitDiscovery(try Self.induction(.divergence, .corrupted), threshold: 0.05)
        let found = try corrupted.run(try corrupted.recordings())
        #expect(Self.names(found.kept, corrupted.experiment.graph) == Self.tokens)
        // One head of the second block is read, and one of the first: 7 + 3 x 4 + 3 edges have to be tried.
        #expect(found.tried == 7 + 3 * 4 + 3)
        let zero = CircuitDiscovery(try Self.induction(.divergence, .zero), threshold: 0.05)
        #expect(Self.names(try zero.run(try zero.recordings()).kept, zero.experiment.graph) == Self.tokens.union(Self.positions))
    }

    @Test(arguments: [EdgeMethod.exact, .attribution(steps: 5)])
    func scores_find_the_induction_circuit_that_was_built(method: EdgeMethod) throws {
        let experiment = try Self.induction(.logitDifference, .corrupted)
        for selection in EdgeSelection.allCases {
            let search = EdgeSearch(experiment, method: method, size: .faithfulness(0.99), selection: selection, resamples: 3, seed: 1)
            let result = try search.run()
            #expect(Self.names(result.kept, experiment.graph) == Self.tokens)
            #expect(abs(try #require(result.faithfulness) - 1) < 1e-3)
            let bootstrap = try #require(result.bootstrap)
            #expect(bootstrap.meanOverlap == 1)
            #expect(bootstrap.counts == result.kept.map { $0 ? 3 : 0 })
        }
    }

    @Test(arguments: [EdgeMethod.exact, .attribution(steps: 1), .attribution(steps: 4)])
    func one_of_two_networks_side_by_side_is_found_by_its_neurons(method: EdgeMethod) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/modular.pt"))
        let catalog = LayerCatalog(checkpoint)
        let architecture = try Chain.architecture(of: checkpoint, catalog: catalog, given: nil).architecture
        let network = try Chain.network(of: checkpoint, architecture)
        let pairs = try BehaviourPairs(byClass: DatasetSource(path: Fixtures.path("models/modular.npz")).open(), seed: 0)
        let graph = try EdgeGraph(network, .neuron)
        #expect(graph.edgeCount == 8 + 64 + 8)
        let experiment = try EdgeExperiment(
            graph, PairBatches(pairs, for: network, batchSize: 16), metric: .logitDifference, ablation: .corrupted, threads: 2)
        let result = try EdgeSearch(experiment, method: method, size: .threshold(1e-6), selection: .top, resamples: 0, seed: 0).run()
        var built: Set<String> = []
        for first in [0, 2, 4, 6] {
            built.insert("input->fc1.n\(first)")
            built.insert("fc2.n\(first)->logits")
            for second in [0, 2, 4, 6] { built.insert("fc1.n\(first)->fc2.n\(second)") }
        }
        let found = Self.names(result.kept, graph)
        // A neuron whose ReLU is never active has no effect; the circuit has the others of that subnetwork and none of the other one.
        #expect(found.isSubset(of: built))
        #expect(found.count >= 20)
        #expect(abs(try #require(result.faithfulness) - 1) < 1e-4)
    }

    @Test func clusters_of_a_chain_are_nodes() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/modular.pt"))
        let catalog = LayerCatalog(checkpoint)
        let network = try Chain.network(of: checkpoint, try Chain.architecture(of: checkpoint, catalog: catalog, given: nil).architecture)
        var groups: [NodeID: [NeuronGroup]] = [:]
        for layer in ["fc1", "fc2"] { groups[try #require(network[layer])] = NeuronGroup.clusters([0, 1, 0, 1, 0, 1, 0, 1]) }
        let graph = try EdgeGraph(network, .cluster, groups: groups)
        let pairs = try BehaviourPairs(byClass: DatasetSource(path: Fixtures.path("models/modular.npz")).open(), seed: 0)
        let experiment = try EdgeExperiment(
            graph, PairBatches(pairs, for: network), metric: .logitDifference, ablation: .corrupted, threads: 2)
        let scores = try ExactPatching(experiment).scores().means
        let moving = Set(scores.indices.filter { abs(scores[$0]) > 1e-6 }.map(graph.name))
        #expect(moving == ["input->fc1.c0", "fc1.c0->fc2.c0", "fc2.c0->logits"])
        let names = (0..<graph.edgeCount).map(graph.name)
        #expect(names.contains("fc1.c1->fc2.c0"))
        #expect(graph.edgeCount == 2 + 4 + 2)
    }

    @Test func channels_of_images_are_nodes() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/cifar-cnn.pt"))
        let architecture = try Architecture(
            "conv1(padding=1),bn1,relu,maxpool(2),conv2(padding=1,stride=2),relu,maxpool(2),flatten,fc1,relu,fc2,relu,fc3")
        let network = try Chain.network(of: checkpoint, architecture)
        let data = try DatasetSource(path: Fixtures.path("models/cifar-cnn.npz")).open()
        let pairs = try BehaviourPairs(byClass: data, seed: 0).prefix(3)
        let graph = try EdgeGraph(network, .neuron)
        let experiment = try EdgeExperiment(graph, PairBatches(pairs, for: network), metric: .loss, ablation: .corrupted, threads: 2)
        let faithfulness = try CircuitFaithfulness(experiment)
        let ends = try faithfulness.measure([graph.whole, graph.empty])
        #expect(abs(ends[0].metric - faithfulness.whole.metric) < 1e-4)
        // Removing an edge leaves the circuit of all the others.
        let scores = try ExactPatching(experiment).scores().means
        for edge in stride(from: 0, to: graph.edgeCount, by: max(1, graph.edgeCount / 7)) {
            var kept = graph.whole
            kept[edge] = false
            let measures = try faithfulness.measure([kept])[0]
            #expect(abs(measures.metric - faithfulness.whole.metric - scores[edge]) < 1e-4, "\(graph.name(of: edge))")
        }
        #expect(scores.contains { abs($0) > 1e-3 })
    }

    @Test func a_chain_has_no_heads_and_layers_that_mix_neurons_are_named() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/modular.pt"))
        let mixed = try Chain.network(of: checkpoint, try Architecture("fc1,softmax,fc2,relu,fc3"))
        #expect { try EdgeGraph(mixed, .neuron) } throws: { "\($0)".contains("site 'fc1.softmax': softmax mixes the neurons of a layer") }
        #expect { try EdgeGraph(mixed, .component) } throws: { "\($0)".contains("a plain chain has no heads") }
        #expect { try EdgeGraph(mixed, .cluster) } throws: { "\($0)".contains("has clusters") }
    }
}
