import Checkpoints
import Foundation
import TestSupport
import Testing

/// Networks that end in a softmax answer with probabilities, whose loss is -log of what they give to the right class
/// (fixtures/make_probabilities.py).
struct ProbabilityOutputTests {
    private static let files = [
        "net.whole.pt", "net.words.safetensors", "net.scripted.pt", "net.traced.pt", "net.program.pt2", "net.decomposed.pt2",
        "net.script.onnx", "net.dynamo.onnx",
    ]

    private func path(_ name: String) -> String { Fixtures.path("probabilities/" + name) }

    private func words(_ file: String) -> [String] { file.hasSuffix("safetensors") ? ["--arch", "0,relu,2,softmax"] : [] }

    private func expected(_ name: String) throws -> [Double] {
        try #require(try Checkpoint.open(path("expected.safetensors"))[name]).doubles()
    }

    private func loss(_ arguments: [String]) throws -> Double {
        let result = try BuiltCommand.run(["eval", "--quiet", "--format", "json"] + arguments)
        let document = try JSONSerialization.jsonObject(with: result.output) as? [String: Any]
        let first = try #require((document?["checkpoints"] as? [[String: Any]])?.first, "\(result.errors)")
        return try #require(first["loss"] as? Double)
    }

    @Test(arguments: files + ["log.onnx"]) func theLossIsThatOfTheProbabilities(file: String) throws {
        let losses = try expected("losses")
        let mean = losses.reduce(0, +) / Double(losses.count)
        let found = try loss([path(file), "--data", path("data.npz")] + words(file))
        #expect(abs(found - mean) < 1e-5 * mean, "\(found), not \(mean)")
    }

    @Test(arguments: files) func theOutputsThatAreWrittenAreTheProbabilities(file: String) throws {
        try TemporaryFolder.with { folder in
            _ = try loss([path(file), "--data", path("data.npz"), "--logits", folder + "/p.npy"] + words(file))
            let found = try #require(try Checkpoint.open(folder + "/p.npy").tensors.first).doubles()
            let wanted = try expected("output")
            #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    /// Numbers are compared with the outputs themselves.
    @Test(arguments: files) func comparedWithNumbersTheyAreNumbers(file: String) throws {
        let wanted = try expected("squared")[0]
        let found = try loss([path(file), "--data", path("numbers.npz"), "--task", "regression"] + words(file))
        #expect(abs(found - wanted) < 1e-6)
    }

    @Test(arguments: files) func aStepOfTrainingIsPyTorchs(file: String) throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/out.tar"
            let result = try BuiltCommand.run(
                [
                    "finetune", "--quiet", path(file), "-o", out, "--data", path("data.npz"), "--lambda", "0", "--optimizer", "sgd", "--lr",
                    "0.1", "--steps", "1", "--batch", "40",
                ] + words(file))
            try #require(result.status == 0, "\(result.errors)")
            let trained = try Checkpoint.open(out)
            for name in ["0.weight", "0.bias", "2.weight", "2.bias"] {
                let wanted = try expected("after." + name)
                // Exporters to ONNX may number tensors: the one of this shape is meant.
                let shape = try #require(try Checkpoint.open(path("expected.safetensors"))["after." + name]).shape
                let found = try #require(trained[name] ?? trained.tensors.first { $0.shape == shape }).doubles()
                #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 2e-5 * max(1, abs($1)) }, "\(name)")
            }
        }
    }

    @Test(arguments: ["net.words.safetensors", "net.scripted.pt"]) func clustersAreSwitchedOffByTheSameRule(file: String) throws {
        let result = try BuiltCommand.run(
            [
                "ablate", "--quiet", path(file), "--data", path("data.npz"), "--clusters", path("clusters.tsv"), "--layers", "0.weight",
                "--format", "tsv",
            ] + words(file))
        let rows = result.rows
        let column = try #require(rows.first?.firstIndex(of: "loss"), "\(result.errors)")
        let place = try #require(rows.first?.firstIndex(of: "intervention"))
        let cluster = try #require(rows.first?.firstIndex(of: "cluster"))
        let off = try #require(rows.first { $0[place] == "off" && $0[cluster] == "0" })
        let wanted = try expected("off")[0]
        #expect(abs(try #require(Double(off[column])) - wanted) < 1e-4 * wanted)
    }

    /// Metrics, edges and pruned weights are those of the network that ends before its softmax.
    @Test(arguments: [
        ["patch", "--metric", "logit-diff", "--metric", "prob", "--metric", "kl", "--metric", "loss", "--pairs", "by-class"],
        ["circuit", "--method", "eap", "--edges", "10", "--pairs", "by-class"], ["circuit", "--method", "prune", "--per-label"],
    ])
    func experimentsAreThoseOfTheLogits(arguments: [String]) throws {
        func rows(_ words: String) throws -> [[String]] {
            let result = try BuiltCommand.run(
                [arguments[0], path("net.words.safetensors"), "--arch", words, "--data", path("data.npz"), "--quiet", "--format", "tsv"]
                    + arguments.dropFirst())
            try #require(result.status == 0, "\(result.errors)")
            return result.rows
        }
        let (found, wanted) = (try rows("0,relu,2,softmax"), try rows("0,relu,2"))
        #expect(wanted.count > 3 && found == wanted)
    }

    @Test(arguments: [2, 3]) func scikitLearnsClassifiersHaveItsLoss(classes: Int) throws {
        let wanted = try expected("classes-\(classes)")[0]
        let found = try loss([path("classes-\(classes).onnx"), "--data", path("classes-\(classes).npz")])
        #expect(abs(found - wanted) < 1e-5 * wanted, "\(found), not \(wanted)")
    }
}
