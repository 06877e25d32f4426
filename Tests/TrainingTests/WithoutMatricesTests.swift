import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Text
import Training

/// Models of which no tensor is a weight matrix: they are trained for their task, and have no clusterability. `make_without_matrices.py` made
/// the models and the steps.
@Suite struct WithoutMatricesTests {
    private static func request(_ path: String, lambda: Double?) throws -> FinetuneRequest {
        var request = FinetuneRequest(
            try LoadedModel(Checkpoint.open(path)), data: DatasetSource(path: Fixtures.path("without-matrices/samples.npz")))
        request.lambda = lambda
        request.training.batch = .wholeData
        request.training.length = .steps(2)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = 0.1
        return request
    }

    @Test(arguments: ["normed.pt2", "quadratic.onnx"]) func stepsAreThoseOfPyTorch(file: String) throws {
        let path = Fixtures.path("without-matrices/\(file)")
        let run = try Self.request(path, lambda: 0).prepared()
        #expect(run.term.layers.isEmpty)
        // As of a run that is resumed.
        let begun = try Self.request(path, lambda: 0).prepared()
        var made = 0
        #expect(
            try begun.run(observe: { _ in made += 1 }, shouldStop: { made == 1 }) == .stopped)
        try run.restore(begun.state())
        #expect(try run.run() == .complete && run.step == 2)
        try TemporaryFolder.with { folder in
            let output = folder + "/out.tar"
            try run.withResult { draft, outcome in
                #expect(outcome.clusterability == nil && outcome.clusterings?.isEmpty == true)
                try CheckpointWriter(path: output).write(draft)
            }
            let written = try Checkpoint.open(output)
            let name = String(file.prefix { $0 != "." })
            for tensor in try Checkpoint.open(Fixtures.path("without-matrices/\(name).safetensors")).tensors {
                let (found, wanted) = (try #require(written[tensor.name]).floats(), tensor.floats())
                let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
                #expect(worst < 1e-6 && found.count == wanted.count, "\(file): \(tensor.name) is off by \(worst)")
            }
        }
    }

    @Test func aTermThatCountsNeedsMatrices() throws {
        let path = Fixtures.path("without-matrices/normed.pt2")
        let problem = Problem("no tensor is a weight matrix", path: path)
        #expect(throws: problem) { try Self.request(path, lambda: 1).prepared() }
        #expect(throws: problem) { try Self.request(path, lambda: nil).prepared() }
        var request = try Self.request(path, lambda: 0)
        request.wantedClusterability = 0.5
        #expect(throws: problem) { try request.prepared() }
        (request.wantedClusterability, request.layers) = (nil, ["*"])
        #expect(throws: problem) { try request.prepared() }
    }
}
