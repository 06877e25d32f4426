import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// How a family finds its tensors: prefixes, tied outputs, missing and duplicate tensors.
struct FamiliesTensorTests {
    private typealias Stored = (name: String, shape: [Int], values: [Float])

    /// A fixture with other tensors or settings beside the same expected values.
    private func changed(
        _ folder: String, settings changes: [String: Any] = [:], _ change: (inout [Stored]) -> Void = { _ in }
    ) throws -> Network? {
        let original = try Checkpoint.open(Fixtures.path("transformers/\(folder)"))
        var tensors: [Stored] = original.tensors.map { ($0.name, $0.shape, $0.floats()) }
        change(&tensors)
        return try TemporaryFolder.with { temporary in
            try SafetensorsFile.bytes(tensors).write(to: URL(fileURLWithPath: temporary + "/model.safetensors"))
            if let configuration = original.configuration {
                var settings = try #require(
                    try JSONSerialization.jsonObject(with: Data(configuration.bytes(0..<configuration.count) ?? [])) as? [String: Any])
                for (name, value) in changes { settings[name] = value }
                try JSONSerialization.data(withJSONObject: settings).write(to: URL(fileURLWithPath: temporary + "/config.json"))
            }
            return try FamilyFixture.network(of: Checkpoint.open(temporary))
        }
    }

    private func logits(_ network: Network, _ tokens: TokenBatch) throws -> [Float] {
        let executor = try Executor(
            network, batch: .tokens(samples: tokens.samples, length: tokens.length), request: RunRequest(recorded: [network.output]),
            team: Team(size: 1))
        return try #require(executor.run(.tokens(tokens))[network.output]).elements
    }

    private static let sequence = TokenBatch(ids: [3, 1, 4, 1, 5, 9, 2, 6], samples: 1, length: 8)

    @Test(arguments: ["", "model.", "module.transformer.", "_orig_mod.module.transformer."])
    func prefixes_make_no_difference(prefix: String) throws {
        let plain = try #require(try changed("gpt2"))
        let other = try #require(
            try changed("gpt2") { tensors in
                for index in tensors.indices { tensors[index].name = prefix + tensors[index].name.dropFirst("transformer.".count) }
            })
        #expect(try logits(plain, Self.sequence) == logits(other, Self.sequence))
        #expect(other.unusedTensors.isEmpty)
    }

    @Test func a_body_without_its_head_is_told_so() throws {
        let said = problem { _ = try changed("llama") { tensors in tensors.removeAll { $0.name == "lm_head.weight" } } }
        #expect(
            said
                == "tensor 'lm_head.weight': is missing, expected the matrix of the logits, which config.json does not tie to the embeddings"
        )
    }

    @Test func a_tied_output_that_is_stored_as_well_is_one_parameter() throws {
        let plain = try #require(try changed("gpt2"))
        let twice = try #require(
            try changed("gpt2") { tensors in
                guard let table = tensors.first(where: { $0.name == "transformer.wte.weight" }) else { return }
                tensors.append(("lm_head.weight", table.shape, table.values))
            })
        #expect(twice.parameters.count == plain.parameters.count)
        #expect(twice.unusedTensors.isEmpty)
        #expect(try logits(plain, Self.sequence) == logits(twice, Self.sequence))
    }

    @Test func an_output_of_other_numbers_is_not_tied() throws {
        let plain = try #require(try changed("gpt2"))
        let other = try #require(
            try changed("gpt2") { tensors in tensors.append(("lm_head.weight", [40, 16], [Float](repeating: 0, count: 640))) })
        #expect(other.parameters.count == plain.parameters.count + 1)
        #expect(try logits(other, Self.sequence).allSatisfy { $0 == 0 })
    }

    @Test func the_table_may_be_stored_under_the_outputs_name_alone() throws {
        let plain = try #require(try changed("gpt2"))
        let other = try #require(
            try changed("gpt2") { tensors in
                for index in tensors.indices where tensors[index].name == "transformer.wte.weight" {
                    tensors[index].name = "lm_head.weight"
                }
            })
        #expect(try logits(plain, Self.sequence) == logits(other, Self.sequence))
    }

    @Test func missing_tensors_are_named_as_they_would_be() throws {
        let said = problem {
            _ = try changed("gpt_neox") { tensors in tensors.removeAll { $0.name.hasSuffix("layers.1.mlp.dense_4h_to_h.bias") } }
        }
        #expect(said == "tensor 'gpt_neox.layers.1.mlp.dense_4h_to_h.bias': is missing, expected 16")
        let none = problem { _ = try changed("llama") { tensors in tensors.removeAll { $0.name.contains("embed_tokens") } } }
        #expect(none == "tensor 'model.embed_tokens.weight': is missing, expected anyx16")
    }

    @Test func a_tensor_under_two_names_is_told_so() throws {
        let said = problem {
            _ = try changed("gpt2") { tensors in
                guard let norm = tensors.first(where: { $0.name == "transformer.ln_f.weight" }) else { return }
                tensors.append(("module.transformer.ln_f.weight", norm.shape, norm.values))
            }
        }
        #expect(said?.contains("appears twice, expected one 'ln_f.weight'") == true)
    }

    @Test func tables_of_another_rank_are_refused() throws {
        let said = problem {
            _ = try changed("llama") { tensors in
                for index in tensors.indices where tensors[index].name == "model.embed_tokens.weight" { tensors[index].shape = [40, 4, 4] }
            }
        }
        #expect(said == "tensor 'model.embed_tokens.weight': wrong shape, expected anyx16, found 40x4x4")
    }

    @Test func experts_of_unequal_shapes_are_named() {
        let cases: [(folder: String, tensor: String, shape: [Int], said: String)] = [
            (
                "mixtral", "model.layers.1.block_sparse_moe.experts.2.w1.weight", [7, 12],
                "tensor 'model.layers.1.block_sparse_moe.experts.2.w1.weight': wrong shape, expected 8x12, found 7x12"
            ),
            (
                "qwen2_moe", "model.layers.0.mlp.experts.4.down_proj.weight", [12, 9],
                "tensor 'model.layers.0.mlp.experts.4.down_proj.weight': wrong shape, expected 12x8, found 12x9"
            ),
            (
                "gpt_oss", "model.layers.2.mlp.experts.down_proj_bias", [4, 12],
                "tensor 'model.layers.2.mlp.experts.down_proj_bias': wrong shape, expected 5x12, found 4x12"
            ),
            (
                "gpt_oss", "model.layers.0.self_attn.sinks", [3],
                "tensor 'model.layers.0.self_attn.sinks': wrong shape, expected 4, found 3"
            ),
        ]
        for item in cases {
            let answer = problem {
                _ = try changed(item.folder) { tensors in
                    let numbers = [Float](repeating: 0.5, count: item.shape.reduce(1, *))
                    for place in tensors.indices where tensors[place].name == item.tensor {
                        tensors[place] = (item.tensor, item.shape, numbers)
                    }
                }
            }
            #expect(answer?.contains(item.said) == true, "\(answer ?? "built")")
        }
    }

    @Test func blocks_beyond_the_settings_are_not_run() throws {
        let network = try #require(try changed("gpt2", settings: ["n_layer": 1]))
        #expect(network["blocks.1.hook_resid_pre"] == nil)
        #expect(network.unusedTensors.count == 12)
        #expect(network.unusedTensors.allSatisfy { $0.hasPrefix("transformer.h.1.") })
    }

    @Test func masks_and_tables_of_angles_are_not_called_unused() throws {
        let network = try #require(
            try changed("gpt2") { tensors in
                tensors.append(("transformer.h.0.attn.bias", [1, 1, 4, 4], [Float](repeating: 1, count: 16)))
                tensors.append(("transformer.h.0.attn.masked_bias", [], [-1e4]))
            })
        #expect(network.unusedTensors.isEmpty)
    }

    @Test func a_grokking_model_with_further_parts_is_refused() throws {
        let said = problem { _ = try changed("grokking") { $0.append(("blocks.0.ln1.w_ln", [16], [Float](repeating: 1, count: 16))) } }
        #expect(said?.hasPrefix("tensor 'blocks.0.ln1.w_ln': is not a part of these models, expected attn.IGNORE, attn.W_K") == true)
    }

    @Test func a_grokking_model_whose_tensors_do_not_fit_is_refused() throws {
        let said = problem { _ = try changed("grokking") { tensors in tensors.removeAll { $0.name == "pos_embed.W_pos" } } }
        #expect(said == "tensor 'pos_embed.W_pos': is missing, expected [positions, width]")
        let wrong = problem {
            _ = try changed("grokking") { tensors in
                for index in tensors.indices where tensors[index].name == "blocks.0.attn.W_V" { tensors[index].shape = [3, 4, 16] }
            }
        }
        #expect(wrong == "tensor 'blocks.0.attn.W_V': wrong shape, expected 2x6x16, found 3x4x16")
    }
}
