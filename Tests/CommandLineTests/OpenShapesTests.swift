import Foundation
import TestSupport
import Testing

/// Graphs in files that leave the shape of their samples open, which `make_open_shapes.py` wrote.
@Suite struct OpenShapesTests {
    /// The files that do not run before the shape is known; some need no more than their code, which is followed further.
    private static let open = [
        "mix.scripted.pt", "mix.frozen.pt", "mix.open.onnx", "mix.bare.onnx", "halves.scripted.pt", "halves.frozen.pt", "waves.scripted.pt",
        "waves.frozen.pt", "shuffled.scripted.pt", "shuffled.frozen.pt", "shuffled.open.onnx", "start.scripted.pt",
        "start.frozen.pt",
    ]
    private static let others = [
        "start.fixed.onnx", "directions.scripted.pt", "directions.frozen.pt", "normed.scripted.pt", "normed.frozen.pt",
    ]

    private static func path(_ name: String) -> String { Fixtures.path("open-shapes/" + name) }

    private static func model(_ file: String) -> String { String(file.prefix { $0 != "." }) }

    private func run(_ arguments: [String]) throws -> String {
        let result = try BuiltCommand.run(arguments)
        try #require(result.status == 0, "\(arguments): \(result.errors)")
        return result.text
    }

    private func expected(_ model: String) throws -> (loss: Double, stepped: Double, shape: String) {
        let file = try Data(contentsOf: URL(fileURLWithPath: Self.path("expected.json")))
        let entry = try #require((JSONSerialization.jsonObject(with: file) as? [String: [String: Any]])?[model])
        return (
            try #require(entry["loss"] as? Double), try #require(entry["stepped"] as? Double), try #require(entry["shape"] as? String)
        )
    }

    private func loss(_ path: String, _ data: String, _ more: [String] = []) throws -> Double {
        let found = try run(["eval", path, "--data", data, "--format", "json", "--quiet"] + more)
        let document = try #require(JSONSerialization.jsonObject(with: Data(found.utf8)) as? [String: Any])
        return try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
    }

    /// The numbers behind the header of an .npy file.
    private func numbers(_ path: String) throws -> [Float] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        return stride(from: start, to: bytes.count, by: 4).map { place in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) })
        }
    }

    private static let step = [
        "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0", "--quiet",
    ]

    @Test(arguments: open + others) func dataSaysTheShape(file: String) throws {
        let (model, data) = (Self.model(file), Self.path(Self.model(file) + ".npz"))
        let (before, after, shape) = try expected(model)
        try TemporaryFolder.with { folder in
            let (scores, end) = (folder + "/scores.npy", folder + "/end.tar")
            #expect(abs(try loss(Self.path(file), data, ["--logits", scores]) - before) < 1e-5)
            let (found, wanted) = (try numbers(scores), try numbers(Self.path(model + ".outputs.npy")))
            #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(file)")
            _ = try run(["finetune", Self.path(file), "--data", data, "-o", end] + Self.step)
            #expect(abs(try loss(end, data) - after) < 1e-5)
            // What was written keeps the shape and runs without data.
            let info = try run(["info", end])
            #expect(info.contains("the graph in its file, on samples of \(shape)") == Self.open.contains(file), "\(info)")
            _ = try run(["convert", end, "-o", folder + "/end.onnx", "--quiet"])
            #expect(abs(try loss(folder + "/end.onnx", data) - after) < 1e-5)
        }
    }

    @Test(arguments: open) func wordsSayTheShape(file: String) throws {
        let (path, data) = (Self.path(file), Self.path(Self.model(file) + ".npz"))
        let (before, _, shape) = try expected(Self.model(file))
        let refused = try BuiltCommand.run("eval", path, "--data", "modadd:7")
        #expect(refused.status == 1 && refused.errors.contains("--arch 'input(7x4)', for one, gives"), "\(refused.errors)")
        let given = ["--arch", "input(\(shape))"]
        #expect(abs(try loss(path, data, given) - before) < 1e-5)
        #expect(try run(["info", path] + given).contains("the graph in its file, on samples of \(shape)"))
        try TemporaryFolder.with { folder in
            _ = try run(["convert", path, "-o", folder + "/m.onnx", "--quiet"] + given)
            #expect(abs(try loss(folder + "/m.onnx", data) - before) < 1e-5)
            let other = try BuiltCommand.run("eval", folder + "/m.onnx", "--data", data, "--arch", "input(2x9x9x9)")
            #expect(
                other.status == 1
                    && other.errors.contains("contradicts the shape of samples that the file gives, expected \(shape), found 2x9x9x9"),
                "\(other.errors)")
        }
    }

    /// A length may stay open, and one that is no length of the network's is an error of the operation that does not take it.
    @Test func shapesThatDoNotFitAreErrors() throws {
        let data = Self.path("halves.npz")
        let (before, _, _) = try expected("halves")
        #expect(abs(try loss(Self.path("halves.frozen.pt"), data, ["--arch", "input(6)"]) - before) < 1e-5)
        let open = try loss(Self.path("normed.scripted.pt"), Self.path("normed.npz"), ["--arch", "input(2xanyxany)"])
        #expect(abs(open - (try expected("normed").loss)) < 1e-5)
        for (words, message) in [
            ("input(8)", "has shapes that do not go together"), ("input(6x0)", "is no shape of a sample"),
            ("input(any)", "whose length is not known"),
        ] {
            let result = try BuiltCommand.run("eval", Self.path("halves.frozen.pt"), "--data", data, "--arch", words)
            #expect(result.status == 1 && result.errors.contains(message), "\(words): \(result.errors)")
        }
        let traced = try BuiltCommand.run(
            "eval", Fixtures.path("kept/some.traced.pt"), "--data", Fixtures.path("kept/samples.npz"), "--arch", "input(7x4)")
        #expect(
            traced.status == 1
                && traced.errors.contains(
                    "--arch: input 'x': contradicts the shape of samples that the file gives, expected 5, found 7x4"),
            "\(traced.errors)")
        let chain = try BuiltCommand.run("info", Fixtures.path("kept/chain.program.pt2"), "--arch", "input(7x4)")
        #expect(chain.status == 1 && chain.errors.contains("expected 5, found 7x4"), "\(chain.errors)")
    }

    /// Every command with data reads its shape.
    @Test func commandsReadTheShapeOfTheirData() throws {
        let (path, data) = (Self.path("halves.frozen.pt"), Self.path("halves.npz"))
        try TemporaryFolder.with { folder in
            let clusters = folder + "/c.tsv"
            _ = try run(["cluster", path, "--method", "activations", "--data", data, "-k", "2", "-o", clusters, "--quiet"])
            for arguments in [
                ["ablate", path, "--data", data, "--clusters", clusters, "--quiet"],
                ["record", path, "--data", data, "--sites", "*", "-o", folder + "/r.npz"],
                ["circuit", path, "--data", data, "--method", "prune", "--quiet"],
                ["patch", path, "--data", data, "--pairs", "by-class", "--sites", "*", "--quiet"],
                ["report", path, "--data", data, "-o", folder + "/r.html", "--quiet"],
            ] { _ = try run(arguments) }
            let page = try String(contentsOfFile: folder + "/r.html", encoding: .utf8)
            #expect(!page.contains("The evaluation is missing"))
        }
    }
}
