import Evaluation
import Datasets
import Foundation
import Interventions
import Networks
import TestSupport
import Testing

@testable import Circuits

/// The scores of edges by patching and attribution, compared with PyTorch's.
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

    /// Where a norm is read by the readers of one stage alone, what they get back is computed once.
    @Test(arguments: EdgeFixture.models) func every_norm_before_readers_is_a_detour(model: String) throws {
        let graph = try EdgeFixture(model).graph
        let detours = EdgeDetours(graph, shapes: try graph.network.shapes(for: .tokens(samples: 2, length: 4)))
        let normed = graph.stages.filter { $0.norm != nil && !$0.isOutput }
        #expect(
            Set(detours.stages.keys) == Set(normed.compactMap { $0.norm?.output }) && Set(detours.read.keys) == Set(detours.stages.keys))
        #expect(normed.isEmpty == model.hasPrefix("transformers/grokking"))
        #expect(detours.others.isEmpty == !normed.isEmpty)
        for (norm, stage) in detours.stages {
            let isAlone = stage.units.flatMap(\.readers).count == 1
            #expect(detours.read[norm] == (isAlone ? [norm] : Set(stage.units.flatMap { $0.targets.map(\.node) })))
        }
    }

    /// In the last block all but keys and values; where its parts read the same stream, that is needed for them.
    @Test(arguments: ["transformers/gpt2", "transformers/gpt_neox", "transformers/llama", "transformers/llama clusters"])
    func what_leads_to_the_answer_without_keys_and_values_is_computed_at_its_position(model: String) throws {
        let graph = try EdgeFixture(model).graph
        let network = graph.network
        let atEnd = graph.nodesAtEnd(isSequence: true)
        let blocks = network.anatomy.blocks
        let block = try #require(blocks.last)
        let (attention, mlp) = (try #require(block.attention), try #require(block.mlp))
        let isParallel = attention.reading.state == mlp.reading.state
        let wanted: [NodeID?] = [
            attention.query.node, attention.mixed, mlp.reading.norm, block.after, isParallel ? nil : mlp.reading.state,
        ]
        for node in wanted.compactMap(\.self) + mlp.layers { #expect(atEnd.contains(node), "\(network.nodes[node.index].site)") }
        let elsewhere: [NodeID?] = [
            attention.key.node, attention.value.node, attention.reading.norm, attention.reading.state, graph.input,
        ]
        for node in elsewhere.compactMap(\.self) { #expect(!atEnd.contains(node), "\(network.nodes[node.index].site)") }
        let before = blocks.dropLast().flatMap {
            [$0.attention?.query.node, $0.attention?.mixed, $0.mlp?.post, $0.before].compactMap(\.self)
        }
        #expect(atEnd.isDisjoint(with: before) && !before.isEmpty)
        #expect(graph.nodesAtEnd(isSequence: false).isEmpty)
    }

    @Test(arguments: EdgeFixture.models) func discovery_keeps_the_edges_of_the_papers_algorithm(model: String) throws {
        let fixture = try EdgeFixture(model)
        for search in fixture.expected.acdc {
            // The three pairs in three batches, in two, and all at once.
            for (batchSize, batches) in [(1, 3), (2, 2), (3, 1)] {
                let experiment = try fixture.experiment(.divergence, batchSize: batchSize)
                #expect(experiment.batches.batches.count == batches)
                let discovery = CircuitDiscovery(experiment, threshold: search.threshold)
                let result = try discovery.run(try discovery.recordings())
                let kept = result.kept.indices.filter { result.kept[$0] }.map(fixture.graph.name)
                #expect(kept == search.kept, "\(model), threshold \(search.threshold), batches of \(batchSize)")
            }
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

    /// Pairs of six tokens and pairs of four, together and apart: the means over all pairs.
    @Test func pairs_may_differ_in_length() throws {
        let fixture = try EdgeFixture("transformers/llama")
        let long = fixture.expected.pairs
        func pairs(_ clean: [[Int32]], _ corrupted: [[Int32]], _ answers: [[Int32]], _ wrong: [[Int32]]) -> BehaviourPairs {
            BehaviourPairs(
                name: "pairs", clean: Dataset(name: "pairs", inputs: .tokens(TokenSequences(clean)), targets: .none),
                corrupted: Dataset(name: "pairs", inputs: .tokens(TokenSequences(corrupted)), targets: .none), answers: answers,
                wrongAnswers: wrong)
        }
        let (clean, corrupted) = (long.clean.prefix(2).map { Array($0.suffix(4)) }, long.corrupted.prefix(2).map { Array($0.suffix(4)) })
        let (answers, wrong) = (Array(long.answers.prefix(2)), Array(long.wrong.prefix(2)))
        let short = pairs(clean, corrupted, answers, wrong)
        // The lengths alternate.
        let mixed = pairs(
            [long.clean[0], clean[0], long.clean[1], clean[1], long.clean[2]],
            [long.corrupted[0], corrupted[0], long.corrupted[1], corrupted[1], long.corrupted[2]],
            [long.answers[0], answers[0], long.answers[1], answers[1], long.answers[2]],
            [long.wrong[0], wrong[0], long.wrong[1], wrong[1], long.wrong[2]])
        func scores(_ pairs: BehaviourPairs, batch: Int?, steps: Int?) throws -> [Double] {
            let experiment = try EdgeExperiment(
                fixture.graph, PairBatches(pairs, for: fixture.graph.network, batchSize: batch), metric: .logitDifference,
                ablation: .corrupted,
                threads: 2)
            guard let steps else { return try ExactPatching(experiment).scores().means }
            return try EdgeAttribution(experiment, steps: steps).scores().means
        }
        for steps in [nil, 1, 3] {
            let wanted = zip(try scores(fixture.pairs, batch: nil, steps: steps), try scores(short, batch: nil, steps: steps)).map {
                (3 * $0 + 2 * $1) / 5
            }
            let largest = wanted.map(abs).max() ?? 0
            for batch in [nil, 1, 2] {
                let found = try scores(mixed, batch: batch, steps: steps)
                #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 * largest } && largest > 0.01)
            }
        }
        let kept = try [1, 2, 64].map { batch in
            let experiment = try EdgeExperiment(
                fixture.graph, PairBatches(mixed, for: fixture.graph.network, batchSize: batch), metric: .divergence, ablation: .corrupted,
                threads: 2)
            let discovery = CircuitDiscovery(experiment, threshold: 0.02)
            return try discovery.run(try discovery.recordings()).kept
        }
        #expect(kept[0] == kept[1] && kept[0] == kept[2] && kept[0].contains(true) && kept[0].contains(false))
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
