import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Networks
import TestSupport
import Testing

@testable import Circuits

/// A small model with pairs, and the scores of its edges by `make_edge_circuits.py`.
struct EdgeFixture {
    struct Expected: Decodable {
        struct Pairs: Decodable {
            let clean: [[Int32]]
            let corrupted: [[Int32]]
            let answers: [[Int32]]
            let wrong: [[Int32]]
        }

        struct Search: Decodable {
            let threshold: Double
            let kept: [String]
        }

        let pairs: Pairs
        let edges: [String]
        /// By `METRIC ABLATION`.
        let exact: [String: [Double]]
        let eap: [String: [Double]]
        let integrated: [String: [Double]]
        let acdc: [Search]
        /// By the ablation, for a half and for a third of the edges: logit difference and KL.
        let circuits: [String: [[Double]]]

        enum CodingKeys: String, CodingKey {
            case pairs, edges, exact, eap
            case integrated = "eap-ig"
            case acdc, circuits
        }
    }

    static let models = [
        "transformers/gpt2", "transformers/gpt_neox", "transformers/llama", "transformers/grokking/model.pth",
        "transformers/llama clusters",
        "transformers/grokking/model.pth neurons",
    ]

    let graph: EdgeGraph
    let pairs: BehaviourPairs
    let expected: Expected

    init(_ name: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/edges.json")))
        expected = try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
        let parts = name.split(separator: " ")
        let network = try Self.network(String(parts[0]))
        pairs = Self.pairs(expected.pairs)
        guard parts.count > 1, parts[1] == "clusters" else {
            graph = try EdgeGraph(network, parts.count > 1 ? .neuron : .component)
            return
        }
        // Neuron i of every MLP is in cluster i mod 3.
        var groups: [NodeID: [NeuronGroup]] = [:]
        for (place, node) in network.nodes.enumerated() where node.site.hasSuffix("mlp.hook_pre") {
            let width = try #require(node.parameters.first.map { network.parameters[$0.index].shape[0] })
            groups[NodeID(place)] = NeuronGroup.clusters((0..<width).map { $0 % 3 })
        }
        graph = try EdgeGraph(network, .cluster, groups: groups)
    }

    static func network(_ path: String) throws -> Network { try network(at: Fixtures.path(path)) }

    static func network(at path: String) throws -> Network {
        let checkpoint = try Checkpoint.open(path)
        return try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
    }

    private static func pairs(_ given: Expected.Pairs) -> BehaviourPairs {
        BehaviourPairs(
            name: "pairs", clean: Dataset(name: "pairs", inputs: .tokens(TokenSequences(given.clean)), targets: .none),
            corrupted: Dataset(name: "pairs", inputs: .tokens(TokenSequences(given.corrupted)), targets: .none), answers: given.answers,
            wrongAnswers: given.wrong)
    }

    func experiment(
        _ metric: BehaviourMetric, _ ablation: EdgeAblation = .corrupted, batchSize: Int? = 2, threads: Int = 2
    ) throws -> EdgeExperiment {
        try EdgeExperiment(
            graph, PairBatches(pairs, for: graph.network, batchSize: batchSize), metric: metric, ablation: ablation, threads: threads)
    }

    /// The metric and the ablation of an expected list's name.
    static func setting(_ name: String) throws -> (BehaviourMetric, EdgeAblation) {
        let parts = name.split(separator: " ").map(String.init)
        return (try #require(BehaviourMetric(rawValue: parts[0])), try #require(EdgeAblation(rawValue: parts[1])))
    }

    /// Compares scores edge by edge, to 1e-4 of the largest.
    static func compare(_ found: [Double], _ wanted: [Double], _ names: [String], _ what: String) {
        #expect(found.count == wanted.count)
        let scale = wanted.map(abs).max() ?? 0
        #expect(scale > 0)
        for (place, pair) in zip(found, wanted).enumerated() where abs(pair.0 - pair.1) > 1e-4 * scale {
            Issue.record("\(what): \(names[place]): \(pair.0) for \(pair.1)")
        }
    }
}
