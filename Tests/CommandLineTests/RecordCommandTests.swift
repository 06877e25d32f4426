import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct RecordCommandTests {
    private static func fixture(_ name: String) -> String { Fixtures.path("recordings/" + name) }

    /// An array of numpy's in a folder: its shape and its numbers.
    private func array(_ folder: String, _ name: String) throws -> (shape: [Int], values: [Float]) {
        let opened = try Checkpoint.open(folder + "/" + name + ".npy")
        let tensor = try #require(opened.tensors.first)
        return (tensor.shape, tensor.floats())
    }

    /// Runs `record` into a folder, which exists until `body` returns.
    private func recorded(_ arguments: [String], _ body: (String, CommandResult) throws -> Void) throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out"
            let result = try BuiltCommand.run(["record", "-o", out] + arguments)
            try #require(result.status == 0, "\(result.errors)")
            #expect(result.output.isEmpty)
            try body(out, result)
        }
    }

    private func expectNear(_ found: [Float], _ expected: [Float], _ name: String) {
        #expect(found.count == expected.count, "\(name)")
        let scale = expected.reduce(1) { max($0, abs($1)) }
        let distance = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(distance <= 2e-5 * scale, "\(name): \(distance)")
    }

    @Test(arguments: [("gpt2", "gpt2.npy"), ("llama", "llama.npy"), ("resnet", "resnet.npz")])
    func everySiteEqualsWhatPyTorchsHooksSee(model: String, data: String) throws {
        let expected = try Checkpoint.open(Self.fixture(model + ".safetensors"))
        try #require(expected.tensors.count > 15)
        // In batches of 2 the samples come in several pieces.
        try recorded([Fixtures.path("transformers/" + model), "--data", Self.fixture(data), "--sites", "*", "--batch", "2", "--quiet"]) {
            out, _ in
            for tensor in expected.tensors {
                let found = try array(out, tensor.name)
                #expect(found.shape == tensor.shape, "\(tensor.name)")
                expectNear(found.values, tensor.floats(), tensor.name)
            }
            let samples = try array(out, "sample").values
            #expect(samples == (0..<samples.count).map(Float.init))
        }
    }

    /// Constants of a graph have no output for each sample: they are no sites, and a pattern passes over them.
    @Test func aPatternMeansWhatCanBeRecorded() throws {
        let model = Fixtures.path("onnx/sklearn-maps.onnx")
        try TemporaryFolder.with { folder in
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 5), }"
            var bytes = Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0, 118, 0])
            bytes += Data((header + String(repeating: " ", count: 117 - header.count) + "\n").utf8)
            for value in 0..<20 { withUnsafeBytes(of: Float(value % 7) - 3) { bytes += Data($0) } }
            try bytes.write(to: URL(fileURLWithPath: folder + "/x.npy"))
            try recorded([model, "--data", folder + "/x.npy", "--sites", "*"]) { out, _ in
                let result = try BuiltCommand.run("info", model, "--format", "json")
                let object = try JSONSerialization.jsonObject(with: Data(result.text.utf8)) as? [String: Any]
                let listed = try #require((object?["checkpoints"] as? [[String: Any]])?.first?["sites"] as? [[String: Any]])
                let sites = listed.compactMap { $0["site"] as? String }
                #expect(sites.count > 5 && !sites.contains { $0.hasSuffix(".constant") })
                for site in sites { #expect(try array(out, site).shape.first == 4, "\(site)") }
            }
        }
    }

    /// A recording asks for nothing, also of a model that would be asked for something else than the next token.
    @Test(arguments: ["bert-classes", "bert-masked"]) func tokensNeedNoLabels(model: String) throws {
        let data = Self.fixture("gpt2.npy")
        try recorded([Fixtures.path("transformers/" + model), "--data", data, "--sites", "hook_embed"]) { out, _ in
            let given = try #require(try Checkpoint.open(data).tensors.first)
            #expect(try array(out, "token").values == given.floats())
            #expect(try array(out, "hook_embed").shape.dropLast() == given.shape[...])
        }
    }

    @Test func labelsAndTokensAreBeside() throws {
        try recorded([Fixtures.path("transformers/resnet"), "--data", Self.fixture("resnet.npz"), "--sites", "classifier.1"]) { out, _ in
            #expect(try array(out, "label").values == [2, 0, 1])
            let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
            #expect(names == ["classifier.1.npy", "label.npy", "record.json", "sample.npy"])
        }
        try recorded([Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "resid"]) { out, _ in
            let given = try #require(try Checkpoint.open(Self.fixture("gpt2.npy")).tensors.first)
            let found = try array(out, "token")
            #expect(found.shape == given.shape && found.values == given.floats())
        }
    }

    @Test func positionsBecomeRows() throws {
        let expected = try #require(try Checkpoint.open(Self.fixture("gpt2.safetensors"))["blocks.1.mlp.hook_post"])
        let width = expected.shape[2]
        let all = expected.floats()
        try recorded([
            Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "blocks.1.mlp.post,blocks.0.attn.pattern",
            "--position", "1,last", "--batch", "3", "--quiet",
        ]) { out, _ in
            let found = try array(out, "blocks.1.mlp.hook_post")
            #expect(found.shape == [10, width])
            let rows = (0..<5).flatMap { sample in [1, 8].map { sample * 9 + $0 } }
            expectNear(found.values, rows.flatMap { all[$0 * width..<($0 + 1) * width] }, "rows")
            #expect(try array(out, "sample").values == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
            #expect(try array(out, "position").values == [1, 8, 1, 8, 1, 8, 1, 8, 1, 8])
            let pattern = try array(out, "blocks.0.attn.hook_pattern")
            #expect(pattern.shape == [10, 4, 9])
            let whole = try #require(try Checkpoint.open(Self.fixture("gpt2.safetensors"))["blocks.0.attn.hook_pattern"]).floats()
            // Sample 2, its last position, head 3: what that attends to.
            expectNear(
                Array(pattern.values[(5 * 4 + 3) * 9..<(5 * 4 + 4) * 9]),
                Array(whole[((2 * 4 + 3) * 9 + 8) * 9..<((2 * 4 + 3) * 9 + 9) * 9]), "pattern")
        }
    }

    @Test func aTokenChoosesItsPositions() throws {
        let given = try #require(try Checkpoint.open(Self.fixture("gpt2.npy")).tensors.first).floats()
        let wanted = given[4]
        let places = given.indices.filter { given[$0] == wanted }
        try recorded([
            Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "blocks.0.hook_resid_pre",
            "--token", "\(Int(wanted))", "--quiet",
        ]) { out, _ in
            #expect(try array(out, "position").values == places.map { Float($0 % 9) })
            #expect(try array(out, "sample").values == places.map { Float($0 / 9) })
            let tokens = try array(out, "token").values
            #expect(Set(tokens) == [wanted])
        }
    }

    @Test func oneNeuronAndOneHeadAreRecordedAlone() throws {
        let expected = try Checkpoint.open(Self.fixture("gpt2.safetensors"))
        try recorded([
            Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "blocks.0.mlp.post.7,blocks.0.attn.z.2",
            "--quiet",
        ]) { out, _ in
            let post = try #require(expected["blocks.0.mlp.hook_post"])
            let neuron = try array(out, "blocks.0.mlp.hook_post.7")
            #expect(neuron.shape == [5, 9])
            expectNear(neuron.values, stride(from: 7, to: post.elementCount, by: post.shape[2]).map { post.floats()[$0] }, "neuron")
            let z = try #require(expected["blocks.0.attn.hook_z"]).floats()
            let head = try array(out, "blocks.0.attn.hook_z.2")
            #expect(head.shape == [5, 9, 4])
            expectNear(head.values, (0..<45).flatMap { z[$0 * 16 + 8..<$0 * 16 + 12] }, "head")
        }
    }

    @Test func bothSidesOfPairsAreRecorded() throws {
        let expected = try Checkpoint.open(Self.fixture("pairs.safetensors"))
        try recorded([
            Fixtures.path("transformers/gpt2"), "--data", Self.fixture("pairs.json"), "--sites", "blocks.1.mlp.post", "--quiet",
        ]) { out, _ in
            for side in ["clean", "corrupted"] {
                let name = side + ".blocks.1.mlp.hook_post"
                let (found, tensor) = (try array(out, name), try #require(expected[name]))
                #expect(found.shape == tensor.shape)
                expectNear(found.values, tensor.floats(), name)
                #expect(try array(out, side + ".sample").values == [0, 1, 2].flatMap { [Float](repeating: $0, count: $0 < 2 ? 6 : 8) })
            }
            #expect(try array(out, "answer").values == [1, 1, 1])
            #expect(try array(out, "wrong_answer").shape == [3, 2])
        }
    }

    /// The same bytes in a zip as in a directory, whatever the number of threads.
    @Test func anNPZHoldsTheSameArrays() throws {
        try TemporaryFolder.with { folder in
            let common = [
                Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "neurons,resid", "--batch", "1",
                "--quiet",
            ]
            for (out, threads) in [("a.npz", "1"), ("b.npz", "2"), ("dir", "2")] {
                let result = try BuiltCommand.run(["record", "-o", folder + "/" + out, "--threads", threads] + common)
                try #require(result.status == 0, "\(result.errors)")
            }
            let stream = try BuiltCommand.run(["record", "-o", "-"] + common)
            let (bytes, others) = (
                try Data(contentsOf: URL(fileURLWithPath: folder + "/a.npz")), try Data(contentsOf: URL(fileURLWithPath: folder + "/b.npz"))
            )
            #expect(bytes == others && bytes == stream.output)
            let zip = try Checkpoint.open(folder + "/a.npz")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/dir").filter { $0.hasSuffix(".npy") }
            #expect(Set(zip.tensors.map { $0.name + ".npy" }) == Set(names + ["record.npy"]))
            for tensor in zip.tensors where tensor.name != "record" {
                let found = try array(folder + "/dir", tensor.name)
                #expect(found.shape == tensor.shape && found.values == tensor.floats())
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a.npz", "b.npz", "dir"])
        }
    }

    @Test func theNoteSaysWhatIsWhere() throws {
        try recorded([Fixtures.path("transformers/resnet"), "--data", Self.fixture("resnet.npz"), "--sites", "flatten"]) { out, _ in
            let data = try Data(contentsOf: URL(fileURLWithPath: out + "/record.json"))
            let note = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(note["schema"] as? String == "modinspect.record/1" && note["samples"] as? Int == 3)
            let arrays = try #require(note["arrays"] as? [[String: Any]])
            #expect(arrays.map { $0["name"] as? String } == ["sample", "label", "flatten"])
            #expect(arrays[2]["shape"] as? [Int] == [3, 12] && arrays[2]["file"] as? String == "flatten.npy")
        }
    }

    @Test func meansByClassAreNumpys() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Self.fixture("correlations.json")))
        let fixture = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let expected = try #require(fixture["means"] as? [[String: Double]])
        try TemporaryFolder.with { folder in
            let rows = [("out", 32), ("in", 32)].flatMap { side, count in (0..<count).map { "fc2.weight\t\(side)\t\($0)\t\($0 % 2)" } }
            try Data((["layer\tside\tindex\tcluster"] + rows).joined(separator: "\n").utf8).write(
                to: URL(fileURLWithPath: folder + "/c.tsv"))
            let common = [
                "record", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"), "--clusters",
                folder + "/c.tsv",
            ]
            let found = try BuiltCommand.run(common + ["--by", "class", "--format", "tsv", "--batch", "7"])
            try #require(found.status == 0, "\(found.errors)")
            let header = try #require(found.rows.first)
            let table = found.rows.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, $0)) }
            #expect(table.count == 20)
            for (row, wanted) in zip(table.filter { $0["cluster"] == "0" }, expected) {
                for (key, tolerance) in [("label", 0), ("count", 0), ("mean", 1e-5), ("sd", 1e-5), ("active", 1e-12)] {
                    let (a, b) = (Double(row[key] ?? "") ?? .nan, try #require(wanted[key]))
                    #expect(abs(a - b) <= tolerance * max(1, abs(b)), "\(key): \(a), \(b)")
                }
            }
            // Over all classes the mean is that of the classes, by their counts.
            let whole = try BuiltCommand.run(common + ["--by", "cluster", "--format", "json"])
            let document = try #require(try JSONSerialization.jsonObject(with: whole.output) as? [String: Any])
            let means = try #require(document["means"] as? [[String: Any]])
            let total = expected.reduce(0) { $0 + $1["count"]! * $1["mean"]! } / expected.reduce(0) { $0 + $1["count"]! }
            #expect(means.count == 2 && abs((means[0]["mean"] as? Double ?? 0) - total) < 1e-5)
        }
    }

    /// Both samples of a pair are of the class that is the pair's only answer.
    @Test func pairsAreGroupedByTheirAnswers() throws {
        let (model, pairs) = (Fixtures.path("models/induction.safetensors"), Fixtures.path("models/induction.pairs.json"))
        let common = [model, "--data", pairs, "--sites", "blocks.0.attn.hook_z", "--position", "last", "--quiet"]
        let means = try BuiltCommand.run(["record"] + common + ["--by", "class", "--format", "tsv"])
        try #require(means.status == 0, "\(means.errors)")
        let header = try #require(means.rows.first)
        let rows = means.rows.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, $0)) }
        let file = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: pairs))) as? [String: Any]
        let answers = try #require(file?["prompts"] as? [[String: Any]]).map { ($0["answers"] as? [Int])?.first ?? -1 }
        #expect(rows.count == 2 * Set(answers).count)
        try recorded(common) { out, _ in
            for side in ["clean", "corrupted"] {
                let values = try array(out, side + ".blocks.0.attn.hook_z")
                let width = values.values.count / answers.count
                for row in rows where row["side"] == side {
                    let own = answers.indices.filter { "\(answers[$0])" == row["label"] }
                    let numbers = own.flatMap { values.values[$0 * width..<($0 + 1) * width] }
                    #expect(Int(row["count"] ?? "") == numbers.count)
                    #expect(abs(try #require(Float(row["mean"] ?? "")) - numbers.reduce(0, +) / Float(numbers.count)) < 1e-5)
                }
            }
        }
        try TemporaryFolder.with { folder in
            let two = folder + "/p.json"
            try Data(#"{"prompts": [{"clean": [0, 5], "corrupt": [3, 1], "answers": [6, 2], "wrong_answers": [1]}]}"#.utf8)
                .write(to: URL(fileURLWithPath: two))
            let run = try BuiltCommand.run("record", model, "--data", two, "--sites", "blocks.0.attn.hook_z", "--by", "class")
            #expect(run.errors.contains("pair 0 has no class, which is its only answer, expected 1 answer, found 2"), "\(run.errors)")
        }
    }

    @Test func textsOfAllLengthsAreRecordedAsEachAlone() throws {
        let (model, data) = (Fixtures.path("texts/classifier"), Fixtures.path("texts/sentences.jsonl"))
        let arguments = ["--sites", "pooler,blocks.0.hook_resid_post", "--quiet"]
        try recorded([model, "--data", data] + arguments) { out, _ in
            let (pooler, states) = (try array(out, "pooler"), try array(out, "blocks.0.hook_resid_post"))
            let (samples, labels) = (try array(out, "sample").values, try array(out, "label").values)
            let (width, deep) = (pooler.shape[1], states.shape[1])
            #expect(pooler.shape[0] == 7 && states.shape[0] == samples.count && samples == samples.sorted())
            for (sample, line) in try String(contentsOfFile: data, encoding: .utf8).split(separator: "\n").enumerated() {
                try TemporaryFolder.with { folder in
                    try Data(line.utf8).write(to: URL(fileURLWithPath: folder + "/one.jsonl"))
                    try recorded([model, "--data", folder + "/one.jsonl"] + arguments) { alone, _ in
                        expectNear(
                            Array(pooler.values[sample * width..<(sample + 1) * width]), try array(alone, "pooler").values,
                            "pooler \(sample)")
                        let rows = samples.indices.filter { samples[$0] == Float(sample) }
                        let own = rows.flatMap { states.values[$0 * deep..<($0 + 1) * deep] }
                        expectNear(own, try array(alone, "blocks.0.hook_resid_post").values, "states \(sample)")
                    }
                }
            }
            // A site without positions has one row for each text, whatever others have.
            let means = try BuiltCommand.run(
                "record", model, "--data", data, "--by", "class", "--sites", "pooler,blocks.0.hook_resid_post", "--format", "tsv", "--quiet"
            )
            let header = try #require(means.rows.first)
            let rows = means.rows.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, $0)) }.filter { $0["site"] == "pooler" }
            try #require(rows.count == 3, "\(means.text) \(means.errors)")
            for row in rows {
                let own = Set(samples.indices.filter { labels[$0] == Float(row["label"] ?? "") }.map { Int(samples[$0]) })
                let values = own.flatMap { pooler.values[$0 * width..<($0 + 1) * width] }
                #expect(Int(row["count"] ?? "") == values.count)
                #expect(abs(try #require(Float(row["mean"] ?? "")) - values.reduce(0, +) / Float(values.count)) < 1e-5)
            }
        }
    }

    @Test(arguments: [
        (["--sites", "blocks.9.*"], "no site matches 'blocks.9.*'"),
        (["--sites", "resid", "--position", "99"], "has no such position, expected positions from 0 to 8"),
        (["--sites", "resid", "--position", "x"], "is not a position, expected whole numbers, ranges such as 4-7, or last, found 'x'"),
        (["--sites", "resid", "--token", "word"], "--token is not an id, and the checkpoint has no tokenizer.json"),
        (["--sites", "resid", "--by", "class"], "has no class for each sample"),
    ])
    func failuresAreOneLine(arguments: [String], words: String) throws {
        try TemporaryFolder.with { folder in
            let out = arguments.contains("--by") ? [] : ["-o", folder + "/out"]
            let result = try BuiltCommand.run(
                ["record", Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--quiet"] + arguments + out)
            #expect(result.status != 0 && result.errors.contains(words), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func whatIsThereIsKept() throws {
        try TemporaryFolder.with { folder in
            try FileManager.default.createDirectory(atPath: folder + "/out", withIntermediateDirectories: true)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: folder + "/out/notes.txt"))
            let arguments = [
                "record", Fixtures.path("transformers/gpt2"), "--data", Self.fixture("gpt2.npy"), "--sites", "resid", "-o", folder + "/out",
            ]
            let refused = try BuiltCommand.run(arguments)
            #expect(refused.status == 1 && refused.errors.contains("exists and is not empty; --force replaces it"), "\(refused.errors)")
            let foreign = try BuiltCommand.run(arguments + ["--force"])
            #expect(foreign.status == 1 && foreign.errors.contains("found 'notes.txt'"), "\(foreign.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/out") == ["notes.txt"])
            try FileManager.default.removeItem(atPath: folder + "/out/notes.txt")
            #expect(try BuiltCommand.run(arguments).status == 0)
            #expect(try BuiltCommand.run(arguments + ["--force"]).status == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out"])
        }
    }

    @Test func aFullDiskIsOneLine() throws {
        let result = try BuiltCommand.shell(
            "\"$M\" record \"$1\" --data \"$2\" --sites '*' -o - > /dev/full", Fixtures.path("transformers/gpt2"), Self.fixture("gpt2.npy"))
        #expect(
            result.status == 1 && result.errors == "modinspect: standard output: cannot write: no space left on device\n",
            "\(result.errors)")
    }
}
