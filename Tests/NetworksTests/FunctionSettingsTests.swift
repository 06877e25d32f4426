import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Networks

/// Settings that change what a model computes are followed or refused, never ignored.
struct FunctionSettingsTests {
    /// What building says about a fixture whose settings are changed; `NSNull` takes a setting away. nil where it is built.
    private func answer(_ folder: String, _ changes: [String: Any]) throws -> String? {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("transformers/\(folder)/config.json")))
        var settings = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for (name, value) in changes { settings[name] = value is NSNull ? nil : value }
        let text = String(decoding: try JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
        return problem { _ = try FamilyFixture.network("transformers/\(folder)", configuration: text) }
    }

    @Test func settingsThatAFamilyDoesNotFollowAreRefused() throws {
        let cases: [(folder: String, name: String, value: Any, expected: String, found: String)] = [
            ("llama", "qk_layernorm", true, "false", "true"), ("llama", "attn_logit_softcapping", 50.0, "null", "50"),
            ("llama", "layer_types", ["full_attention", "sliding_attention"], "'full_attention' alone", "a list"),
            ("llama", "sliding_window", 4096, "null", "4096"), ("llama", "no_rope_layers", [1, 0], "null", "a list"),
            ("llama", "residual_multiplier", 0.22, "1", "0.22"), ("gpt2", "rope_scaling", ["type": "linear"], "null", "an object"),
            ("gpt2", "add_cross_attention", true, "false", "true"), ("qwen2", "num_experts", 8, "0", "8"),
            ("gemma3_text", "attn_logit_softcapping", 50.0, "null", "50"), ("olmo2", "clip_qkv", 8.0, "null", "8"),
            ("gemma", "query_pre_attn_scalar", 144, "null", "144"), ("qwen3", "use_bidirectional_attention", true, "false", "true"),
            ("mistral", "use_parallel_residual", true, "false", "true"), ("granite", "alibi", true, "false", "true"),
            ("bloom", "attention_bias", true, "false", "true"),
        ]
        for (folder, name, value, expected, found) in cases {
            #expect(
                try answer(folder, [name: value])
                    == "config.json: '\(name)': models of this kind do not follow it, expected \(expected), found \(found)")
        }
    }

    @Test func settingsThatChangeNothingAreNot() throws {
        #expect(
            try answer(
                "llama",
                [
                    "qk_layernorm": false, "layer_types": ["full_attention"], "sliding_window": 4096, "use_sliding_window": false,
                    "residual_multiplier": 1, "logits_scaling": 1.0, "rope_scaling": NSNull(), "num_experts": 0, "no_rope_layers": [Int](),
                    "is_causal": true, "pretraining_tp": 1, "more": ["a": 1],
                ]) == nil)
        // What is in the section makes what is outside it superfluous.
        #expect(try answer("gpt_neox", ["rotary_pct": 0.25, "rotary_emb_base": 10000]) == nil)
    }

    /// A list in the section of a kind of block, of the positions, of the text model.
    @Test func divisorsOfEachKindOfBlockAreRead() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("transformers/gemma3/config.json")))
        let stored = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        var text = try #require(stored["text_config"] as? [String: Any])
        let pairs = (try #require(text["head_dim"] as? Int)) / 2
        let longrope: [String: Any] = [
            "rope_type": "longrope", "rope_theta": 10000, "factor": 2, "original_max_position_embeddings": 8,
            "short_factor": [Double](repeating: 1, count: pairs), "long_factor": [Double](repeating: 2, count: pairs),
        ]
        text["rope_parameters"] = ["full_attention": longrope, "sliding_attention": ["rope_type": "default", "rope_theta": 100]]
        #expect(try answer("gemma3", ["text_config": text]) == nil)
        var bounded = text
        bounded["final_logit_softcapping"] = 30.0
        #expect(
            try answer("gemma3", ["text_config": bounded])?
                .contains("'text_config.final_logit_softcapping': models of images and text do not follow it, expected null") == true)
        var short = longrope
        short["long_factor"] = [1.0]
        text["rope_parameters"] = ["full_attention": short, "sliding_attention": ["rope_type": "default", "rope_theta": 100]]
        #expect(try answer("gemma3", ["text_config": text])?.contains("'text_config.rope_parameters.full_attention.long_factor'") == true)
    }

    @Test func whatCannotBeRunIsNamed() throws {
        let cases: [(folder: String, changes: [String: Any], said: String)] = [
            ("stablelm", ["qk_layernorm": true], "'qk_layernorm': norms with weights for each head cannot be run"),
            ("opt", ["do_layer_norm_before": false], "'do_layer_norm_before': norms of the residual stream itself cannot be run"),
            ("opt", ["word_embed_proj_dim": 6], "embeddings of another width than the model's cannot be run, expected 12, found 6"),
            ("opt", ["layer_norm_elementwise_affine": false], "norms without weights cannot be run"),
            ("bloom", ["apply_residual_connection_post_layernorm": true], "residual streams of norms cannot be run"),
            ("gemma2", ["use_bidirectional_attention": true], "attention to later tokens cannot be run"),
            ("gemma2", ["attn_logit_softcapping": 0], "'attn_logit_softcapping': cannot be used, expected a number above 0, found 0"),
            ("gemma2", ["hidden_activation": "quick_gelu"], "'hidden_activation': is not known"),
            (
                "gemma", ["hidden_activation": "relu"],
                "'hidden_activation': contradicts hidden_act, expected gelu_pytorch_tanh, found 'relu'"
            ),
            ("gpt_neox", ["rope_theta": 500], "'rope_theta': contradicts what models of this kind read, expected rotary_emb_base"),
            ("gpt_neox", ["partial_rotary_factor": 0.75], "'partial_rotary_factor': contradicts what models of this kind read"),
            (
                "stablelm", ["rope_parameters": ["rope_type": "default", "partial_rotary_factor": 0.13]],
                "'partial_rotary_factor': turns an odd number of elements"
            ),
            ("gemma2", ["query_pre_attn_scalar": -1], "'query_pre_attn_scalar': cannot be used"),
            ("gptj", ["rotary_dim": NSNull(), "n_head": 6], "'rotary_dim': does not fit the heads"),
            ("gptj", ["rotary_dim": 5], "expected an even number up to the 6 elements of a head, found 5"),
            ("gpt_neo", ["attention_types": [[["global"], 2]]], "expected global or local for 3 blocks, found 2"),
            ("gpt_neo", ["attention_types": [[["global"], 1_000_000_000]]], "expected global or local for 3 blocks, found 4 or more"),
            ("gpt_neo", ["attention_types": [[["global", "near"], 2]]], "found 'near'"),
            ("gpt_neo", ["attention_types": ["global"]], "found another form"),
            ("smollm3", ["no_rope_layers": [1, 0]], "'no_rope_layers': wrong number of entries, expected 3, found 2"),
            ("smollm3", ["layer_types": ["full_attention", "sliding_attention", "chunked"]], "found 'chunked'"),
            ("smollm3", ["use_sliding_window": false], "blocks see a window whose length is not given"),
            ("olmo3", ["layer_types": ["full_attention"]], "'layer_types': wrong number of entries, expected 4, found 1"),
            ("qwen3", ["rope_parameters": ["full_attention": ["rope_type": "default"]]], "positions by kind of block cannot be run"),
            ("olmo3", ["rope_parameters": ["rope_type": "default"]], "'rope_parameters': has no section for each kind of block"),
            ("mixtral", ["num_experts_per_tok": 5], "the router chooses more experts than there are, expected at most 4, found 5"),
            (
                "mixtral", ["num_local_experts": 3],
                "tensor 'model.layers.0.block_sparse_moe.gate.weight': wrong shape, expected 3x12, found 4x12"
            ),
            ("gpt_oss", ["num_experts_per_tok": 6], "the router chooses more experts than there are, expected at most 5, found 6"),
            ("gpt_oss", ["num_local_experts": 4], "tensor 'model.layers.0.mlp.router.weight': wrong shape, expected 4x12, found 5x12"),
            ("gpt_oss", ["intermediate_size": 9], "mlp.experts.gate_up_proj': wrong shape, expected 5x12x18, found 5x12x16"),
            ("gpt_oss", ["layer_types": ["sliding_attention"]], "'layer_types': wrong number of entries, expected 3, found 1"),
            ("mixtral", ["swiglu_limit": 7], "'swiglu_limit': models of this kind do not follow it, expected null, found 7"),
            ("qwen2_moe", ["mlp_only_layers": [0.5]], "'mlp_only_layers': is not a list of blocks, expected whole numbers"),
            ("qwen3_moe", ["moe_intermediate_size": 9], "experts.0.gate_proj.weight': wrong shape, expected 9x12, found 8x12"),
            ("gemma3", ["architectures": ["Gemma3ForSequenceClassification"]], "only language models can be run"),
            ("phi3", ["rope_parameters": ["rope_type": "longrope"]], "'rope_parameters.short_factor': is missing, expected 4 numbers"),
            ("llama-dynamic", ["max_position_embeddings": NSNull()], "'max_position_embeddings': is missing"),
            (
                "llama-longrope",
                [
                    "rope_parameters": [
                        "rope_type": "longrope", "short_factor": [1, 2], "long_factor": [1, 2, 3, 4], "factor": 2,
                    ] as [String: Any]
                ], "'rope_parameters.short_factor': does not fit the heads, expected 4 numbers above 0, found 2"
            ),
        ]
        for (folder, changes, said) in cases {
            let answer = try answer(folder, changes)
            #expect(answer?.contains(said) == true, "\(folder) \(changes): \(answer ?? "built")")
        }
    }

    @Test func sizesThatAreNotTheTensorsNameTheTensor() throws {
        let cases: [(folder: String, changes: [String: Any], said: String)] = [
            (
                "phi3", ["intermediate_size": 21],
                "tensor 'model.layers.0.mlp.gate_up_proj.weight': wrong shape, expected 42x16, found 40x16"
            ),
            (
                "phi3", ["num_key_value_heads": 2],
                "tensor 'model.layers.0.self_attn.qkv_proj.weight': wrong shape, expected 48x16, found 32x16"
            ),
            ("qwen3", ["head_dim": 8], "tensor 'model.layers.0.self_attn.q_proj.weight': wrong shape, expected 32x12, found 24x12"),
            ("olmo2", ["num_key_value_heads": 4], "tensor 'model.layers.0.self_attn.k_proj.weight': wrong shape"),
            (
                "opt", ["max_position_embeddings": 14],
                "tensor 'model.decoder.embed_positions.weight': wrong shape, expected 16x12, found 15x12"
            ),
            ("bloom", ["hidden_size": 24], "tensor 'transformer.word_embeddings.weight': wrong shape, expected anyx24, found 28x12"),
            ("stablelm", ["use_qkv_bias": true, "num_hidden_layers": 3], "the configuration has more blocks than the checkpoint"),
            ("qwen3", ["attention_bias": true], "tensor 'model.layers.0.self_attn.q_proj.bias': is missing, expected 24"),
            ("granite", ["mlp_bias": true], "tensor 'model.layers.0.mlp.gate_proj.bias': is missing, expected 20"),
        ]
        for (folder, changes, said) in cases {
            let answer = try answer(folder, changes)
            #expect(answer?.contains(said) == true, "\(folder) \(changes): \(answer ?? "built")")
        }
    }

    @Test func everyFamilyReadsAllOfItsTensors() throws {
        for name in FamilyFixture.models where !["gemma3", "llama4"].contains(name) {
            #expect(try FamilyFixture(name).network.unusedTensors.isEmpty, "\(name)")
        }
        // Of models that see images the other part is not read.
        for name in ["gemma3", "llama4"] {
            let other = try FamilyFixture(name).network.unusedTensors
            #expect(!other.isEmpty && other.allSatisfy { !$0.hasPrefix("language_model.") })
        }
    }
}
