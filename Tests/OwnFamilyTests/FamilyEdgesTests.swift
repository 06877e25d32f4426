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
    private func experiment(_ name: String, _ expected: ExpectedEdges) throws -> EdgeExperiment {
        // After a colon stands how finely the network is divided.
        let parts = name.split(separator: ":")
        let granularity = try #require(EdgeGranularity(rawValue: parts.count > 1 ? String(parts[1]) : "component"))
        let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(parts[0])"))
        let network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
        return try EdgeExperiment(
            try EdgeGraph(network, granularity), PairBatches(expected.pairs, for: network, batchSize: 2), metric: .logitDifference,
            ablation: .corrupted, threads: 2)
    }

    @Test(arguments: [
        "qwen3", "gemma2", "olmo2", "granite", "mixtral", "qwen2_moe", "gpt_oss", "mixtral:expert", "qwen2_moe:expert", "gpt_oss:expert",
        "llama4_text", "llama4_text:expert",
    ]) func edgesAreOneRunOfTheLibrarysModulesEach(
        name: String
    ) throws {
        let expected = try ExpectedEdges(name, in: "expected/family-edges.json")
        let experiment = try experiment(name, expected)
        try expected.expectAgreement(of: experiment)
    }
}
