import Checkpoints
import Datasets
import Evaluation
import Foundation
import Interventions
import Networks
import Tensors
import TestSupport
import Testing
import Text

/// Activation patching and attribution patching against PyTorch with hooks.
struct ActivationPatchingTests {
    static let languageModels = [
        "transformers/gpt2", "transformers/gpt_neox", "transformers/gpt_neox-sequential", "transformers/mistral", "transformers/gemma",
        "transformers/grokking/model.pth",
    ]

    @Test(arguments: languageModels + ["mnist-mlp", "cifar-cnn"], ActivationPatching.Method.allCases)
    func every_patch_is_that_of_pytorch(name: String, method: ActivationPatching.Method) throws {
        let model = try PatchingFixture(name)
        var compared = 0
        for run in model.expected.runs {
            let patching = ActivationPatching(
                directions: [run.direction == "noise" ? .noise : .denoise], metrics: BehaviourMetric.allCases, method: method,
                places: run.positions > 0 ? .position : .all)
            let parts = try model.parts(run)
            let pairs = run.positions > 0 ? model.pairs.selecting([0, 2]) : model.pairs
            let batches = try PairBatches(pairs, for: model.network, batchSize: 2)
            let result = try patching.run(parts, on: batches, threads: 2)
            #expect(result.pairs == pairs.count && result.rows.count == parts.count * max(run.positions, 1))
            let rows = Dictionary(
                result.rows.map { (PatchingFixture.name($0.part) + " \($0.position ?? 0)", $0) }, uniquingKeysWith: { first, _ in first })
            let values = method == .exact ? run.exact : run.attribution
            for (place, part) in run.parts.enumerated() {
                for position in 0..<max(run.positions, 1) {
                    let row = try #require(rows["\(part) \(position)"])
                    for (metric, wanted) in values[place * max(run.positions, 1) + position].enumerated() {
                        let base = patching.directions == [.denoise] ? result.scales[metric].corrupted : result.scales[metric].clean
                        let found = row.measures?[metric].value ?? base
                        let tolerance = method == .exact ? 1e-5 : 1e-4
                        #expect(
                            abs(found - wanted) < tolerance * max(1, abs(wanted)),
                            "\(part) \(position) \(BehaviourMetric.allCases[metric].rawValue)")
                        compared += 1
                    }
                }
            }
        }
        #expect(compared > 100)
    }

    @Test func the_result_does_not_depend_on_threads() throws {
        let model = try PatchingFixture("transformers/mistral")
        let parts = try model.parts(model.expected.runs[0])
        for method in ActivationPatching.Method.allCases {
            let patching = ActivationPatching(directions: [.denoise, .noise], metrics: [.loss], method: method)
            let results = try [1, 2, 5].map { threads in
                try patching.run(parts, on: PairBatches(model.pairs, for: model.network, batchSize: 2), threads: threads)
            }
            for result in results {
                #expect(result.scales == results[0].scales)
                #expect(result.rows.map(\.measures) == results[0].rows.map(\.measures))
                #expect(result.rows.map(\.change) == results[0].rows.map(\.change))
            }
        }
    }

    @Test func the_whole_stream_carries_the_clean_run_over() throws {
        let model = try PatchingFixture("transformers/gpt2")
        let parts = try PatchSites(model.network).parts(["blocks.*.resid_post"], granularity: .auto, by: .all)
        let patching = ActivationPatching(directions: [.denoise, .noise], metrics: [.logitDifference])
        let batches = try PairBatches(model.pairs, for: model.network)
        let result = try patching.run(parts, on: batches, threads: 1)
        #expect(result.rows.count == 4)
        for row in result.rows {
            let normalized = try #require(row.measures?[0].normalized)
            #expect(abs(normalized - (row.direction == .denoise ? 1 : 0)) < 1e-5)
            #expect((row.relativeChange ?? 0) > 0.1 && row.pairs == 3 && row.change.elements == 14 * 16)
        }
    }

    @Test func what_is_the_same_in_both_runs_is_no_result() throws {
        // The position embeddings do not depend on the tokens, nor does the last position of the tokens' embeddings.
        let model = try PatchingFixture("transformers/gpt2")
        let sites = try PatchSites(model.network)
        let batches = try PairBatches(model.pairs, for: model.network)
        for method in ActivationPatching.Method.allCases {
            let all = ActivationPatching(directions: [.denoise, .noise], method: method)
            let result = try all.run(try sites.parts(["hook_pos_embed"], granularity: .auto, by: .all), on: batches, threads: 1)
            #expect(result.rows.count == 2 && result.rows.allSatisfy { $0.movedNothing && $0.measures == nil })
            #expect(result.strongest(5).isEmpty)
            let each = ActivationPatching(method: method, places: .position)
            let positions = try each.run(try sites.parts(["embed"], granularity: .auto, by: .position), on: batches, threads: 1)
            // Lengths 5, 4 and 5: the last position of four is the last but one of five.
            #expect(positions.rows.map(\.pairs) == [3, 3, 3, 3, 2])
            #expect(positions.rows.map(\.movedNothing) == [false, false, false, false, true])
        }
    }

    @Test func clean_pairs_that_equal_their_corrupted_ones_have_no_scale() throws {
        let model = try PatchingFixture("transformers/gpt2")
        let same = BehaviourPairs(
            name: "same", clean: model.pairs.clean, corrupted: model.pairs.clean, answers: model.pairs.answers,
            wrongAnswers: model.pairs.wrongAnswers)
        let parts = try PatchSites(model.network).parts(by: .all)
        let result = try ActivationPatching(metrics: BehaviourMetric.allCases).run(
            parts, on: PairBatches(same, for: model.network), threads: 1)
        #expect(result.scales.allSatisfy { !$0.moves } && result.rows.allSatisfy(\.movedNothing))
    }

    @Test func the_strongest_come_first() throws {
        let model = try PatchingFixture("transformers/gpt2")
        let parts = try PatchSites(model.network).parts(by: .all)
        #expect(parts.count == 10)
        let result = try ActivationPatching(metrics: [.logitDifference]).run(
            parts, on: PairBatches(model.pairs, for: model.network), threads: 1)
        let effects = result.strongest(4).compactMap { $0.measures?[0].effect }.map(abs)
        #expect(effects == result.rows.compactMap { $0.measures?[0].effect }.map(abs).sorted(by: >).prefix(4).map { $0 })
    }
}

/// The names of sites.
struct PatchSitesTests {
    private static func names(_ model: String, _ patterns: [String], _ granularity: PatchSites.Granularity = .auto) throws -> [String] {
        try PatchSites(PatchingFixture(model).network).parts(patterns, granularity: granularity, by: .all).map(\.name)
    }

    @Test func heads_are_named_by_their_own_index() throws {
        // Four query heads share two key heads.
        #expect(try Self.names("transformers/mistral", ["blocks.1.attn.hook_z"]) == (0..<4).map { "blocks.1.attn.hook_z.\($0)" })
        #expect(try Self.names("transformers/mistral", ["blocks.1.attn.k"]) == (0..<2).map { "blocks.1.attn.hook_k.\($0)" })
        #expect(
            try Self.names("transformers/mistral", ["blocks.*.attn.rot_[qk].1", "!blocks.0.*"]) == [
                "blocks.1.attn.hook_rot_q.1", "blocks.1.attn.hook_rot_k.1",
            ])
        #expect(try Self.names("transformers/mistral", ["pattern"]).count == 8)
        #expect(try Self.names("transformers/mistral", ["v"], .site) == ["blocks.0.attn.hook_v", "blocks.1.attn.hook_v"])
        #expect(try Self.names("transformers/gpt2", ["heads", "!blocks.0.attn.hook_z.[0-2]"]).count == 5)
        #expect(try Self.names("transformers/gpt2", ["resid"]).count == 6)
        #expect(try Self.names("transformers/gpt_neox", ["resid"]).count == 4)
        #expect(try Self.names("transformers/gpt2", ["neurons"]).count == 128)
        #expect(try Self.names("transformers/gpt2", ["blocks.0.mlp.post.17"]) == ["blocks.0.mlp.hook_post.17"])
        #expect(try Self.names("transformers/gpt2", ["blocks.0.attn.hook_z.15"], .neuron) == ["blocks.0.attn.hook_z.15"])
        #expect(try Self.names("mnist-mlp", ["neurons"]).count == 96)
        #expect(try Self.names("cifar-cnn", ["bn1.relu.*", "fc2"]) == (0..<8).map { "bn1.relu.\($0)" } + ["fc2"])
    }

    @Test func the_default_is_an_overview() throws {
        let sites = try PatchSites(PatchingFixture("transformers/mistral").network)
        #expect(try sites.parts(by: .all).count == 2 * (4 + 1))
        #expect(
            try sites.parts(by: .position).map(\.name)
                == (0..<2).flatMap { block in ["resid_pre", "attn_out", "mlp_out"].map { "blocks.\(block).hook_\($0)" } })
        #expect(try PatchSites(PatchingFixture("cifar-cnn").network).parts(by: .all).count == 8 + 16 + 32 + 32)
    }

    @Test(arguments: [
        (
            "transformers/mistral", "blocks.0.attn.hook_k.3",
            "site 'blocks.0.attn.hook_k' has no head 3, expected 0 to 1: 2 of the 4 query heads share each key head"
        ),
        ("transformers/mistral", "blocks.0.attn.z.4", "site 'blocks.0.attn.hook_z' has no head 4, expected 0 to 3"),
        (
            "transformers/mistral", "blocks.7.attn.z",
            "no site matches 'blocks.7.attn.z'; the nearest are 'blocks.0.attn.hook_z', 'blocks.1.attn.hook_z'"
        ),
        ("transformers/gpt2", "blocks.0.hook_mlp_ou", "no site matches 'blocks.0.hook_mlp_ou'; the nearest are 'blocks.0.hook_mlp_out'"),
        ("transformers/gpt2", "blocks.0.mlp.hook_post.64", "site 'blocks.0.mlp.hook_post' has no neuron 64, expected 0 to 63"),
        ("transformers/gpt2", "unembed", "site 'unembed' is the model's output, after which nothing is left to run"),
        ("transformers/gpt_neox", "!resid", "the choice of sites: leaves no site"), ("mnist-mlp", "heads", "the model has no 'heads'"),
    ])
    func what_is_not_there_is_said(model: String, pattern: String, message: String) throws {
        let error = try #require(#expect(throws: Problem.self) { try Self.names(model, [pattern]) })
        #expect("\(error)".hasPrefix(message), "\(error)")
    }

    @Test func not_every_site_has_heads_and_positions() throws {
        let gpt2 = try PatchSites(PatchingFixture("transformers/gpt2").network)
        #expect(throws: Problem.self) { try gpt2.parts(["blocks.0.hook_mlp_out"], granularity: .head, by: .all) }
        #expect(try gpt2.parts(["blocks.0.*"], granularity: .head, by: .all).allSatisfy { $0.unit == .head })
        let mlp = try PatchSites(PatchingFixture("mnist-mlp").network)
        let error = try #require(#expect(throws: Problem.self) { try mlp.parts(["fc2"], granularity: .auto, by: .position) })
        #expect("\(error)".hasPrefix("site 'fc2' has no positions"))
    }
}

/// A model with pairs, and PyTorch's values for its patches.
struct PatchingFixture {
    let network: Network
    let pairs: BehaviourPairs
    let expected: Expected
    private let layers: [AblatedLayer]

    /// What `make_patching.py` wrote.
    struct Expected: Decodable {
        struct Pair: Decodable {
            let clean: [Int32]
            let corrupted: [Int32]
            let answers: [Int32]
            let wrong: [Int32]
        }

        struct Run: Decodable {
            let direction: String
            let positions: Int
            let parts: [String]
            let exact: [[Double]]
            let attribution: [[Double]]
        }

        let pairs: [Pair]?
        let samples: [[Int]]?
        let runs: [Run]
    }

    private static let all = Result {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/patching.json")))
        return try JSONDecoder().decode([String: Expected].self, from: data)
    }

    init(_ name: String) throws {
        let expected = try #require(try Self.all.get()[name])
        self.expected = expected
        if let pairs = expected.pairs {
            let checkpoint = try Checkpoint.open(Fixtures.path(name))
            network = try #require(try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)))
            let prompts = PromptPairs(
                name: name,
                pairs: pairs.map { pair in
                    .init(
                        clean: .tokens(pair.clean), corrupted: .tokens(pair.corrupted), answers: pair.answers.map { .tokens([$0]) },
                        wrongAnswers: pair.wrong.map { .tokens([$0]) })
                })
            self.pairs = BehaviourPairs(try prompts.tokenized(prompt: nil, answer: nil))
            layers = []
        } else {
            let model = try ModelFixture(name)
            network = model.network
            layers = try model.layers()
            let samples = try #require(expected.samples)
            let dataset = model.batches.dataset
            guard case .labels(let labels) = dataset.targets else { throw CancellationError() }
            pairs = BehaviourPairs(
                name: name, clean: dataset.selecting(samples.map { $0[0] }), corrupted: dataset.selecting(samples.map { $0[1] }),
                answers: samples.map { [labels[$0[0]]] }, wrongAnswers: samples.map { [labels[$0[1]]] })
        }
    }

    /// The name of a part as the script has it.
    static func name(_ part: PatchedPart) -> String {
        part.unit == .cluster ? "\(part.site).cluster.\(part.index ?? -1)" : part.name
    }

    func parts(_ run: Expected.Run) throws -> [PatchedPart] {
        let named = run.parts.filter { !$0.contains(".cluster.") }
        let places: PatchedPlaces = run.positions > 0 ? .position : .all
        let wanted = Set(run.parts)
        return try PatchSites(network).parts(named, granularity: .auto, by: places)
            + PatchedPart.clusters(of: layers, in: network).filter { wanted.contains(Self.name($0)) }
    }
}
