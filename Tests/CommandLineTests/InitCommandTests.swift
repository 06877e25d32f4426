import Foundation
import TestSupport
import Testing

@Suite struct InitCommandTests {
    @Test func aFreshPerceptronRunsAndKeepsItsArchitecture() throws {
        try TemporaryFolder.with { folder in
            for name in ["m.tar", "m.safetensors", "m"] {
                let path = folder + "/" + name
                let made = try BuiltCommand.run("init", "mlp:784-16-10", "-o", path)
                #expect(made.status == 0 && made.output.isEmpty && made.errors.isEmpty, "\(made.errors)")
                let run = try BuiltCommand.run("eval", path, "--data", Fixtures.path("models/mnist-mlp.npz"), "--format", "json")
                #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
                #expect(run.text.contains("\"architecture\": \"fc1,relu,fc2\""))
            }
        }
    }

    @Test func theSameSeedGivesTheSameBytes() throws {
        try TemporaryFolder.with { folder in
            func bytes(_ name: String, _ seed: String) throws -> Data {
                #expect(try BuiltCommand.run("init", "mlp:5-4-3", "--seed", seed, "-o", folder + "/" + name).status == 0)
                return try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            }
            let first = try bytes("a.tar", "7")
            let again = try bytes("b.tar", "7")
            let other = try bytes("c.tar", "8")
            #expect(first == again)
            #expect(first != other)
        }
    }

    @Test func aPipeTakesTheArchive() throws {
        let result = try BuiltCommand.shell("\"$M\" init cnn:1x8x8:'conv1(4,3),relu,flatten,fc1(3)' -o - | \"$M\" info - --format tsv")
        #expect(result.status == 0, "\(result.errors)")
        #expect(Set(result.rows.dropFirst().map { $0[1] }) == ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias"])
    }

    /// Nothing can be put in a pipe's place: it is written directly, under whatever name.
    @Test(arguments: [
        "-o /dev/stdout | \"$M\" info -", "-o >(\"$M\" info - > list); wait; until grep -q fc1 list; do sleep 0.1; done; cat list",
    ])
    func aPipeThatHasANameTakesTheArchive(end: String) throws {
        let line = "cd \"$1\"; \"$M\" init cnn:1x8x8:'conv1(4,3),relu,flatten,fc1(3)' " + end
        let result = try TemporaryFolder.with { try BuiltCommand.shell(line, $0) }
        #expect(result.status == 0 && result.errors.isEmpty && result.text.contains("fc1.weight"), "\(result.errors)")
    }

    @Test func aPipeThatHasANameTakesAResultAndARecording() throws {
        let line =
            "\"$M\" score \"$1\" -o /dev/stdout | head -n 1; \"$M\" record \"$1\" --data \"$2\" --sites logits -q -o /dev/stdout | head -c 2"
        let result = try BuiltCommand.shell(line, Fixtures.path("models/mnist-mlp.pt"), Fixtures.path("models/mnist-mlp.npz"))
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        // A zip begins with PK.
        #expect(result.text.hasSuffix("mnist-mlp.pt\nPK"))
    }

    @Test func modularAdditionRunsOnItsPairs() throws {
        try TemporaryFolder.with { folder in
            let sizes = ["--d-model", "16", "--heads", "2", "--d-mlp", "8", "--layers", "2"]
            #expect(try BuiltCommand.run(["init", "modadd:7", "-o", folder + "/m.tar"] + sizes).status == 0)
            let run = try BuiltCommand.run("eval", folder + "/m.tar", "--data", "modadd:7", "--format", "tsv")
            #expect(run.status == 0, "\(run.errors)")
        }
    }

    @Test func aLanguageModelTakesItsTokenizerAlong() throws {
        try TemporaryFolder.with { folder in
            let source = Fixtures.path("gpt2-tiny/config.json")
            let made = try BuiltCommand.run("init", source, "-o", folder + "/m")
            #expect(made.status == 0, "\(made.errors)")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/m").sorted()
            #expect(files.contains("config.json") && files.contains("model.safetensors") && files.contains("modinspect.json"))
            let original = try BuiltCommand.run("info", Fixtures.path("gpt2-tiny"), "--format", "tsv")
            let fresh = try BuiltCommand.run("info", folder + "/m", "--format", "tsv")
            #expect(fresh.status == 0)
            #expect(original.status == 0)
        }
    }

    @Test func anOutputThatExistsIsKept() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/m.tar"
            try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
            let refused = try BuiltCommand.run("init", "mlp:5-3", "-o", path)
            #expect(refused.status == 1)
            #expect(refused.errors == "modinspect: \(path): exists; --force replaces it\n")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
            #expect(try BuiltCommand.run("init", "mlp:5-3", "-o", path, "--force").status == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["m.tar"])
        }
    }

    @Test func aFullDiskLeavesNothing() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.shell("ulimit -f 100; trap '' XFSZ; \"$M\" init mlp:1000-1000-10 -o \"$1/m.tar\"", folder)
            #expect(result.status == 1)
            #expect(result.errors == "modinspect: \(folder)/m.tar: cannot write: file too large\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func wrongUsageIsStatus64() throws {
        for arguments in [
            ["init", "mlp:5-3"], ["init", "mlp:5", "-o", "x.tar"], ["init", "mlp:5-3", "--heads", "2", "-o", "x.tar"],
            ["init", "modadd:x", "-o", "x.tar"], ["init", "cnn:1x8x8:conv1(2)", "-o", "x.tar"],
        ] { #expect(try BuiltCommand.run(arguments).status == 64, "\(arguments)") }
        let missing = try BuiltCommand.run("init", "none/config.json", "-o", "-")
        #expect(missing.status == 1 && missing.errors.split(separator: "\n").count == 1, "\(missing.errors)")
    }
}
