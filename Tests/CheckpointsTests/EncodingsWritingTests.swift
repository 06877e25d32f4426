import Archives
import Testing

@testable import Checkpoints

@Suite struct EncodingsWritingTests {
    private func text(_ region: ByteRegion?) -> String {
        region.map { $0.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } } ?? ""
    }

    @Test func whatIsWrittenIsTheSameModelInNumbers() throws {
        let checkpoint = try Checkpoint.open(EncodingsTests.folder + "gptq-order.safetensors")
        let draft = CheckpointDraft(checkpoint)
        #expect(text(draft.files["config.json"]) == "{\n  \"model_type\": \"llama\"\n}\n")
        var bytes: [UInt8] = []
        try SafetensorsWriter(draft.tensors, metadata: ["config.json": text(draft.files["config.json"])], path: "out").write {
            bytes += Array($0)
        }
        let written = try openCheckpoint(bytes)
        #expect(Set(written.stored.map(\.name)) == Set(checkpoint.tensors.map(\.name)))
        for tensor in checkpoint.tensors { #expect(written[tensor.name]?.floats() == tensor.floats()) }
    }

    @Test func otherSettingsStayAsTheyAre() {
        let configuration = #"{"a": 1.50, "quantization": {"bits": 4}, "b": {"quantization": [1,  2]}, "quantization_config": {}}"#
        let decoded = EncodingSettings.decoded(ByteRegion(copying: configuration.utf8))
        #expect(text(decoded) == "{\n  \"a\": 1.50,\n  \"b\": {\"quantization\": [1,  2]}\n}\n")
        #expect(text(EncodingSettings.decoded(ByteRegion(copying: "{\"a\":  1}".utf8))) == "{\"a\":  1}")
        #expect(text(EncodingSettings.decoded(ByteRegion(copying: "{\"quantization\": 1}".utf8))) == "{\n}\n")
    }
}
