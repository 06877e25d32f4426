import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Models whose config.json names another activation than usual, compared with transformers (fixtures/make_activation_settings.py). Layers
/// that keep their own activation whatever the setting says are among them: those inside ResNet's blocks, the heads of RoBERTa.
struct ActivationSettingsTests {
    /// Every model with a setting, as `MODEL/SETTING/VALUE`.
    static let cases = (try? stored().tensors.map(\.name)) ?? []

    private static func stored() throws -> Checkpoint {
        try Checkpoint.open(Fixtures.path("transformers/expected/activations.safetensors"))
    }

    @Test func everyKindOfModelWithASettingIsCompared() {
        let models = Set(Self.cases.map { String($0.prefix { $0 != "/" }) })
        // Those that compute a fixed activation, and one without a head of its own.
        let fixed: Set = ["llama-tied", "bloom", "nanogpt", "gpt_oss-mxfp4", "grokking", "grokking-attention"]
        let others = Set(EncoderFixture.text + EncoderFixture.vision + EncoderFixture.convolutions + FamilyFixture.models)
        #expect(others.filter { !$0.hasPrefix("timm") && !$0.hasPrefix("torchvision") }.subtracting(fixed) == models)
    }

    @Test(arguments: cases) func outputsAreThoseOfTransformers(name: String) throws {
        let words = name.split(separator: "/").map(String.init)
        let (model, setting, value) = (words[0], words[1], words[2])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("transformers/\(model)/config.json")))
        var settings = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        if var section = settings["text_config"] as? [String: Any] {
            section[setting] = value
            settings["text_config"] = section
        } else {
            settings[setting] = value
        }
        let changed = String(decoding: try JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
        let network = try #require(try FamilyFixture.network("transformers/\(model)", configuration: changed))
        let inputs = try Checkpoint.open(Fixtures.path("transformers/expected/\(model).safetensors"))
        let node = setting == "pooler_act" ? try #require(network["pooler"]) : network.output
        let record = try #require(inputs["batch"] ?? inputs["images"])
        let batch =
            if inputs["batch"] == nil {
                Batch.values(Tensor(shape: record.shape, record.floats()))
            } else {
                Batch.tokens(TokenBatch(ids: record.floats().map { Int32($0) }, samples: record.shape[0], length: record.shape[1]))
            }
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [node]), team: Team(size: 1))
        let found = try #require(executor.run(batch)[node]).elements
        let wanted = try #require(try Self.stored()[name]).floats()
        try #require(found.count == wanted.count)
        let differences = zip(found, wanted).map { abs($0 - $1) }
        #expect(differences.allSatisfy { $0 < 1e-4 }, "\(differences.max() ?? 0)")
    }
}
