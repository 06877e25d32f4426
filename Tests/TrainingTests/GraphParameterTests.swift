import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Training

/// Which tensors of a graph a step of training changes, and to what: those that PyTorch calls parameters. `make_roles.py` exported each model
/// before and after the step.
@Suite struct GraphParameterTests {
    private static let files = ["causal", "rotated", "normed", "patches", "shifted"].flatMap { ["\($0) dynamo", "\($0) script"] }

    private static func request(_ path: String, data: String) throws -> FinetuneRequest {
        var request = FinetuneRequest(try LoadedModel(Checkpoint.open(path)), data: DatasetSource(path: data))
        request.layers = ["*.weight"]
        request.lambda = 0
        request.training.batch = .wholeData
        request.training.length = .steps(1)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = 0.1
        return request
    }

    @Test(arguments: files) func aStepIsThatOfPyTorch(file: String) throws {
        let (name, exporter) = (String(file.split(separator: " ")[0]), file.split(separator: " ")[1])
        let path = Fixtures.path("roles/\(name).\(exporter).onnx")
        let (before, after) = (try Checkpoint.open(path), try Checkpoint.open(Fixtures.path("roles/\(name).stepped.\(exporter).onnx")))
        let run = try Self.request(path, data: Fixtures.path("roles/\(name).npz")).prepared()
        #expect(try run.run() == .complete)
        let constants = Set(run.trainer.network.constants)
        try TemporaryFolder.with { folder in
            let output = folder + "/out.onnx"
            try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
            let made = try Checkpoint.open(output)
            #expect(made.tensors.map(\.name) == before.tensors.map(\.name))
            for tensor in made.tensors {
                let (old, new) = (try #require(before[tensor.name]), try #require(after[tensor.name], "\(tensor.name)"))
                let (found, expected) = (tensor.doubles(), new.doubles())
                if old.doubles().map(\.bitPattern) == expected.map(\.bitPattern) {
                    #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(file): \(tensor.name) is a constant")
                } else {
                    #expect(!constants.contains(tensor.name), "\(file): \(tensor.name) is learned")
                    let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
                    #expect(worst < 2e-6 && found.count == expected.count, "\(file): \(tensor.name) is off by \(worst)")
                }
            }
        }
    }

    /// The masks of `causal` are those of its attention, and no tensors that the network reads; `patches` has the means and deviations of its images.
    @Test(arguments: [
        ("causal dynamo", []), ("causal script", []), ("rotated dynamo", ["cosines", "mask", "sines"]),
        ("rotated script", ["cosines", "mask", "sines"]), ("patches script", ["/Constant_1_output_0", "/Constant_2_output_0"]),
        ("shifted script", []),
    ]) func constantsAreKnown(file: String, expected: [String]) throws {
        let network = try LoadedModel(Checkpoint.open(Fixtures.path("roles/\(file.split(separator: " ").joined(separator: ".")).onnx")))
            .network
        #expect(network.constants.sorted() == expected)
    }
}
