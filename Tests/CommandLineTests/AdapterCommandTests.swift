import Checkpoints
import Foundation
import TestSupport
import Testing

/// Adapters on the command line, compared with peft's merged models; see fixtures/make_adapters.py.
@Suite struct AdapterCommandTests {
    private static func adapter(_ name: String) -> String { Fixtures.path("adapters/\(name)") }
    private static let llama = Fixtures.path("transformers/llama")

    /// The numbers of a npy file in single precision.
    static func floats(_ path: String) throws -> [Float] {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let header = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        return bytes.withUnsafeBytes { raw in
            stride(from: header, to: raw.count, by: 4).map { raw.loadUnaligned(fromByteOffset: $0, as: Float.self) }
        }
    }

    /// The words of a text, however it is divided into lines.
    private static func unwrapped(_ text: String) -> String { text.split { $0.isWhitespace }.joined(separator: " ") }

    private func json(_ result: CommandResult) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
    }

    @Test(arguments: [
        ("patterns", "transformers/llama"), ("biased", "transformers/llama"), ("dora", "transformers/llama"),
        ("saved", "transformers/llama"),
        ("untied", "transformers/llama-tied"), ("tied", "transformers/llama-tied"), ("conv1d", "transformers/gpt2"),
        ("conv1d-dora", "transformers/gpt2"), ("tied-change", "transformers/llama-tied"), ("two-changes", "transformers/llama-tied"),
    ])
    func mergedModelsAnswerAsPEFTs(_ name: String, _ base: String) throws {
        try TemporaryFolder.with { folder in
            let found = folder + "/logits.npy"
            let result = try BuiltCommand.run(
                "eval", Self.adapter(name), "--base", Fixtures.path(base), "--data", Fixtures.path("adapters/tokens.npy"), "--logits",
                found,
                "--quiet")
            #expect(result.status == 0, "\(result.errors)")
            let expected = try #require(try Checkpoint.open(Fixtures.path("adapters/expected/\(name).safetensors"))["logits"]).floats()
            let logits = try Self.floats(found)
            #expect(logits.count == expected.count)
            let largest = expected.map(abs).max() ?? 1
            let worst = zip(logits, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(worst <= 1e-5 * max(largest, 1), "\(worst) of \(largest)")
        }
    }

    @Test func theBaseModelIsPickedByMemberAndKey() throws {
        let adapter = Self.adapter("conv1d")
        func scores(_ base: String, _ options: [String] = []) throws -> String {
            let result = try BuiltCommand.run(["score", adapter, "--base", base, "--format", "tsv", "--quiet", "-k", "2"] + options)
            #expect(result.status == 0, "\(options): \(result.errors)")
            return result.text
        }
        let gpt2 = Fixtures.path("transformers/gpt2")
        let expected = try scores(gpt2)
        #expect(try scores(Fixtures.path("two-bases"), ["--base-key", "model"]) == expected)
        #expect(try scores(Fixtures.path("two-bases"), ["--base-key", "ema"]) != expected)
        try TemporaryFolder.with { folder in
            let made = try BuiltCommand.shell("cd \"$1\" && cp -r \"$2\" a && cp -r \"$2\" b && tar cf both.tar a b", folder, gpt2)
            #expect(made.status == 0, "\(made.errors)")
            #expect(try scores(folder + "/both.tar", ["--base-member", "b/model.safetensors"]) == expected)
            let neither = try BuiltCommand.run("score", adapter, "--base", folder + "/both.tar")
            #expect(neither.status == 1 && neither.errors.contains("--base-member PATH picks one"), "\(neither.errors)")
        }
        let neither = try BuiltCommand.run("score", adapter, "--base", Fixtures.path("two-bases"))
        #expect(neither.status == 1 && neither.errors.contains("--base-key KEY picks one"), "\(neither.errors)")
        let alone = try BuiltCommand.run("score", gpt2, "--base-key", "model")
        #expect(alone.status == 64 && alone.errors.contains("--base-key needs --base"), "\(alone.errors)")
    }

    @Test func infoSaysWhatAnAdapterIs() throws {
        let text = Self.unwrapped(try BuiltCommand.run("info", Self.adapter("patterns")).text)
        #expect(
            text.contains("adapter LoRA of rank 2, alpha 6, ranks 1, 2, 3: 6 changed weights of down_proj, q_proj, up_proj"), "\(text)")
        #expect(text.contains("base not given, 'fixtures/base-of-patterns'"), "\(text)")
        #expect(text.contains("runs no: is an adapter"), "\(text)")
        #expect(text.contains("model.layers.0.mlp.up_proj.weight"), "\(text)")
        #expect(!text.contains("lora_A"), "\(text)")

        let merged = try json(BuiltCommand.run("info", Self.adapter("patterns"), "--base", Self.llama, "--format", "json"))
        let checkpoint = try #require((merged["checkpoints"] as? [[String: Any]])?.first)
        let base = try #require(checkpoint["base"] as? [String: Any])
        #expect(base["path"] as? String == Self.llama)
        #expect((base["sha256"] as? String)?.count == 64)
        let adapter = try #require(checkpoint["adapter"] as? [String: Any])
        #expect(adapter["type"] as? String == "LORA" && adapter["rank"] as? Int == 2 && adapter["changes"] as? Int == 6)
        #expect(checkpoint["runProblem"] is NSNull)
    }

    @Test(arguments: [("ia3", "IA3"), ("adalora", "ADALORA"), ("loha", "LOHA"), ("prefix", "PREFIX_TUNING")])
    func otherMethodsAreRefusedByNameAndStillDescribed(_ name: String, _ type: String) throws {
        let info = try BuiltCommand.run("info", Self.adapter(name))
        #expect(info.status == 0, "\(info.errors)")
        #expect(Self.unwrapped(info.text).contains("adapter \(type)"), "\(info.text)")
        for arguments in [["score", Self.adapter(name)], ["score", Self.adapter(name), "--base", Self.llama]] {
            let result = try BuiltCommand.run(arguments)
            #expect(result.status == 1)
            #expect(result.errors.contains("adapters of this type are not merged, expected LORA, found \(type)"), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func anAdapterThatIsToRunAsksForItsBase() throws {
        for arguments in [["eval", "--data", Fixtures.path("adapters/tokens.npy")], ["convert", "-o", "/tmp/never.tar"]] {
            let result = try BuiltCommand.run([arguments[0], Self.adapter("patterns")] + arguments.dropFirst())
            #expect(result.status == 1)
            #expect(
                result.errors.hasSuffix(
                    "is an adapter, which runs with the model that it changes; --base CHECKPOINT gives its base model, 'fixtures/base-of-patterns'\n"
                ), "\(result.errors)")
        }
    }

    @Test func scoresAreThoseOfTheChangesOrOfTheMergedModel() throws {
        let alone = try BuiltCommand.run("score", Self.adapter("patterns"), "--format", "tsv", "--quiet")
        #expect(alone.status == 0, "\(alone.errors)")
        for block in 0..<2 { #expect(alone.text.contains("model.layers.\(block).mlp.up_proj.weight"), "\(alone.text)") }
        try TemporaryFolder.with { folder in
            let out = folder + "/merged.tar"
            #expect(try BuiltCommand.run("convert", Self.adapter("patterns"), "--base", Self.llama, "-o", out).status == 0)
            let merged = try BuiltCommand.run("score", Self.adapter("patterns"), "--base", Self.llama, "--format", "tsv", "--quiet")
            let converted = try BuiltCommand.run("score", out, "--format", "tsv", "--quiet")
            #expect(merged.status == 0)
            #expect(merged.rows.map { $0.dropFirst() } == converted.rows.map { $0.dropFirst() })
            #expect(merged.text != alone.text)
        }
    }

    @Test func compareMergesAnAdapterWithTheModelBesideIt() throws {
        let layers = ["--layers", "*up_proj.weight", "--format", "tsv", "--quiet"]
        let result = try BuiltCommand.run(["compare", Self.llama, Self.adapter("patterns")] + layers)
        #expect(result.status == 0, "\(result.errors)")
        let given = try BuiltCommand.run(["compare", Self.llama, Self.adapter("patterns"), "--base", Self.llama] + layers)
        #expect(given.text == result.text)
        let two = try BuiltCommand.run(["compare", Self.adapter("patterns"), Self.adapter("dora"), "--base", Self.llama] + layers)
        #expect(two.status == 0, "\(two.errors)")
        let changes = try BuiltCommand.run(["compare", Self.adapter("patterns"), Self.adapter("patterns")] + layers)
        #expect(changes.status == 0, "\(changes.errors)")
        let neither = try BuiltCommand.run(["compare", Self.llama, Self.llama, "--base", Self.llama] + layers)
        #expect(neither.status == 1)
        #expect(neither.errors.contains("--base: applies only to adapters"), "\(neither.errors)")
    }

    @Test func aBaseForWhatIsNoAdapterIsAnError() throws {
        let result = try BuiltCommand.run("score", Self.llama, "--base", Self.llama)
        #expect(result.status == 1)
        #expect(
            result.errors
                == "modinspect: \(Self.llama): --base: applies only to adapters, expected an adapter, found a model\n"
        )
    }

    @Test func theBaseIsNotOverwritten() throws {
        let result = try BuiltCommand.run("convert", Self.adapter("patterns"), "--base", Self.llama, "-o", Self.llama, "--force")
        #expect(result.status == 64)
        #expect(result.errors.contains("--base"), "\(result.errors)")
    }
}
