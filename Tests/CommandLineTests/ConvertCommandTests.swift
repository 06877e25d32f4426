import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct ConvertCommandTests {
    /// Converts a fixture and opens what was written; the folder exists until `body` returns.
    private func converted(
        _ name: String, _ arguments: [String] = [], to output: String = "out", _ body: (Checkpoint, String) throws -> Void
    ) throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/" + output
            let result = try BuiltCommand.run(["convert", Fixtures.path(name), "-o", out] + arguments)
            try #require(result.status == 0, "\(result.errors)")
            try body(Checkpoint.open(out), out)
        }
    }

    @Test(arguments: [
        ("mlp.pt", "out"), ("mlp-legacy.pt", "out.tar"), ("mlp.npz", "out.safetensors"), ("llama-tiny", "out"), ("gpt2-tiny", "out.tar"),
        ("training.pth", "out"), ("mlp.tar.xz", "out.safetensors"),
    ])
    func everyTensorKeepsItsNameItsTypeAndItsNumbers(_ name: String, _ output: String) throws {
        let original = try Checkpoint.open(Fixtures.path(name))
        try converted(name, to: output) { written, _ in
            #expect(written.tensors.map(\.name).sorted() == original.tensors.map(\.name).sorted())
            for tensor in original.tensors {
                let found = try #require(written[tensor.name])
                #expect(found.dtype == tensor.dtype && found.shape == tensor.shape)
                #expect(found.floats() == tensor.floats())
            }
        }
    }

    @Test func shardsAreJoinedAndSettingsKept() throws {
        try converted("llama-tiny", ["--dtype", "f32"]) { written, path in
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: path).sorted() == [
                    "config.json", "generation_config.json", "model.safetensors", "modinspect.json",
                ])
            let before = try String(contentsOfFile: Fixtures.path("llama-tiny/config.json"), encoding: .utf8)
            let after = try String(contentsOfFile: path + "/config.json", encoding: .utf8)
            #expect(after == before.replacingOccurrences(of: "\"bfloat16\"", with: "\"float32\""))
            #expect(written.tensors.allSatisfy { $0.dtype == .f32 })
        }
    }

    /// transformers' own rounding is to the nearest, ties to even.
    @Test func narrowedNumbersAreTheNearest() throws {
        let original = try Checkpoint.open(Fixtures.path("mlp.pt"))
        try converted("mlp.pt", ["--dtype", "bf16"]) { written, _ in
            for tensor in original.tensors {
                for (found, value) in zip(try #require(written[tensor.name]).floats(), tensor.floats()) {
                    #expect(abs(found - value) <= abs(value) / 256)
                }
            }
        }
    }

    @Test func whatATypeCannotHoldIsAnErrorWithItsTensor() throws {
        try TemporaryFolder.with { folder in
            let bytes = try SafetensorsFile.bytes([("small", [2], [1, 2]), ("large.weight", [2], [1, 70000])])
            try bytes.write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
            let result = try BuiltCommand.run("convert", folder + "/m.safetensors", "-o", folder + "/out", "--dtype", "f16")
            #expect(result.status == 1)
            #expect(
                result.errors.contains("tensor 'large.weight': has a weight beyond the range of f16, expected at most 65504"),
                "\(result.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["m.safetensors"])
        }
    }

    @Test func settingsOfAQuantisationAreLeftOut() throws {
        try TemporaryFolder.with { folder in
            let model = folder + "/m"
            try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
            try SafetensorsFile.bytes([("a.weight", [2, 2], [1, 2, 3, 4])]).write(to: URL(fileURLWithPath: model + "/model.safetensors"))
            try Data(#"{"model_type": "llama", "quantization_config": {"a": [1, "}"]}, "torch_dtype": "float16"}"#.utf8)
                .write(to: URL(fileURLWithPath: model + "/config.json"))
            let result = try BuiltCommand.run("convert", model, "-o", folder + "/out")
            try #require(result.status == 0, "\(result.errors)")
            let settings = try String(contentsOfFile: folder + "/out/config.json", encoding: .utf8)
            #expect(settings == #"{"model_type": "llama", "torch_dtype": "float32"}"#)
        }
    }

    @Test func anArchivesArchitectureAndClustersAreKept() throws {
        try TemporaryFolder.with { folder in
            let first = folder + "/first.tar"
            let made = try BuiltCommand.run(
                "permute", Fixtures.path("mlp.pt"), "--clusters", Fixtures.path("mlp.clusters.tsv"), "--arch",
                "fc1,tanh,fc2,relu,fc3,relu,fc4",
                "-o", first, "--quiet")
            try #require(made.status == 0, "\(made.errors)")
            let result = try BuiltCommand.run("convert", first, "-o", folder + "/second")
            try #require(result.status == 0, "\(result.errors)")
            let info = try BuiltCommand.run("info", folder + "/second", "--quiet").text
            #expect(info.contains("as fc1,tanh,fc2,relu,fc3,relu,fc4"), "\(info)")
            let kept = try ["tar -xOf $1 modinspect.json", "cat $2/modinspect.json"].map { line in
                let file = try BuiltCommand.shell(line, first, folder + "/second").output
                let note = try #require(try JSONSerialization.jsonObject(with: file) as? [String: Any])
                return try #require(note["clusters"] as? NSArray)
            }
            #expect(kept[0].count > 0)
            #expect(kept[0] == kept[1])
        }
    }

    @Test func outputIsWhatItsNameSays() throws {
        try converted("mlp.pt", to: "m.tar") { written, _ in #expect(written.container == "tar, safetensors") }
        try converted("mlp.pt", to: "m.safetensors") { written, _ in #expect(written.container == "safetensors") }
        try converted("mlp.pt", to: "m") { written, _ in #expect(written.container == "directory, safetensors") }
        let result = try BuiltCommand.run("convert", Fixtures.path("mlp.pt"), "-o", "/tmp/m.gguf")
        #expect(result.status == 1)
        #expect(result.errors.contains("is of a kind that is not written"), "\(result.errors)")
    }
}
