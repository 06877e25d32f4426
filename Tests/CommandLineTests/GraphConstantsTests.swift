import Foundation
import TestSupport
import Testing

/// Constants and several outputs of graphs, in files that `make_ties.py` wrote.
@Suite struct GraphConstantsTests {
    private func run(_ arguments: [String]) throws -> (output: String, errors: String) {
        let result = try BuiltCommand.run(arguments)
        try #require(result.status == 0, "\(arguments): \(result.errors)")
        return (result.text, result.errors)
    }

    /// - Parameter isPartial: whether tensors stand in the file that nothing reads, of which a note says so.
    private func loss(_ path: String, _ data: String, isPartial: Bool = false) throws -> Double {
        let found = try run(["eval", path, "--data", data, "--format", "json"])
        #expect(found.errors.contains("does not read") == isPartial, "\(path): \(found.errors)")
        let document = try #require(JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [String: Any])
        return try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
    }

    private func expected(_ model: String) throws -> Double {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("ties/expected.json")))
        return try #require((JSONSerialization.jsonObject(with: data) as? [String: [String: Double]])?[model]?["stepped"])
    }

    /// A step leaves constants as they are, whatever the file was made into before: words say which tensors they are.
    @Test(arguments: ["ts", "scripted.ts", "pt2", "dynamo.onnx"], ["m.tar", "m.safetensors", "m", "m.onnx"])
    func constantsAreNotTrained(format: String, name: String) throws {
        let data = Fixtures.path("ties/constants.npz")
        try TemporaryFolder.with { folder in
            let (path, end) = (folder + "/" + name, folder + "/end.tar")
            _ = try run(["convert", Fixtures.path("ties/constants." + format), "-o", path, "--quiet"])
            _ = try run([
                "finetune", path, "--data", data, "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0",
                "-o",
                end, "--quiet",
            ])
            #expect(abs(try loss(end, data) - expected("constants")) < 2e-6)
        }
    }

    @Test func wordsNameConstants() throws {
        let source = Fixtures.path("ties/constants.pt2")
        let words = try run(["info", source, "--arch"]).output.split(separator: "\n").joined()
        #expect(words.hasSuffix(",constants(shift,factor)"), "\(words)")
        let stepped = try TemporaryFolder.with { folder in
            _ = try run([
                "finetune", Fixtures.path("ties/constants.pt"), "--arch", words, "--data", Fixtures.path("ties/constants.npz"),
                "--optimizer",
                "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0", "-o", folder + "/m.tar", "--quiet",
            ])
            return try loss(folder + "/m.tar", Fixtures.path("ties/constants.npz"))
        }
        #expect(abs(stepped - (try expected("constants"))) < 2e-6)
        for wrong in ["constants(nothing)", "constants(a=shift)"] {
            let result = try BuiltCommand.run("info", Fixtures.path("ties/constants.pt"), "--arch", "first,relu,second,relu,last," + wrong)
            #expect(result.status == 1 && result.errors.contains("names what is no tensor of the checkpoint"), "\(result.errors)")
        }
        let unread = try BuiltCommand.run(
            "eval", Fixtures.path("ties/constants.pt"), "--arch", "first,relu,second,relu,last,constants(shift)", "--data",
            Fixtures.path("ties/constants.npz"))
        #expect(unread.status == 1 && unread.errors.contains("names a constant that no element reads"), "\(unread.errors)")
    }

    /// The words of a program name what only its other output reads, so that they serve the state dict.
    @Test func wordsNameWhatIsNotRead() throws {
        let (program, state, data) = (
            Fixtures.path("ties/outputs.pt2"), Fixtures.path("ties/outputs.pt"), Fixtures.path("ties/outputs.npz")
        )
        let words = try run(["info", program, "--arch"]).output.split(separator: "\n").joined()
        #expect(words.hasSuffix(",unread(other.bias,other.weight)"), "\(words)")
        let file = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("ties/expected.json")))
        let expected = try #require((JSONSerialization.jsonObject(with: file) as? [String: [String: Double]])?["outputs"]?["loss"])
        for path in [program, state] {
            let found = try run(["eval", path, "--arch", words, "--data", data, "--format", "json"])
            #expect(!found.errors.contains("does not read"), "\(found.errors)")
            let document = try #require(JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [String: Any])
            let loss = try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
            #expect(abs(loss - expected) < 2e-6)
        }
        let steps = "first,relu,second,relu,last"
        for (wrong, message) in [
            ("", "leaves out a module of the checkpoint, expected 'other'; unread(other.bias,other.weight) as one more element says that"),
            (",unread(other.weight,other.bias,last.weight)", "names a tensor as unread that an element reads"),
            (",unread(other.weight,nothing)", "names what is no tensor of the checkpoint"),
        ] {
            let result = try BuiltCommand.run("eval", state, "--arch", steps + wrong, "--data", data)
            #expect(result.status == 1 && result.errors.contains(message), "\(result.errors)")
        }
        // What nothing reads does not follow its neurons.
        try TemporaryFolder.with { folder in
            _ = try run(["cluster", state, "--layers", "first.weight", "-k", "2", "--quiet", "-o", folder + "/c.tsv"])
            let found = try run(["permute", state, "--arch", words, "--clusters", folder + "/c.tsv", "-o", folder + "/m.tar"])
            #expect(
                found.errors.contains("'other.bias' and 1 other, which the network does not read, stay as in the checkpoint"),
                "\(found.errors)")
        }
        // What training leaves as it is stays in the file.
        let written = try TemporaryFolder.with { folder in
            _ = try run([
                "finetune", state, "--arch", words, "--data", data, "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch",
                "--lambda", "0", "-o", folder + "/m.tar", "--quiet",
            ])
            return try (loss(folder + "/m.tar", data), run(["info", folder + "/m.tar"]).output)
        }
        #expect(abs(written.0 - (try self.expected("outputs"))) < 2e-6 && written.1.contains("other.weight"))
    }

    /// Words name single numbers too that nothing reads, as the bias of a head with one output, so that they serve the state dict.
    @Test(arguments: ["ts", "scripted.ts", "pt2"]) func wordsNameSingleNumbersThatAreNotRead(format: String) throws {
        let (path, data) = (Fixtures.path("ties/value." + format), Fixtures.path("ties/value.npz"))
        let words = try run(["info", path, "--arch"]).output.split(separator: "\n").joined()
        let unread = try #require(words.components(separatedBy: "unread(").last?.dropLast())
        #expect(Set(unread.split(separator: ",")) == ["value.weight", "value.bias", "scale"], "\(words)")
        let stepped = try TemporaryFolder.with { folder in
            let end = folder + "/end.tar"
            _ = try run([
                "finetune", Fixtures.path("ties/value.pt"), "--arch", words, "--data", data, "--optimizer", "sgd", "--lr", "0.1", "--steps",
                "1", "--full-batch", "--lambda", "0", "-o", end, "--quiet",
            ])
            return try loss(end, data)
        }
        #expect(abs(stepped - (try expected("value"))) < 2e-6)
    }

    /// A chain beside which a layer stands that nothing reads runs in every format, and its words name that layer.
    @Test(arguments: ["ts", "scripted.ts", "pt2", "script.onnx", "dynamo.onnx"]) func chainsLeaveOutWhatIsNotRead(format: String) throws {
        let (path, data) = (Fixtures.path("ties/partial." + format), Fixtures.path("ties/partial.npz"))
        let words = try run(["info", path, "--arch"]).output.split(separator: "\n").joined()
        #expect(words.hasPrefix("input(6),first,relu,last") && words.contains("unread(") == !format.hasSuffix("onnx"), "\(words)")
        let stepped = try TemporaryFolder.with { folder in
            _ = try run([
                "finetune", path, "--data", data, "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0",
                "-o",
                folder + "/m.tar", "--quiet",
            ])
            return try loss(folder + "/m.tar", data, isPartial: !format.hasSuffix("onnx"))
        }
        #expect(abs(stepped - (try expected("partial"))) < 2e-6)
    }

    /// A mask that is added to scores is no layer, whatever it is called and however many dimensions it has.
    @Test(arguments: ["ts", "scripted.ts", "pt2", "script.onnx", "dynamo.onnx"]) func masksAreNoLayers(format: String) throws {
        let found = try run(["score", Fixtures.path("ties/tokens." + format), "--layers", "all", "--format", "tsv", "--quiet"]).output
        let names = Set(found.split(separator: "\n").dropFirst().map { String($0.split(separator: "\t")[1]) }).subtracting(["mean"])
        #expect(names.count == 6 && !names.contains { $0.contains("hidden") }, "\(names)")
    }

    /// Neurons that another output of a graph is made of do not move; those before them do.
    @Test(arguments: ["ts", "scripted.ts", "pt2", "script.onnx", "dynamo.onnx"], ["first.weight", "second.weight"])
    func otherOutputsKeepTheirNeurons(format: String, layer: String) throws {
        let (source, data) = (Fixtures.path("ties/outputs." + format), Fixtures.path("ties/outputs.npz"))
        try TemporaryFolder.with { folder in
            _ = try run(["cluster", source, "--layers", layer, "-k", "2", "--quiet", "-o", folder + "/c.tsv"])
            func made(_ command: [String]) throws -> CommandResult {
                try BuiltCommand.run(
                    command + [source, "--clusters", folder + "/c.tsv", "-o", folder + "/\(command[0]).tar", "--quiet"])
            }
            if layer == "second.weight" {
                for command in [["permute"], ["extract", "--cluster", "0"]] {
                    let result = try made(command)
                    #expect(result.status == 1 && result.errors.contains("another output of the graph"), "\(result.errors)")
                }
            } else {
                let result = try made(["permute"])
                #expect(result.status == 0, "\(result.errors)")
            }
            guard layer == "first.weight" else { return }
            func evaluated(_ path: String) throws -> String {
                let found = try run(["eval", path, "--data", data, "--format", "json", "--quiet"]).output
                let document = try #require(JSONSerialization.jsonObject(with: Data(found.utf8)) as? [String: Any])
                let loss = try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
                return String(format: "%.5f", loss)
            }
            #expect(try evaluated(source) == evaluated(folder + "/permute.tar"))
        }
    }
}
