import Checkpoints
import Tensors
import TestSupport
import Testing

@testable import Networks

/// Models of every family compared with transformers' numbers; the Grokking repository's compared with a transcription.
struct FamiliesTests {
    private static let tolerance: Float = 1e-4

    @Test(arguments: FamilyFixture.models + FamilyFixture.shared)
    func logits_of_a_batch_are_the_librarys(name: String) throws {
        let difference = try FamilyFixture(name).logitDifference("batch")
        #expect(difference <= Self.tolerance)
    }

    @Test(arguments: FamilyFixture.models + FamilyFixture.shared)
    func logits_of_one_sequence_are_the_librarys(name: String) throws {
        let difference = try FamilyFixture(name).logitDifference("single")
        #expect(difference <= Self.tolerance)
    }

    @Test(arguments: FamilyFixture.twoSpellings)
    func the_older_spelling_of_the_configuration_gives_the_same(name: String) throws {
        let difference = try FamilyFixture(name, configuration: "v4.json").logitDifference("batch")
        #expect(difference <= Self.tolerance)
    }

    /// Recording the patterns makes the run compute scores and patterns separately instead of in one step.
    @Test(arguments: FamilyFixture.models + FamilyFixture.shared)
    func streams_and_patterns_inside_are_the_librarys(name: String) throws {
        let fixture = try FamilyFixture(name)
        var sites = [(fixture.network.nodes[fixture.network.output.index].site, "single.logits")]
        for block in 0..<8 where fixture.expected["single.resid.\(block)"] != nil {
            sites.append(("blocks.\(block).hook_resid_pre", "single.resid.\(block)"))
            sites.append(("blocks.\(block).attn.hook_pattern", "single.pattern.\(block)"))
        }
        #expect(sites.count >= 3)
        #expect(try fixture.largestDifference("single", sites) <= Self.tolerance)
    }

    /// Later tokens change nothing, and a single token is a sequence.
    @Test(arguments: FamilyFixture.models)
    func the_first_token_alone_has_the_logits_that_it_has_in_a_sequence(name: String) throws {
        let fixture = try FamilyFixture(name)
        let network = fixture.network
        let executor = try Executor(
            network, batch: .tokens(samples: 1, length: 1), request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        let first = TokenBatch(ids: [try fixture.tokens("single").ids[0]], samples: 1, length: 1)
        let found = try #require(executor.run(.tokens(first))[network.output]).elements
        let wanted = try #require(fixture.expected["single.logits"]).floats().prefix(network.outputWidth)
        #expect(zip(found, wanted).allSatisfy { abs($0 - $1) <= Self.tolerance })
    }

    @Test func sites_have_the_names_of_transformer_lens() throws {
        let sequential = [
            "hook_embed", "hook_pos_embed", "blocks.0.hook_resid_pre", "blocks.0.ln1.hook_normalized", "blocks.0.attn.qkv",
            "blocks.0.attn.hook_q", "blocks.0.attn.hook_k", "blocks.0.attn.hook_v", "blocks.0.attn.hook_attn_scores",
            "blocks.0.attn.hook_pattern", "blocks.0.attn.hook_z", "blocks.0.hook_attn_out", "blocks.0.hook_resid_mid",
            "blocks.0.ln2.hook_normalized", "blocks.0.mlp.hook_pre", "blocks.0.mlp.hook_post", "blocks.0.hook_mlp_out",
            "blocks.0.hook_resid_post",
        ]
        let network = try FamilyFixture("gpt2").network
        #expect(network.nodes.prefix(sequential.count).map(\.site) == sequential)
        #expect(network.nodes.suffix(2).map(\.site) == ["ln_final.hook_normalized", "unembed"])
        #expect(network["blocks.1.mlp.post"] == network["blocks.1.mlp.hook_post"])
        #expect(network["blocks.1.hook_resid_pre"] != nil)

        let llama = try FamilyFixture("llama").network
        for site in ["hook_rot_q", "hook_rot_k"] { #expect(llama["blocks.1.attn.\(site)"] != nil) }
        #expect(llama["blocks.0.mlp.hook_pre_linear"] != nil)
        #expect(llama["hook_pos_embed"] == nil)
        #expect(try FamilyFixture("gpt_neox").network["blocks.0.hook_resid_mid"] == nil)
        #expect(try FamilyFixture("gpt_neox-sequential").network["blocks.0.hook_resid_mid"] != nil)
    }

    @Test func what_is_read_and_answered_comes_from_the_tensors() throws {
        let gpt2 = try FamilyFixture("gpt2").network
        #expect(gpt2.input == .tokens(vocabulary: 40, positions: 16))
        #expect(gpt2.outputWidth == 40)
        #expect(gpt2.unusedTensors.isEmpty)
        #expect(gpt2.parameter(named: "transformer.wte.weight").map { gpt2.readers(of: $0).count } == 2)
        #expect(try FamilyFixture("llama").network.input == .tokens(vocabulary: 40, positions: nil))

        let grokking = try FamilyFixture("grokking").network
        #expect(grokking.input == .tokens(vocabulary: 12, positions: 12))
        #expect(grokking.outputWidth == 10)
        #expect(grokking.unusedTensors.isEmpty)
    }

    @Test func the_layers_that_are_scored_are_read_by_the_neurons_before_the_activation() throws {
        for (name, layer, site) in [
            ("gpt2", "transformer.h.1.mlp.c_fc.weight", "blocks.1.mlp.hook_pre"),
            ("llama", "model.layers.1.mlp.up_proj.weight", "blocks.1.mlp.hook_pre_linear"),
            ("grokking", "blocks.0.mlp.W_in", "blocks.0.mlp.hook_pre"),
        ] {
            let network = try FamilyFixture(name).network
            let parameter = try #require(network.parameter(named: layer))
            #expect(network.readers(of: parameter).map { network.nodes[$0.index].site } == [site])
        }
    }

    /// `a + b` modulo 113 of every pair: PyTorch, too, gets all 12,769 right with the transcription of make_transformers.py.
    @Test(.enabled(if: Fixtures.published("mod_addition_no_wd.pth") != nil))
    func the_published_addition_model_adds() throws {
        let path = try #require(Fixtures.published("mod_addition_no_wd.pth"))
        let network = try #require(try FamilyFixture.network(of: Checkpoint.open(path)))
        let prime = 113
        let executor = try Executor(
            network, batch: .tokens(samples: prime, length: 3), request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        var right = 0
        for a in 0..<prime {
            let ids = (0..<prime).flatMap { b in [Int32(a), Int32(b), Int32(prime)] }
            let run = executor.run(.tokens(TokenBatch(ids: ids, samples: prime, length: 3)))
            let logits = try #require(run[network.output]).elements
            let width = network.outputWidth
            for b in 0..<prime {
                let last = logits[((b * 3 + 2) * width)..<((b * 3 + 3) * width)]
                let best = last.indices.max { last[$0] < last[$1] }
                if best.map({ $0 - last.startIndex }) == (a + b) % prime { right += 1 }
            }
        }
        #expect(right == prime * prime)
    }
}
