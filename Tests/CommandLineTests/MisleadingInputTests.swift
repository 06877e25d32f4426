import Foundation
import TestSupport
import Testing

/// Input of the wrong kind, for which the line says what is meant instead.
@Suite struct MisleadingInputTests {
    private static func array(_ type: String, _ shape: [Int], _ bytes: Data) -> Data {
        let list = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(list)), }"
        return Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, UInt8(header.utf8.count), 0]) + Data(header.utf8) + bytes
    }

    /// One output and labels 0 and 1 may be a regression, or a single score for the second class: the user says which.
    @Test func labelsOfAModelWithOneOutputNeedATask() throws {
        try TemporaryFolder.with { folder in
            let model = try SafetensorsFile.bytes([
                ("fc1.weight", [2, 3], [1, 0, 0, 0, 1, 0]), ("fc1.bias", [2], [0, 0]), ("fc2.weight", [1, 2], [1, 1]),
                ("fc2.bias", [1], [0]),
            ])
            try model.write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
            let numbers: [Float] = [1, 2, 3, 4, 5, 6]
            let values = numbers.reduce(into: Data()) { data, value in withUnsafeBytes(of: value) { data += Data($0) } }
            try Self.array("<f4", [2, 3], values).write(to: URL(fileURLWithPath: folder + "/x.npy"))
            try Self.array("<i4", [2], Data([0, 0, 0, 0, 1, 0, 0, 0])).write(to: URL(fileURLWithPath: folder + "/y.npy"))
            let arguments = ["eval", folder + "/m.safetensors", "--data", folder + "/x.npy", "--labels", folder + "/y.npy"]
            let result = try BuiltCommand.run(arguments)
            #expect(result.status == 1 && result.errors.contains("expected 0 to 0, found 1; --task regression "), "\(result.errors)")
            // Outputs 3 and 9 beside labels 0 and 1: squared errors 9 and 64.
            let regression = try BuiltCommand.run(arguments + ["--task", "regression", "--format", "json", "--no-sha256"])
            #expect(regression.status == 0 && regression.text.contains("36.5"), "\(regression.errors)\(regression.text)")
        }
    }

    /// A file that is given is named, and a setting in it that nothing reads is an error where another one was meant.
    @Test func theGivenSettingsAreNamed() throws {
        try TemporaryFolder.with { folder in
            let model = Fixtures.path("llama-tiny")
            let stored = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: model + "/config.json")))
            let settings = try #require(stored as? [String: Any])
            func run(_ settings: [String: Any]) throws -> CommandResult {
                try JSONSerialization.data(withJSONObject: settings).write(to: URL(fileURLWithPath: folder + "/bb.json"))
                return try BuiltCommand.run("info", model, "--config", folder + "/bb.json", "--no-sha256", "--format", "json")
            }
            func problem(_ settings: [String: Any]) throws -> String? {
                let document = try JSONSerialization.jsonObject(with: try run(settings).output) as? [String: Any]
                return ((document?["checkpoints"] as? [[String: Any]])?.first)?["runProblem"] as? String
            }
            #expect(try problem(settings) == nil)
            var missing = settings
            missing["num_attention_heads"] = nil
            #expect(try problem(missing)?.hasPrefix("\(folder)/bb.json: 'num_attention_heads': is missing") == true)
            var misspelt = settings
            misspelt["rms_norm_epz"] = misspelt.removeValue(forKey: "rms_norm_eps") ?? 1e-6
            let found = try problem(misspelt)
            #expect(
                found
                    == "\(folder)/bb.json: 'rms_norm_epz': is not a setting of this kind of model, expected 'rms_norm_eps', which is missing"
                    || found?.contains("'rms_norm_eps': is missing") == true, "\(found ?? "runs")")
            let added = try BuiltCommand.run("info", model, "--config", "rope_tehta=500000", "--no-sha256")
            #expect(settings["rope_theta"] == nil ? added.text.contains("'rope_tehta': is not a setting") : true, "\(added.text)")
            var own = settings
            own["attention_bais"] = true
            own["attention_bias"] = nil
            #expect(
                try problem(own)?.contains("'attention_bais': is not a setting of this kind of model, expected 'attention_bias'") == true)
        }
    }

    /// No configuration that a library wrote is taken for one with slips.
    @Test func whatLibrariesWriteHasNoSlips() throws {
        let folder = Fixtures.path("transformers")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
            let file = "\(folder)/\(name)/config.json"
            guard FileManager.default.fileExists(atPath: file) else { continue }
            let result = try BuiltCommand.run("info", "\(folder)/\(name)", "--config", file, "--no-sha256")
            #expect(result.status == 0 && !result.text.contains("is not a setting"), "\(name): \(result.text.prefix(600))")
        }
    }

    @Test(arguments: [
        (
            #"{"prompts": [{"clean": [1, -5], "corrupt": [1, 2], "answers": [3]}]}"#, "pairs.json",
            "a token id at 'prompts.0.clean' is out of range"
        ),
        (
            #"{"prompts": [{"clean": [1, 4], "corrupt": [1, 2], "answers": [-5]}]}"#, "pairs.json",
            "a token id at 'prompts.0.answers' is out of range"
        ),
        ("clean,corrupted,correct_idx\n\"[1, 2]\",\"[1, 3]\",-5\n", "pairs.csv", "a token id in line 2 is out of range"),
        ("clean,corrupted,correct_idx\n\"[1, -5]\",\"[1, 3]\",5\n", "pairs.csv", "a token id in line 2 is out of range"),
    ])
    func negativeTokensOfPairsAreSaidToBeOutOfRange(_ text: String, _ name: String, _ expected: String) throws {
        try TemporaryFolder.with { folder in
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            let result = try BuiltCommand.run("patch", Fixtures.path("gpt2-tiny"), "--data", "\(folder)/\(name)", "--sites", "heads")
            #expect(result.status == 1 && result.errors.contains(expected + ", expected 0 to 2147483647, found -5"), "\(result.errors)")
        }
    }

    /// A tensor that the network needs is named once, and not counted in a note before.
    @Test func whatCannotBeReadIsSaidOnce() throws {
        let result = try BuiltCommand.run(
            "eval", Fixtures.path("unreadable/types.safetensors"), "--data", Fixtures.path("models/mnist-mlp.npz"))
        #expect(result.status == 1)
        let lines = result.errors.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].contains("tensor 'packed': elements of type 'F4' are not supported"), "\(result.errors)")
    }

    @Test func oneByteIsOne() throws {
        let model = Fixtures.path("gguf-models/llama.gguf")
        let result = try BuiltCommand.run("eval", model, "--data", Fixtures.path("gguf-models/tokens.npy"), "--memory", "1")
        #expect(result.status == 0 && result.errors.contains("at most 1 byte is kept"), "\(result.errors)")
    }
}
