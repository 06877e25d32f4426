import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Networks

/// What is not run, and the error: one line with what was expected and what was found.
struct FamiliesRefusalTests {
    private static let kinds = "default, linear, dynamic, yarn, longrope or llama3"

    /// The error from building a fixture with changed settings, where `NSNull` removes a setting; nil if it is built.
    private func answer(_ folder: String, _ changes: [String: Any]) throws -> String? {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("transformers/\(folder)/config.json")))
        var settings = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        for (name, value) in changes { settings[name] = value is NSNull ? nil : value }
        let text = String(decoding: try JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
        return problem { _ = try FamilyFixture.network("transformers/\(folder)", configuration: text) }
    }

    @Test func other_families_are_refused_by_name() throws {
        let types = TransformerFamilies.standard.modelTypes
        let known = types.dropLast().joined(separator: ", ") + " or " + (try #require(types.last))
        for type in ["gemma3n", "cohere", "falcon", "minimax", "more"] {
            #expect(
                try answer("llama", ["model_type": type])
                    == "config.json: 'model_type': models of this kind cannot be run, expected \(known), found '\(type)'"
            )
        }
        for (type, reason) in [
            ("t5", "they have an encoder beside the decoder"), ("whisper", "they have an encoder beside the decoder"),
            ("clip", "they compare images and texts by two models"), ("mamba", "their blocks keep a state in place of attention"),
            ("deepseek_v3", "keys and values come from a latent vector that the heads share (MLA)"),
        ] {
            #expect(
                try answer("llama", ["model_type": type])
                    == "config.json: 'model_type': models of this kind cannot be run: \(reason), expected \(known), found '\(type)'")
        }
        #expect(
            try answer("llama", ["model_type": NSNull()])
                == "config.json: 'model_type': is missing, expected \(known)")
        #expect(
            try answer("gpt2", ["architectures": ["GPT2ForSequenceClassification"]])
                == "config.json: 'architectures': only language models can be run, expected a name that ends in ForCausalLM or LMHeadModel, found 'GPT2ForSequenceClassification'"
        )
        #expect(
            try answer("llama", ["quantization_config": ["quant_method": "fp8"]])?.hasSuffix(
                "expected weights of FP8, as quantization_config says, found none among 35 tensors") == true)
        // Plain weights that the model rounds when it runs.
        let rounded = try answer("llama", ["quantization_config": ["quant_method": "bitnet"]])
        #expect(rounded?.contains("'quantization_config': the model quantises its weights when it runs, which is not done here") == true)
    }

    @Test(arguments: ["mrope", "su", "proportional"])
    func rotary_positions_of_other_kinds_are_refused_by_name(kind: String) throws {
        #expect(
            try answer("llama", ["rope_parameters": ["rope_type": kind, "factor": 2.0]])
                == "config.json: 'rope_parameters.rope_type': positions of this kind cannot be run, expected \(Self.kinds), found '\(kind)'"
        )
        #expect(
            try answer("llama", ["rope_scaling": ["type": kind, "factor": 2.0]])
                == "config.json: 'rope_scaling.type': positions of this kind cannot be run, expected \(Self.kinds), found '\(kind)'"
        )
    }

    @Test func activations_that_are_not_known_are_refused_by_name() throws {
        let said = try answer("gpt2", ["activation_function": "quick_gelu"])
        #expect(said?.hasPrefix("config.json: 'activation_function': is not known, expected one of gelu,") == true)
        #expect(said?.hasSuffix("found 'quick_gelu'") == true)
    }

    @Test(arguments: ["n_embd", "n_head", "n_layer", "n_positions", "n_inner"])
    func sizes_out_of_range_are_refused(name: String) throws {
        let values: [(Any, String)] = [
            (0, "0"), (-3, "-3"), (2.5, "2.5"), (1e300, "1e+300"), (1 << 40, "1099511627776"), (true, "true"), ("4", "'4'"),
            ([4], "a list"),
            (["a": 1], "an object"),
        ]
        for (value, words) in values {
            #expect(
                try answer("gpt2", [name: value])
                    == "config.json: '\(name)': cannot be used, expected a whole number from 1 to 268435456, found \(words)")
        }
    }

    @Test func settings_that_the_model_cannot_be_built_without_are_named() throws {
        for name in ["hidden_size", "num_attention_heads", "num_hidden_layers", "intermediate_size"] {
            #expect(
                try answer("llama", [name: NSNull()]) == "config.json: '\(name)': is missing, expected a whole number from 1 to 268435456")
        }
    }

    @Test func a_billion_blocks_take_no_memory() throws {
        #expect(
            try answer("gpt2", ["n_layer": 200_000_000])
                == "config.json: the configuration has more blocks than the checkpoint, expected at most 2, found 200000000")
        #expect(try answer("qwen2", ["num_hidden_layers": 200_000_000, "layer_types": NSNull()])?.contains("more blocks") == true)
    }

    @Test func heads_must_divide() throws {
        #expect(
            try answer("gpt2", ["n_head": 5])
                == "config.json: 'n_head': the heads do not divide the width, expected a divisor of 16, found 5")
        #expect(
            try answer("mistral", ["num_key_value_heads": 3])
                == "config.json: 'num_key_value_heads': the heads of keys do not divide the heads, expected a divisor of 4, found 3")
        #expect(
            try answer("gpt_neox", ["num_attention_heads": 3])
                == "config.json: 'num_attention_heads': the heads do not divide the width, expected a divisor of 16, found 3")
    }

    @Test func rotary_positions_must_fit_the_heads() throws {
        let even = "expected an even number of elements a head, at most 65536"
        #expect(try answer("gemma", ["head_dim": 7]) == "config.json: the heads do not fit rotary positions, \(even), found 7")
        #expect(try answer("gemma", ["head_dim": 268_435_456])?.contains(even) == true)
        #expect(
            try answer("gpt_neox", ["rope_parameters": ["partial_rotary_factor": 1.5]])?.contains("expected a part from 0 to 1, found 1.5")
                == true)
        #expect(try answer("llama", ["rope_parameters": ["rope_theta": 0]])?.contains("expected a number above 0, found 0") == true)
        #expect(try answer("llama", ["rope_parameters": ["rope_type": "linear"]])?.contains("'rope_parameters.factor': is missing") == true)
        #expect(
            try answer(
                "llama", ["rope_parameters": ["rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4]])?
                .contains("expected more than low_freq_factor") == true)
    }

    @Test func windows_that_are_not_clear_are_refused() throws {
        #expect(try answer("mistral", ["sliding_window": 0])?.contains("'sliding_window': cannot be used") == true)
        #expect(try answer("qwen2", ["layer_types": ["full_attention"]])?.contains("expected 2, found 1") == true)
        #expect(try answer("qwen2", ["layer_types": ["full_attention", "linear_attention"]])?.contains("found 'linear_attention'") == true)
        #expect(try answer("qwen2", ["use_sliding_window": false])?.contains("a window whose length is not given") == true)
        #expect(try answer("gemma", ["use_bidirectional_attention": true])?.contains("attention to later tokens cannot be run") == true)
    }

    @Test func sizes_that_are_not_the_tensors_name_the_tensor() throws {
        #expect(
            try answer("gpt2", ["n_inner": 24]) == "tensor 'transformer.h.0.mlp.c_fc.weight': wrong shape, expected 16x24, found 16x64")
        #expect(try answer("gpt2", ["n_embd": 32]) == "tensor 'transformer.wte.weight': wrong shape, expected anyx32, found 40x16")
        #expect(try answer("gpt2", ["n_positions": 17]) == "tensor 'transformer.wpe.weight': wrong shape, expected 17x16, found 16x16")
        #expect(
            try answer("llama", ["head_dim": 4])
                == "tensor 'model.layers.0.self_attn.q_proj.weight': wrong shape, expected 8x16, found 16x16")
        #expect(
            try answer("mistral", ["num_key_value_heads": 4])
                == "tensor 'model.layers.0.self_attn.k_proj.weight': wrong shape, expected 16x16, found 8x16")
    }

    @Test(arguments: ["", "[]", "{", "{\"model_type\": \"gpt2\"", String(repeating: "[", count: 100_000), "{\"a\": NaN}"])
    func a_configuration_that_is_no_object_is_one_line(text: String) throws {
        let said = problem { _ = try FamilyFixture.network("transformers/gpt2", configuration: text) }
        #expect(said == "config.json: cannot be read, expected a JSON object")
    }

    @Test func settings_that_nobody_reads_are_not_followed() throws {
        #expect(try answer("gpt2", ["more": 1e308, "other": "\u{1F600}\u{202E}", "labels": ["a": ["b": [[1], [2]]]]]) == nil)
        #expect(try answer("gpt2", ["more": [Int](repeating: 1, count: 100_000)]) == nil)
        let text = "{\"model_type\": \"gpt2\", \"n_embd\": " + String(repeating: "[", count: 60) + String(repeating: "]", count: 60) + "}"
        let said = problem { _ = try FamilyFixture.network("transformers/gpt2", configuration: text) }
        #expect(said?.contains("found a list") == true)
    }

    @Test func names_without_a_configuration_are_told_so() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/model.safetensors"
            try FileManager.default.copyItem(atPath: Fixtures.path("transformers/gpt2/model.safetensors"), toPath: path)
            #expect(problem { _ = try FamilyFixture.network(of: Checkpoint.open(path)) }?.hasPrefix("config.json: is missing, ") == true)
        }
    }

    @Test func plain_chains_are_left_to_others() throws {
        #expect(try FamilyFixture.network("mlp.safetensors") == nil)
        #expect(try FamilyFixture.network("mlp.tar") == nil)
        #expect(try FamilyFixture.network("cnn.pt") == nil)
    }
}
