import Foundation
import TestSupport
import Testing

/// What graphs answer with, in files that `make_answers.py` wrote, against PyTorch: numbers for each token, one of several outputs, and what is
/// computed of weights alone.
@Suite struct GraphAnswersTests {
    static let files =
        ["numbers", "weights"].flatMap { model in
            ["pt2", "decomposed.pt2", "ts", "script.onnx", "dynamo.onnx"].map { "\(model).\($0)" }
        } + ["named", "nested"].flatMap { model in ["pt2", "decomposed.pt2", "ts"].map { "\(model).\($0)" } }
    private static let layers = ["numbers": "up", "weights": "last", "named": "hidden", "nested": "hidden"]

    private func model(_ file: String) -> String { String(file.prefix { $0 != "." }) }

    private func path(_ file: String) -> String { Fixtures.path("graphs/answers/" + file) }

    private func data(_ file: String) -> [String] { ["--data", path(model(file) + ".npz"), "--task", "regression"] }

    /// What PyTorch computed.
    private func expected(_ file: String, _ key: String) throws -> Double {
        let data = try Data(contentsOf: URL(fileURLWithPath: path("expected.json")))
        let all = try #require(JSONSerialization.jsonObject(with: data) as? [String: [String: Double]])
        return try #require(all[model(file)]?[key])
    }

    private func run(_ arguments: [String], input: String = "") throws -> CommandResult {
        let result = try BuiltCommand.run(arguments, input: Data(input.utf8))
        try #require(result.status == 0, "\(arguments): \(result.errors)")
        return result
    }

    private func loss(_ path: String, _ file: String) throws -> Double {
        let result = try run(["eval", path, "--format", "json"] + data(file))
        let document = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let checkpoints = try #require(document["checkpoints"] as? [[String: Any]])
        return try #require(checkpoints.first?["loss"] as? Double)
    }

    /// The number of samples that a file fixes is found where it is multiplied with that of windows and heads.
    @Test(arguments: files + ["1", "2"].flatMap { ["windows.\($0).decomposed.pt2", "windows.\($0).dynamo.onnx"] })
    func lossesBeforeAndAfterAStepAreThoseOfPyTorch(file: String) throws {
        #expect(abs(try loss(path(file), file) - expected(file, "loss")) < 2e-6)
        try TemporaryFolder.with { folder in
            let trained = folder + "/m.tar"
            let options = ["--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0", "-o", trained, "--quiet"]
            _ = try run(["finetune", path(file)] + data(file) + options)
            #expect(abs(try loss(trained, file) - expected(file, "stepped")) < 1e-5)
        }
    }

    @Test(arguments: files) func lossesWithoutAClusterAreThoseOfPyTorch(file: String) throws {
        let layer = try #require(Self.layers[model(file)])
        let counts = ["numbers": (12, 8), "weights": (4, 6), "named": (7, 6), "nested": (7, 6)]
        let (outputs, inputs) = try #require(counts[model(file)])
        let rows =
            (0..<outputs).map { "\(layer).weight\tout\t\($0)\t\($0 < 2 ? 0 : 1)" }
            + (0..<inputs).map { "\(layer).weight\tin\t\($0)\t\($0 < 2 ? 0 : 1)" }
        let clusters = (["layer\tside\tindex\tcluster"] + rows).joined(separator: "\n") + "\n"
        let result = try run(
            ["ablate", path(file), "--clusters", "-", "--format", "json", "--quiet"] + data(file), input: clusters)
        let document = try #require(JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        var losses: [Double] = []
        func collect(_ value: Any) {
            if let list = value as? [Any] { list.forEach(collect) }
            guard let object = value as? [String: Any] else { return }
            if let loss = object["loss"] as? Double { losses.append(loss) }
            object.values.forEach(collect)
        }
        collect(document)
        let wanted = try expected(file, "cut")
        #expect(losses.contains { abs($0 - wanted) < 2e-6 }, "\(losses), expected \(wanted)")
    }

    @Test(arguments: ["pt2", "decomposed.pt2", "ts"]) func aNoteSaysWhichOutputIsTheAnswer(format: String) throws {
        for (model, names) in [("named", "'logits' is its answer; others: 'aux'"), ("nested", "'0' is its answer; others: '1.0', '1.1'")] {
            let result = try run(["eval", path("\(model).\(format)")] + data(model))
            #expect(result.errors.contains("note: \(path("\(model).\(format)")): of the model's outputs, \(names)\n"), "\(result.errors)")
        }
        let single = try run(["eval", path("weights.\(format)")] + data("weights"))
        #expect(single.errors.isEmpty, "\(single.errors)")
    }

    /// Positions that a program for one length has as numbers are words, with which the same weights run without it.
    @Test(arguments: ["language.pt2", "language.script.onnx", "language.dynamo.onnx"]) func positionsOfOneLengthAreWords(file: String)
        throws
    {
        let data = ["--data", path("language.npy")]
        let words = try run(["info", path(file), "--arch"]).text
        #expect(words.contains(file == "language.pt2" ? "positions(places.weight)" : "positions("), "\(words)")
        try TemporaryFolder.with { folder in
            let plain = folder + "/m.safetensors"
            _ = try run(["convert", path(file), "-o", plain, "--quiet"])
            // In ONNX files the exporter has looked the positions up.
            let own = file == "language.pt2" ? plain : path(file)
            for checkpoint in [path(file), own] {
                let text = try run(["eval", checkpoint, "--format", "json"] + data).output
                let document = try #require(JSONSerialization.jsonObject(with: text) as? [String: Any])
                let loss = try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
                #expect(abs(loss - (try expected(file, "loss"))) < 2e-6, "\(checkpoint)")
            }
        }
    }

    /// The counts in a message are of one kind.
    @Test func otherNumbersThanThereAreOutputsAreCounted() throws {
        let result = try BuiltCommand.run(
            ["eval", path("numbers.pt2"), "--data", Fixtures.path("graphs/answers/wide.npz"), "--task", "regression"])
        #expect(result.status == 1)
        #expect(result.errors.hasSuffix("numbers to compare them with, expected 10 a sample, found 15 (5x3)\n"), "\(result.errors)")
    }
}
