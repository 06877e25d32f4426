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

    @Test(arguments: ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt2", "gptneox", "olmo2", "granite", "qwen2-stretched"])
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

    /// Metadata of 64 bytes that say that attention is not causal, before the others.
    @Test func attentionThatIsNotCausalIsRefused() throws {
        var file = try Data(contentsOf: URL(fileURLWithPath: Self.path("llama.gguf")))
        func bytes(_ number: UInt64) -> Data { withUnsafeBytes(of: number.littleEndian) { Data($0) } }
        func key(_ name: String, _ type: UInt8) -> Data { bytes(UInt64(name.utf8.count)) + Data(name.utf8) + Data([type, 0, 0, 0]) }
        let added = key("llama.attention.causal", 7) + Data([0]) + key("pad", 8) + bytes(6) + Data("padded".utf8)
        #expect(added.count == 64)
        let count = file[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        file.replaceSubrange(16..<24, with: bytes(count + 2) + added)
        try TemporaryFolder.with { folder in
            try file.write(to: URL(fileURLWithPath: folder + "/model.gguf"))
            let result = try BuiltCommand.run("eval", folder + "/model.gguf", "--data", Self.path("tokens.npy"))
            #expect(result.status == 1 && result.errors.contains("'llama.attention.causal'"), "\(result.errors)")
            #expect(result.errors.contains("expected true, found false"), "\(result.errors)")
        }
    }

    /// The vocabulary has 40 rows and the file two blocks: the network would pass over the rest without a word.
    @Test(arguments: [
        (
            "llama", "vocab_size", UInt32(99),
            "'llama.vocab_size': contradicts the tensors, expected 40, the rows of 'token_embd.weight', found 99"
        ),
        ("llama", "block_count", 1, "'llama.block_count': contradicts the tensors, expected 2, the blocks of the file, found 1"),
        ("gpt2", "block_count", 3, "'gpt2.block_count': contradicts the tensors, expected 2, the blocks of the file, found 3"),
        ("qwen2", "embedding_length", 64, "wrong shape, expected anyx64, found 40x32"),
        ("qwen3", "feed_forward_length", 65, "wrong shape, expected 65x32, found 64x32"),
        ("gemma2", "attention.head_count_kv", 1, "wrong shape, expected 16x32, found 32x32"),
    ])
    func metadataThatContradictTheTensorsAreRefused(_ model: String, _ setting: String, _ value: UInt32, _ expected: String) throws {
        var file = try Data(contentsOf: URL(fileURLWithPath: Self.path(model + ".gguf")))
        let name = "\(model).\(setting)"
        func number(_ value: some FixedWidthInteger) -> Data { withUnsafeBytes(of: value.littleEndian) { Data($0) } }
        // The name with its length, then the type 4 of 32 bits.
        let key = number(UInt64(name.utf8.count)) + Data(name.utf8) + number(UInt32(4))
        if let place = file.range(of: key) {
            file.replaceSubrange(place.upperBound..<place.upperBound + 4, with: number(value))
        } else {
            // The file does not say it: before the other entries, with a text that fills up to 32 bytes.
            let entry = key + number(value)
            let rest = 64 - entry.count - 8 - 1 - 4 - 8
            let pad = number(UInt64(1)) + Data("p".utf8) + number(UInt32(8)) + number(UInt64(rest)) + Data(repeating: 0x61, count: rest)
            let count = file[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            file.replaceSubrange(16..<24, with: number(count + 2) + entry + pad)
        }
        try TemporaryFolder.with { folder in
            try file.write(to: URL(fileURLWithPath: folder + "/model.gguf"))
            let result = try BuiltCommand.run("eval", folder + "/model.gguf", "--data", Self.path("tokens.npy"))
            #expect(result.status == 1 && result.errors.contains(expected), "\(result.errors)")
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

/// The limit of the memory for decoded weights.
@Suite struct WeightMemoryCommandTests {
    private static let model = Fixtures.path("gguf-models/llama.gguf")
    private static let tokens = Fixtures.path("gguf-models/tokens.npy")

    @Test func theLimitIsSaidAndChangesNoByte() throws {
        let clusters = try BuiltCommand.run("cluster", Self.model, "-k", "2", "--quiet")
        #expect(clusters.status == 0, "\(clusters.errors)")
        try TemporaryFolder.with { folder in
            try clusters.text.write(toFile: folder + "/clusters.tsv", atomically: true, encoding: .utf8)
            for command in [["eval"], ["ablate", "--clusters", folder + "/clusters.tsv"]] {
                let arguments = command + [Self.model, "--data", Self.tokens, "--format", "tsv"]
                let whole = try BuiltCommand.run(arguments)
                let limited = try BuiltCommand.run(arguments + ["--memory", "50k"])
                #expect(limited.status == 0 && limited.text == whole.text && !whole.text.isEmpty, "\(limited.errors)")
                #expect(!whole.errors.contains("decoded"), "\(whole.errors)")
                #expect(
                    limited.errors.contains("once decoded; at most 50.0 kB is kept, and the rest is decoded for each batch"),
                    "\(limited.errors)")
            }
        }
    }

    @Test func aSizeIsExpected() throws {
        let result = try BuiltCommand.run("eval", Self.model, "--data", Self.tokens, "--memory", "lots")
        #expect(result.status == 64 && result.errors.contains("a number of bytes such as 500M"), "\(result.errors)")
    }
}

/// One set of names for scores and runs of a GGUF file.
@Suite struct GGUFNamesCommandTests {
    private static let model = Fixtures.path("gguf-models/llama.gguf")
    private static let tokens = Fixtures.path("gguf-models/tokens.npy")

    @Test func clustersOfAFileFitItsRuns() throws {
        let result = try BuiltCommand.shell(
            #""$M" cluster "$1" -k 2 --quiet | "$M" ablate "$1" --clusters - --data "$2" --format tsv --quiet"#, Self.model, Self.tokens)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.text.contains("model.layers.0.mlp.up_proj.weight\toff\t0"), "\(result.text)")
    }

    /// Rows that the file permutes are counted in its order where its name is used.
    @Test func bothNamesOfALayerAreAccepted() throws {
        let chosen = try BuiltCommand.run(
            "score", Self.model, "--layers", "blk.*.ffn_up.weight,blk.0.attn_q.weight", "-k", "2", "--format", "tsv", "--quiet")
        #expect(
            chosen.rows.dropFirst().map { $0[1] } == [
                "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight", "mean",
            ], "\(chosen.errors)\(chosen.text)")
        // Heads of 8 rows: stored row 2 j + t of a head is row t 4 + j.
        let own = (0..<32).map { $0 % 8 < 4 ? 0 : 1 }
        let stored = (0..<32).map { $0 % 2 }
        try TemporaryFolder.with { folder in
            func table(_ layer: String, _ out: [Int]) -> String {
                var text = "layer\tside\tindex\tcluster\n"
                for (index, cluster) in out.enumerated() { text += "\(layer)\tout\t\(index)\t\(cluster)\n" }
                for index in 0..<32 { text += "\(layer)\tin\t\(index)\t\(index / 16)\n" }
                return text
            }
            try table("blk.0.attn_q.weight", stored).write(toFile: folder + "/file.tsv", atomically: true, encoding: .utf8)
            try table("model.layers.0.self_attn.q_proj.weight", own).write(toFile: folder + "/model.tsv", atomically: true, encoding: .utf8)
            let found = try ["file", "model"].map {
                try BuiltCommand.run(
                    "ablate", Self.model, "--clusters", "\(folder)/\($0).tsv", "--data", Self.tokens, "--format", "tsv", "--quiet")
            }
            #expect(found.allSatisfy { $0.status == 0 }, "\(found.map(\.errors))")
            #expect(found[0].text == found[1].text && found[0].rows.count > 4)
        }
    }

    @Test func aConvertedFileIsTheModelUnderTransformersNames() throws {
        try TemporaryFolder.with { folder in
            for name in ["llama", "gemma2", "gpt2", "gptneox"] {
                let path = Fixtures.path("gguf-models/\(name).gguf")
                let made = try BuiltCommand.run("convert", path, "-o", "\(folder)/\(name)/", "--quiet")
                #expect(made.status == 0, "\(made.errors)")
                let rows = try [path, "\(folder)/\(name)"].map {
                    try BuiltCommand.run("eval", $0, "--data", Self.tokens, "--format", "tsv", "--quiet").rows
                }
                try #require(rows.allSatisfy { $0.count > 1 })
                // The norms that the file keeps plus one are rounded once more.
                #expect(abs(try #require(Double(rows[0][1][5])) - (try #require(Double(rows[1][1][5])))) < 1e-6, "\(name)")
            }
            let settings = try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: folder + "/llama/config.json")))
            let members = try #require(settings as? [String: Any])
            #expect(members["model_type"] as? String == "llama" && members["num_key_value_heads"] as? Int == 2)
        }
    }

    @Test func infoSaysWhichNameIsWhich() throws {
        let text = try BuiltCommand.run("info", Self.model).text
        #expect(text.contains(/model\.layers\.0-1\.self_attn\.q_proj\.weight +blk\.0-1\.attn_q\.weight/), "\(text)")
        let json = try BuiltCommand.run("info", Self.model, "--format", "json")
        let document = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
        let tensors = try #require((document["checkpoints"] as? [[String: Any]])?.first?["tensors"] as? [[String: Any]])
        let names = tensors.map { [$0["tensor"] as? String, $0["nameInFile"] as? String] }
        #expect(names.contains(["model.norm.weight", "output_norm.weight"]))
    }
}
