import Foundation
import TestSupport
import Testing

@Suite struct FinetuneCommandTests {
    private static let model = Fixtures.path("models/mnist-mlp.pt")
    private static let images = Fixtures.path("models/mnist-mlp.npz")
    private static let options = ["--data", images, "--batch", "32", "--seed", "5"]

    /// Token ids of 40 windows of 12, below 32, as a flat file of uint16.
    private static func tokens(_ folder: String) throws -> [String] {
        var data = Data()
        var state: UInt32 = 1
        for _ in 0..<480 {
            state = state &* 1_664_525 &+ 1_013_904_223
            data.append(contentsOf: [UInt8(state >> 27), 0])
        }
        try data.write(to: URL(fileURLWithPath: folder + "/tokens.bin"))
        return ["--data", folder + "/tokens.bin", "--context", "12"]
    }

    private static func lines(_ path: String) throws -> [[String: Any]] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    @Test func theLogAndTheOtherSubcommandsAgreeOnWhatWasTrained() throws {
        try TemporaryFolder.with { folder in
            let (out, log) = (folder + "/out.tar", folder + "/log.jsonl")
            let run = try BuiltCommand.run(
                [
                    "finetune", Self.model, "-o", out, "--log", log, "--eval", Self.images, "--eval-every", "7", "--guard", Self.images,
                    "--epochs", "2",
                ]
                    + Self.options)
            #expect(run.status == 0 && run.output.isEmpty, "\(run.errors)")
            let lines = try Self.lines(log)
            #expect(lines.count == 21 && lines[0]["schema"] as? String == "modinspect.finetune/1" && lines[0]["steps"] as? Int == 20)
            #expect(lines.dropFirst().compactMap { $0["step"] as? Int } == Array(1...20))
            #expect(lines.filter { $0["evaluation"] is [String: Any] }.compactMap { $0["step"] as? Int } == [7, 14, 20])
            let evaluation = try #require(lines[20]["evaluation"] as? [String: Any])
            let guarded = try #require(lines[20]["guard"] as? [String: Any])
            #expect(guarded.compactMapValues { $0 as? Double } == evaluation.compactMapValues { $0 as? Double })
            let report = try BuiltCommand.run("eval", out, "--data", Self.images, "--format", "tsv").rows
            #expect(report[1][4] == "\(try #require(evaluation["accuracy"] as? Double))")
            #expect(abs(try #require(Double(report[1][5])) - (try #require(evaluation["loss"] as? Double))) < 1e-6)
            for line in lines.dropFirst() {
                let loss = try #require(line["loss"] as? Double)
                let entropy = try #require(line["crossEntropy"] as? Double)
                let layers = try #require(line["layers"] as? [Double])
                let mean = try #require(line["clusterability"] as? Double)
                #expect(layers.count == 2 && abs(layers.reduce(0, +) / 2 - mean) < 1e-12 && abs(loss - (entropy - 20 * mean)) < 1e-9)
            }
            #expect(try BuiltCommand.run("info", out).text.contains("runs        as fc1,relu,fc2"))
        }
    }

    @Test func theClustersThatWereTrainedForAreFoundAgainAndRecorded() throws {
        try TemporaryFolder.with { folder in
            let (out, clusters) = (folder + "/out.tar", folder + "/c.tsv")
            let run = try BuiltCommand.run(
                [
                    "finetune", Self.model, "-o", out, "--clusters", Fixtures.path("models/mnist-mlp.clusters.tsv"), "--layers",
                    "fc2.weight", "--lr",
                    "0.01", "--epochs", "30", "--until", "clusterability=0.97",
                ] + Self.options)
            #expect(run.status == 0, "\(run.errors)")
            #expect(try BuiltCommand.run("cluster", out, "--layers", "fc2.weight", "-o", clusters).status == 0)
            let given = folder + "/given.tsv"
            #expect(
                try BuiltCommand.shell(
                    "head -1 \"$1\" > \"$2\"; grep fc2 \"$1\" >> \"$2\"", Fixtures.path("models/mnist-mlp.clusters.tsv"), given
                ).status == 0)
            let compared = try BuiltCommand.run("compare", given, clusters, "--format", "json").text
            #expect(compared.contains("\"ari\": 1,"), "\(compared)")
            let score = try BuiltCommand.run("score", out, "--layers", "fc2.weight", "--clusters", given, "--format", "tsv").rows
            #expect(try #require(Double(score[1][3])) >= 0.97)
            let note = try BuiltCommand.shell("tar xOf \"$1\" modinspect.json", out).text
            let recorded = try #require(try JSONSerialization.jsonObject(with: Data(note.utf8)) as? [String: Any])
            let layers = try #require(recorded["clusters"] as? [[String: Any]])
            let labels = try String(contentsOfFile: given, encoding: .utf8).split(separator: "\n").filter { $0.contains("\tout\t") }
                .compactMap { $0.split(separator: "\t").last.flatMap { Int($0) } }
            #expect(layers.count == 1 && layers[0]["out"] as? [Int] == labels)
        }
    }

    @Test func emptyClustersAreKept() throws {
        try TemporaryFolder.with { folder in
            let (given, out) = (folder + "/given.json", folder + "/out.tar")
            #expect(try BuiltCommand.run("cluster", Self.model, "-k", "3", "--format", "json", "-o", given).status == 0)
            // Two more clusters without neurons.
            let five = try String(contentsOfFile: given, encoding: .utf8).replacing("\"k\" : 3", with: "\"k\" : 5").replacing(
                "\"k\": 3", with: "\"k\": 5")
            try five.write(toFile: given, atomically: true, encoding: .utf8)
            let run = try BuiltCommand.run(
                ["finetune", Self.model, "-o", out, "--steps", "1", "--clusters", given, "--quiet"] + Self.options)
            #expect(run.status == 0, "\(run.errors)")
            let note = try BuiltCommand.shell("tar xOf \"$1\" modinspect.json", out).text
            let recorded = try #require(try JSONSerialization.jsonObject(with: Data(note.utf8)) as? [String: Any])
            let layers = try #require(recorded["clusters"] as? [[String: Any]])
            #expect(layers.count == 2 && layers.allSatisfy { $0["k"] as? Int == 5 })
            let scored = try BuiltCommand.run("score", Self.model, "--clusters", out, "--format", "tsv")
            #expect(scored.status == 0, "\(scored.errors)")
            let place = try #require(scored.rows[0].firstIndex(of: "k"))
            #expect(scored.rows[1][place] == "5")
        }
    }

    /// Before any step that moves the weights, the method finds the same clusters as `cluster`.
    @Test(arguments: ["cocluster", "bsgc", "contiguous", "network", "gradient"]) func methodsAreThoseOfCluster(method: String) throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let run = try BuiltCommand.run(
                ["finetune", Self.model, "-o", out, "--steps", "1", "--lr", "0", "--method", method, "-k", "3"] + Self.options)
            #expect(run.status == 0, "\(run.errors)")
            let data = method == "gradient" ? ["--data", Self.images, "--batch", "32"] : []
            let found = try BuiltCommand.run(
                ["cluster", Self.model, "--method", method, "-k", "3", "--seed", "5", "--format", "json"] + data)
            let report = try #require(try JSONSerialization.jsonObject(with: found.output) as? [String: Any], "\(found.errors)")
            let note = try BuiltCommand.shell("tar xOf \"$1\" modinspect.json", out).text
            let recorded = try #require(try JSONSerialization.jsonObject(with: Data(note.utf8)) as? [String: Any])
            func labels(_ layers: Any?, _ side: String) throws -> [[Int]] {
                try #require(layers as? [[String: Any]]).map { try #require($0[side] as? [Int]) }
            }
            for side in ["out", "in"] {
                let (trained, clustered) = (try labels(recorded["clusters"], side), try labels(report["layers"], side))
                #expect(trained == clustered)
            }
        }
    }

    @Test func theBytesDoNotDependOnThreads() throws {
        try TemporaryFolder.with { folder in
            for threads in ["1", "3"] {
                let run = try BuiltCommand.run(
                    ["finetune", Self.model, "-o", folder + "/\(threads).tar", "--threads", threads, "--epochs", "1"] + Self.options)
                #expect(run.status == 0, "\(run.errors)")
            }
            #expect(try Self.bytes(folder + "/1.tar") == Self.bytes(folder + "/3.tar"))
        }
    }

    @Test func aRunThatIsKilledAgainAndAgainEndsWithTheSameBytes() throws {
        try TemporaryFolder.with { folder in
            let options =
                [
                    "--epochs", "60", "--warmup", "100", "--eval", Self.images, "--eval-every", "40", "--keep", "best", "--schedule",
                    "cosine",
                ] + Self.options
            let whole = try BuiltCommand.run(
                ["finetune", Self.model, "-o", folder + "/whole.tar", "--log", folder + "/whole.jsonl"] + options)
            #expect(whole.status == 0, "\(whole.errors)")
            let quoted = options.map { "'\($0)'" }.joined(separator: " ")
            let run = try BuiltCommand.shell(
                """
                for delay in 0.05 0.1 0.15 0.2 0.1 0.25; do
                  "$M" finetune "$1" -o "$2/cut.tar" --log "$2/cut.jsonl" --save-every 13 --resume \(quoted) & p=$!
                  sleep $delay; kill -9 $p; wait $p
                done 2> /dev/null
                "$M" finetune "$1" -o "$2/cut.tar" --log "$2/cut.jsonl" --save-every 13 --resume --force \(quoted)
                """, Self.model, folder)
            #expect(run.status == 0, "\(run.errors)")
            #expect(try Self.bytes(folder + "/whole.tar") == Self.bytes(folder + "/cut.tar"))
            #expect(!FileManager.default.fileExists(atPath: folder + "/cut.tar.state"))
            func steps(_ name: String) throws -> [Int] { try Self.lines(folder + "/" + name).compactMap { $0["step"] as? Int } }
            #expect(try steps("whole.jsonl") == steps("cut.jsonl"))
        }
    }

    @Test(arguments: ["INT", "TERM"]) func aSignalSavesAndLeaves(name: String) throws {
        try TemporaryFolder.with { folder in
            // Long enough not to end before the signal.
            let options = (["--steps", "30000"] + Self.options).map { "'\($0)'" }.joined(separator: " ")
            let run = try BuiltCommand.shell(
                """
                set -m
                "$M" finetune "$1" -o "$2/out.tar" --log "$2/log" --log-every 1 \(options) & p=$!
                while [ ! -s "$2/log" ] || [ $(wc -l < "$2/log") -lt 3 ]; do sleep 0.05; done
                kill -\(name) $p; wait $p; echo $?
                """, Self.model, folder)
            #expect(run.text == (name == "INT" ? "130\n" : "143\n"), "\(run.text) \(run.errors)")
            #expect(run.errors.contains("stopped after step") && run.errors.contains("--resume continues from \(folder)/out.tar.state"))
            let left = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(left == ["log", "out.tar.state"])
        }
    }

    @Test func aRunGoesOnWithItsOwnOptionsOnly() throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let options = ["finetune", Self.model, "-o", out, "--data", Self.images, "--optimizer", "sgd", "--only", "fc[12]*"]
            let quoted = options.map { "'\($0)'" }.joined(separator: " ")
            let cut = try BuiltCommand.shell(
                """
                "$M" \(quoted) --steps 3000 --save-every 5 & p=$!
                while [ ! -s "$1.state" ]; do sleep 0.02; done
                kill -9 $p; wait $p
                """, out)
            #expect(cut.status == 137, "\(cut.errors)")
            let state = try Self.bytes(out + ".state")
            let again = try BuiltCommand.run(options + ["--steps", "3000"])
            #expect(
                again.status == 1
                    && again.errors == "modinspect: \(out).state: an unfinished run exists; --resume continues it, --force restarts\n")
            let other = try BuiltCommand.run(options + ["--steps", "9", "--resume", "--lr", "0.1", "--clip", "2"])
            #expect(other.status == 1)
            #expect(
                other.errors.split(separator: "\n").last
                    == "modinspect: \(out).state: the run was started with other options: --clip was not given and is 2.0, --epochs or --steps was 3000 steps and is 9 steps, --lr was 0.001 and is 0.1"
            )
            #expect(try Self.bytes(out + ".state") == state)
            let end = try BuiltCommand.run(options + ["--steps", "3000", "--resume"])
            #expect(end.status == 0 && end.errors.contains("resuming after step "), "\(end.errors)")
        }
    }

    /// A bound on the size of files fails a write as a full disk does.
    @Test func aStateThatCannotBeWrittenEndsTheRunAndLeavesTheLast() throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let line = "ulimit -f $3; \"$M\" finetune \"$1\" -o \"$2\" --data \"$4\" --quiet --steps 4 --save-every 2 --resume"
            let full = try BuiltCommand.shell(line, Self.model, out, "150", Self.images)
            #expect(full.status == 1 && full.errors == "modinspect: \(out).state: cannot write: file too large\n", "\(full.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
            let fits = try BuiltCommand.shell(line, Self.model, out, "unlimited", Self.images)
            #expect(fits.status == 0 && fits.errors.isEmpty, "\(fits.errors)")
        }
    }

    @Test func aLanguageModelKeepsItsFilesAndTypes() throws {
        try TemporaryFolder.with { folder in
            let data = try Self.tokens(folder)
            for (name, type) in [("llama-tiny", "bf16"), ("pythia-tiny", "f16"), ("gpt2-tiny", "f32")] {
                let (out, log) = (folder + "/" + name, folder + "/\(name).jsonl")
                let run = try BuiltCommand.run(
                    [
                        "finetune", Fixtures.path(name), "-o", out, "--steps", "6", "--log", log, "--eval", data[1], "--dtype", "f32", "-k",
                        "2",
                    ] + data)
                #expect(run.status == 0, "\(run.errors)")
                let last = try #require(try Self.lines(log).last)
                #expect(try Self.lines(log)[0]["lambda"] as? Double == 40)
                let evaluation = try #require(last["evaluation"] as? [String: Any])
                let report = try BuiltCommand.run(["eval", out, "--format", "json"] + data).text
                let found = try #require(try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any])
                let loss = try #require((found["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
                #expect(abs(loss - (try #require(evaluation["loss"] as? Double))) < 1e-6)
                let kept = folder + "/\(name)-kept"
                #expect(try BuiltCommand.run(["finetune", Fixtures.path(name), "-o", kept, "--steps", "1", "-k", "2"] + data).status == 0)
                let before = try BuiltCommand.run("info", Fixtures.path(name), "--format", "tsv").rows.dropFirst().map { Array($0[1...3]) }
                let after = try BuiltCommand.run("info", kept, "--format", "tsv").rows.dropFirst().map { Array($0[1...3]) }
                #expect(Set(after) == Set(before) && after.allSatisfy { $0[1] == type }, "\(name)")
                #expect(try Self.bytes(kept + "/config.json") == Self.bytes(Fixtures.path(name) + "/config.json"))
            }
        }
    }

    @Test func batchNormsCountTheirBatches() throws {
        try TemporaryFolder.with { folder in
            let data = Fixtures.path("models/mnist-mlp.npz")
            let spec = "cnn:1x28x28:conv1(4,3,stride=2),bn1,relu,flatten,fc1(10)"
            #expect(try BuiltCommand.run("init", spec, "-o", folder + "/a.safetensors").status == 0)
            let run = try BuiltCommand.run(
                "finetune", folder + "/a.safetensors", "-o", folder + "/b.safetensors", "--data", data, "--limit", "100", "--batch", "30",
                "--accumulate", "3", "--epochs", "2", "--layers", "fc1.weight", "--quiet")
            #expect(run.status == 0, "\(run.errors)")
            let file = try Self.bytes(folder + "/b.safetensors")
            let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            let header = try #require(try JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any])
            let entry = try #require(header["bn1.num_batches_tracked"] as? [String: Any])
            let start = try #require((entry["data_offsets"] as? [Int])?.first) + 8 + length
            #expect(file[start..<start + 8].reversed().reduce(0) { $0 << 8 | Int($1) } == 8)
        }
    }

    @Test(arguments: [
        (["--data", images, "--lr", "1e30"], "step 2: the loss is not finite, found nan"),
        (
            ["--data", images, "--clusters", Fixtures.path("mlp.clusters.tsv")],
            "layer 'fc2.weight' has no out-neuron 32, expected 32 neurons"
        ),
        (["--data", images, "--clusters", Fixtures.path("cnn.clusters.tsv")], "is not a weight matrix of the checkpoint"),
        (["--data", Fixtures.path("data/bad-empty.npz")], "bad-empty.npz: "),
        (["--data", Fixtures.path("data/tokens-i4.npy")], "the model reads numbers"),
        (["--data", "modadd:7"], "the model reads numbers"),
        (["--data", images, "--only", "fc9*"], "--only: no parameter matches 'fc9*'"),
        (["--data", images, "--freeze", "*"], "no parameter is left to train"),
        (["--data", images, "--layers", "fc9*"], "no layer matches 'fc9*'"),
        (["--data", images, "--log", "/nowhere/log"], "/nowhere/log: cannot write"),
        (["--data", images, "--state", "/nowhere/state", "--save-every", "1", "--steps", "1"], "/nowhere/state: cannot"),
    ]) func whatCannotBeTrainedIsSaidInOneLine(arguments: [String], words: String) throws {
        try TemporaryFolder.with { folder in
            let run = try BuiltCommand.run(["finetune", Self.model, "-o", folder + "/out.tar", "--quiet"] + arguments)
            #expect(run.status == 1 && run.errors.contains(words) && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func whatIsThereIsNotOverwritten() throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            try Data("mine".utf8).write(to: URL(fileURLWithPath: out))
            let refused = try BuiltCommand.run(["finetune", Self.model, "-o", out, "--steps", "1"] + Self.options)
            #expect(refused.status == 1 && refused.errors == "modinspect: \(out): exists; --force replaces it\n")
            #expect(try Self.bytes(out) == Data("mine".utf8))
            #expect(try BuiltCommand.run(["finetune", Self.model, "-o", out, "--steps", "1", "--force"] + Self.options).status == 0)
            #expect(try BuiltCommand.run("info", out).status == 0)
        }
    }

    @Test(arguments: [
        ["--keep", "best"], ["--momentum", "0.9"], ["--epochs", "1", "--steps", "2"], ["--full-batch", "--batch", "3"],
        ["--until", "loss=1"],
        ["--clusters", "x", "-k", "2"], ["-k", "2-4"], ["--dtype", "i8"], ["--betas", "1,1"], ["--guard", "x"],
    ]) func whatContradictsItselfIsWrongUsage(arguments: [String]) throws {
        let run = try BuiltCommand.run(["finetune", Self.model, "-o", "/nowhere/x.tar", "--data", Self.images] + arguments)
        #expect(run.status == 64, "\(run.errors)")
    }

    @Test func aPipeTakesAndGivesCheckpoints() throws {
        let run = try BuiltCommand.shell(
            """
            "$M" init mlp:784-16-16-10 -o - | "$M" finetune - --data "$1" --steps 2 -o - --quiet | "$M" eval - --data "$1" --format tsv | wc -l
            """, Self.images)
        #expect(run.status == 0 && run.text == "12\n", "\(run.text) \(run.errors)")
    }
}
