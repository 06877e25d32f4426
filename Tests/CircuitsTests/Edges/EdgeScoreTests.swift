import Foundation
import Interventions
import Networks
import TestSupport
import Testing

@testable import Circuits

/// Edges, and what patching and attribution say of them, beside PyTorch.
@Suite struct EdgeScoreTests {
    @Test(arguments: EdgeFixture.models) func the_edges_are_those_of_the_transcription(model: String) throws {
        let fixture = try EdgeFixture(model)
        #expect((0..<fixture.graph.edgeCount).map(fixture.graph.name) == fixture.expected.edges)
    }

    @Test(arguments: EdgeFixture.models) func exact_patching_is_one_run_of_pytorch_for_each_edge(model: String) throws {
        let fixture = try EdgeFixture(model)
        for (name, wanted) in fixture.expected.exact {
            let (metric, ablation) = try EdgeFixture.setting(name)
            let found = try ExactPatching(try fixture.experiment(metric, ablation)).scores().means
            EdgeFixture.compare(found, wanted, fixture.expected.edges, "\(model), \(name)")
        }
    }

    @Test(arguments: EdgeFixture.models) func attribution_is_the_product_with_pytorchs_gradient(model: String) throws {
        let fixture = try EdgeFixture(model)
        for (steps, lists) in [(1, fixture.expected.eap), (5, fixture.expected.integrated)] {
            for (name, wanted) in lists {
                let (metric, ablation) = try EdgeFixture.setting(name)
                let found = try EdgeAttribution(try fixture.experiment(metric, ablation), steps: steps).scores().means
                EdgeFixture.compare(found, wanted, fixture.expected.edges, "\(model), \(name), \(steps) steps")
            }
        }
    }

    @Test(arguments: EdgeFixture.models) func discovery_keeps_the_edges_of_the_papers_algorithm(model: String) throws {
        let fixture = try EdgeFixture(model)
        for search in fixture.expected.acdc {
            let discovery = CircuitDiscovery(try fixture.experiment(.divergence), threshold: search.threshold)
            let result = try discovery.run(try discovery.recordings())
            let kept = result.kept.indices.filter { result.kept[$0] }.map(fixture.graph.name)
            #expect(kept == search.kept, "\(model), threshold \(search.threshold)")
        }
    }

    @Test func the_scores_are_the_same_bits_for_any_threads_and_the_pairs_own_add_up() throws {
        let fixture = try EdgeFixture("transformers/llama")
        let one = try fixture.experiment(.logitDifference, threads: 1)
        let three = try fixture.experiment(.logitDifference, threads: 3)
        #expect(try ExactPatching(one).scores().means == ExactPatching(three).scores().means)
        let scores = try EdgeAttribution(one, steps: 3).scores(keepsPairs: true)
        #expect(try scores.means == EdgeAttribution(three, steps: 3).scores().means)
        let again = try #require(scores.mean(over: [0, 1, 2]))
        for (a, b) in zip(again, scores.means) { #expect(abs(a - b) < 1e-5) }
        let twice = try #require(scores.mean(over: [1, 1]))
        let second = try #require(scores.mean(over: [1]))
        #expect(twice == second)
    }

    @Test func gpt2_small_has_32491_edges() throws {
        // The graph of a GPT-2 with as many blocks and heads, each head of one element.
        let sizes: [(String, [Int])] =
            [("wte.weight", [5, 12]), ("wpe.weight", [4, 12])]
            + (0..<12).flatMap { block -> [(String, [Int])] in
                [
                    ("ln_1.weight", [12]), ("ln_1.bias", [12]), ("attn.c_attn.weight", [12, 36]), ("attn.c_attn.bias", [36]),
                    ("attn.c_proj.weight", [12, 12]), ("attn.c_proj.bias", [12]), ("ln_2.weight", [12]), ("ln_2.bias", [12]),
                    ("mlp.c_fc.weight", [12, 8]), ("mlp.c_fc.bias", [8]), ("mlp.c_proj.weight", [8, 12]), ("mlp.c_proj.bias", [12]),
                ].map { ("h.\(block).\($0.0)", $0.1) }
            } + [("ln_f.weight", [12]), ("ln_f.bias", [12])]
        try TemporaryFolder.with { folder in
            let data = try SafetensorsFile.bytes(sizes.map { ($0.0, $0.1, [Float](repeating: 0.1, count: $0.1.reduce(1, *))) })
            try data.write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
            let settings = #"{"model_type": "gpt2", "n_embd": 12, "n_head": 12, "n_layer": 12, "n_inner": 8, "n_positions": 4}"#
            try settings.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
            let graph = try EdgeGraph(try EdgeFixture.network(at: folder), .component)
            #expect(graph.edgeCount == 32_491)
            #expect(graph.sources.count == 157)
            #expect(graph.readers.count == 12 * 36 + 12 + 1)
            #expect(graph.name(of: 0) == "input->a0.h0<q>")
            #expect(graph.name(of: 32_490) == "m11->logits")
        }
    }
}
