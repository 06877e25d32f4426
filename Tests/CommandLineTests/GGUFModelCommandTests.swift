import Foundation
import TestSupport
import Testing

/// GGUF files that run, against transformers on their dequantised weights (fixtures/make_gguf_models.py).
@Suite struct GGUFModelCommandTests {
    private struct Expected: Decodable {
        let loss: Double
        let logits: [[Float]]
    }

    private static func path(_ name: String) -> String { Fixtures.path("gguf-models/" + name) }

    @Test(arguments: ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt2", "gptneox", "olmo2", "qwen2-stretched"])
    func logitsAreThoseOfTransformers(_ name: String) throws {
        let all = try JSONDecoder().decode(
            [String: Expected].self, from: Data(contentsOf: URL(fileURLWithPath: Self.path("expected.json"))))
        let expected = try #require(all[name])
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run(
                "eval", Self.path(name + ".gguf"), "--data", Self.path("tokens.npy"), "--format", "json", "--logits", folder + "/l.npy")
            let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
            let found = try #require((document["checkpoints"] as? [[String: Any]])?.first)
            #expect(abs(try #require(found["loss"] as? Double) - expected.loss) < 1e-5, "\(result.errors)")
            let file = try Data(contentsOf: URL(fileURLWithPath: folder + "/l.npy"))
            let logits = file.suffix(2 * 14 * 40 * 4).withUnsafeBytes { bytes in
                (0..<2 * 14 * 40).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
            for (sample, row) in expected.logits.enumerated() {
                let last = logits[(sample * 14 + 13) * 40..<(sample * 14 + 14) * 40]
                for (a, b) in zip(last, row) { #expect(abs(a - b) < 1e-4) }
            }
        }
    }

    /// What was fine-tuned from a GGUF file has transformers' names and settings, and gives the same as the file did.
    @Test func aTunedModelIsKeptUnderTransformersNames() throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let tuned = try BuiltCommand.run(
                "finetune", Self.path("llama.gguf"), "--data", Self.path("tokens.npy"), "-o", out, "--steps", "1", "--lr", "0", "--quiet")
            #expect(tuned.status == 0, "\(tuned.errors)")
            let rows = try [Self.path("llama.gguf"), out].map {
                try BuiltCommand.run("eval", $0, "--data", Self.path("tokens.npy"), "--format", "tsv", "--quiet").rows
            }
            let losses = rows.compactMap { $0.count > 1 ? Double($0[1][5]) : nil }
            #expect(losses.count == 2 && abs(losses[0] - losses[1]) < 1e-5, "\(losses)")
        }
    }
}
