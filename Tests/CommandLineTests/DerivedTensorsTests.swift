import Foundation
import TestSupport
import Testing

/// Tensors of ONNX files that are no parameters of the model as they are, in files that `make_derived.py` and `make_ties.py` wrote.
@Suite struct DerivedTensorsTests {
    private func step(_ path: String, _ data: String) throws -> (loss: Double, errors: String) {
        try TemporaryFolder.with { folder in
            let output = folder + "/m.tar"
            let made = try BuiltCommand.run(
                "finetune", path, "--data", data, "--optimizer", "sgd", "--lr", "0.1", "--steps", "1", "--full-batch", "--lambda", "0",
                "-o",
                output)
            try #require(made.status == 0, "\(path): \(made.errors)")
            let result = try BuiltCommand.run("eval", output, "--data", data, "--format", "json")
            let document = try #require(JSONSerialization.jsonObject(with: Data(result.text.utf8)) as? [String: Any])
            return (try #require((document["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double), made.errors)
        }
    }

    /// The older exporter keeps the squaring, and the slopes under a number; of the newer one's file the squares are trained, and a note says so.
    @Test func whatAnExporterComputedIsNamed() throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("derived/expected.json")))
        let expected = try #require(JSONSerialization.jsonObject(with: file) as? [String: Double])
        let data = Fixtures.path("derived/data.npz")
        let script = try step(Fixtures.path("derived/script.onnx"), data)
        #expect(abs(script.loss - expected["stepped"]!) < 2e-6 && !script.errors.contains("computed of"), "\(script)")
        #expect(script.errors.contains("whether these are parameters or buffers, and they are trained: 'factors'\n"), "\(script)")
        let dynamo = try step(Fixtures.path("derived/dynamo.onnx"), data)
        #expect(abs(dynamo.loss - expected["apart"]!) < 2e-6, "\(dynamo)")
        #expect(
            dynamo.errors.contains("computed of parameters is trained in their place: 'pow_1' of 'factors'\n")
                && !dynamo.errors.contains("buffers"), "\(dynamo)")
    }

    /// Matrices in another order are parameters as they are.
    @Test(arguments: ["pair", "module", "tokens"]) func whatIsOnlyTurnedIsNotNamed(model: String) throws {
        let data = Fixtures.path("ties/\(model)." + (model == "tokens" ? "npy" : "npz"))
        for exporter in ["script", "dynamo"] {
            let found = try step(Fixtures.path("ties/\(model).\(exporter).onnx"), data)
            #expect(!found.errors.contains("computed of") && !found.errors.contains("or buffers"), "\(found)")
        }
    }
}
