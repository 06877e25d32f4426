import Checkpoints
import Circuits
import Datasets
import Evaluation
import Foundation
import Networks
import TestSupport
import Testing

/// Edges of families with norms of queries and keys, norms inside the branches, bounded scores and logits, scaled branches, and experts,
/// against the modules of transformers.
struct FamilyEdgesTests {
    private struct Expected: Decodable {
        let clean: [[Int32]]
        let corrupted: [[Int32]]
        let right: [Int32]
        let wrong: [Int32]
        let edges: [String]
        let exact: [Double]
        let eap: [Double]
    }

    private func experiment(_ name: String, _ expected: Expected) throws -> EdgeExperiment {
        // After a colon stands how finely the network is divided.
        let parts = name.split(separator: ":")
        let granularity = try #require(EdgeGranularity(rawValue: parts.count > 1 ? String(parts[1]) : "component"))
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(parts[0])"))
        let network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
        func dataset(_ tokens: [[Int32]]) -> Dataset { Dataset(name: "pairs", inputs: .tokens(TokenSequences(tokens)), targets: .none) }
        let pairs = BehaviourPairs(
            name: "pairs", clean: dataset(expected.clean), corrupted: dataset(expected.corrupted), answers: expected.right.map { [$0] },
            wrongAnswers: expected.wrong.map { [$0] })
        return try EdgeExperiment(
            try EdgeGraph(network, granularity), PairBatches(pairs, for: network, batchSize: 2), metric: .logitDifference,
            ablation: .corrupted, threads: 2)
    }

    @Test(arguments: [
        "qwen3", "gemma2", "olmo2", "granite", "mixtral", "qwen2_moe", "gpt_oss", "mixtral:expert", "qwen2_moe:expert", "gpt_oss:expert",
        "llama4_text", "llama4_text:expert",
    ]) func edgesAreOneRunOfTheLibrarysModulesEach(
        name: String
    ) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/family-edges.json")))
        let expected = try #require(try JSONDecoder().decode([String: Expected].self, from: data)[name])
        let experiment = try experiment(name, expected)
        try expectEdges(of: experiment, edges: expected.edges, exact: expected.exact, eap: expected.eap)
    }
}
