import Archives
import Interventions
import Testing
import Text

@testable import ModinspectCommands

@Suite struct NarrowedConfigurationTests {
    private func narrowed(
        _ text: String, _ mlps: [NarrowedMLPs] = [NarrowedMLPs(kind: .plain, total: 1, widths: [7])]
    ) throws -> String {
        let region = try NarrowedConfiguration(ByteRegion(copying: text.utf8)).narrowed(to: mlps)
        return String(decoding: region.bytes(0..<region.count) ?? [], as: UTF8.self)
    }

    private static let sizes = #""model_type": "gpt2", "n_embd": 16, "n_layer": 1"#

    @Test func theOuterSettingIsChangedAndNothingElse() throws {
        #expect(
            try narrowed(#"{"other": {"n_inner": 99}, "list": [{"n_inner": 1}], \#(Self.sizes), "n_inner" :\#t24 , "last": "n_inner"}"#)
                == #"{"other": {"n_inner": 99}, "list": [{"n_inner": 1}], \#(Self.sizes), "n_inner" :\#t7 , "last": "n_inner"}"#)
    }

    @Test func aSettingThatIsNotWrittenDownIsAdded() throws {
        #expect(try narrowed("{\(Self.sizes)}") == "{\n  \"n_inner\": 7,\(Self.sizes)}")
    }

    @Test func theSettingOfATextModelIsInItsSection() throws {
        #expect(
            try narrowed(
                #"{"model_type": "gemma3", "text_config": {"num_hidden_layers": 1, "intermediate_size": 9}, "intermediate_size": 5}"#)
                == #"{"model_type": "gemma3", "text_config": {"num_hidden_layers": 1, "intermediate_size": 7}, "intermediate_size": 5}"#)
    }

    @Test func expertsAndTheOthersHaveSettingsOfTheirOwn() throws {
        let text = #"{"model_type": "qwen2_moe", "num_hidden_layers": 3, "moe_intermediate_size": 9, "intermediate_size": 8}"#
        let mlps = [
            NarrowedMLPs(kind: .plain, total: 1, widths: [5]), NarrowedMLPs(kind: .expert, total: 4, widths: [3, 3, 3, 3]),
            NarrowedMLPs(kind: .shared, total: 2, widths: [6, 6]),
        ]
        #expect(
            try narrowed(text, mlps)
                == "{\n  \"shared_expert_intermediate_size\": 6,"
                + #""model_type": "qwen2_moe", "num_hidden_layers": 3, "moe_intermediate_size": 3, "intermediate_size": 5}"#)
        #expect(
            throws: Problem(
                "config.json gives all experts one width", expected: "as many neurons in each of 4 experts", found: "3, 3, 3")
        ) { try narrowed(text, [NarrowedMLPs(kind: .expert, total: 4, widths: [3, 3, 3])]) }
    }

    @Test func aMultipleOfTheModelsWidthStaysOne() throws {
        let text = #"{"model_type": "dinov2", "hidden_size": 8, "num_hidden_layers": 1, "mlp_ratio": 4}"#
        #expect(
            try narrowed(text, [NarrowedMLPs(kind: .plain, total: 1, widths: [16])])
                == #"{"model_type": "dinov2", "hidden_size": 8, "num_hidden_layers": 1, "mlp_ratio": 2}"#)
        #expect(
            throws: Problem(
                "gives the width of MLPs as a multiple of the model's", subject: "config.json: 'mlp_ratio'",
                expected: "a multiple of 8 neurons", found: "7")
        ) { try narrowed(text) }
    }

    @Test(arguments: ["bloom", "convnext", "resnet"]) func familiesWithoutASettingAreRefused(family: String) throws {
        #expect(
            throws: Problem(
                "no setting of these models gives the width of their MLPs", subject: "config.json: 'model_type'",
                expected: "a family that has one", found: "'\(family)'")
        ) { try narrowed(#"{"model_type": "\#(family)"}"#) }
    }
}
