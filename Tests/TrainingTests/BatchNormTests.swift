import Checkpoints
import Datasets
import Evaluation
import Networks
import Tensors
import TestSupport
import Testing
import Training

/// Steps of training through batch norms without a weight, with one that is computed, and applied twice; `make_batch_norms.py` made PyTorch's.
@Suite struct BatchNormTests {
    private static let models = ["plain", "images", "weighted", "twin"]
    private static let kinds = ["traced.pt", "scripted.pt", "program.pt2", "fixed.pt2", "decomposed.pt2", "script.onnx"]
    private static let files = models.flatMap { model in
        kinds.filter { !($0 == "scripted.pt" && model == "twin") }.map { "\(model).\($0)" }
    }

    static func run(_ path: String, data: String, steps: Int, rate: Double) throws -> Finetuning {
        var request = FinetuneRequest(try LoadedModel(Checkpoint.open(path)), data: DatasetSource(path: data))
        request.lambda = 0
        request.layers = ["all"]
        request.training.batch = .wholeData
        request.training.length = .steps(steps)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = rate
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        return run
    }

    /// The scores that a checkpoint gives the samples of a file of arrays.
    static func outputs(_ path: String, data: String) throws -> [Float] {
        let model = try LoadedModel(Checkpoint.open(path))
        let samples = try #require(try Checkpoint.open(data)["x"])
        let output = model.network.output
        let batch = Batch.values(Tensor(shape: samples.shape, samples.floats()))
        let executor = try Executor(model.network, batch: batch.shape, request: RunRequest(recorded: [output]), team: Team(size: 1))
        let run = executor.run(batch)
        return try #require(run[output]).elements
    }

    @Test(arguments: files) func stepsAreThoseOfPyTorch(file: String) throws {
        let model = String(file.prefix { $0 != "." })
        let data = Fixtures.path("batch-norms/\(model).npz")
        let run = try Self.run(Fixtures.path("batch-norms/\(file)"), data: data, steps: 2, rate: 0.2)
        let expected = try Checkpoint.open(Fixtures.path("batch-norms/\(model).safetensors"))
        try TemporaryFolder.with { folder in
            let output = folder + "/out.tar"
            try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
            let made = try Checkpoint.open(output)
            for tensor in expected.tensors where !["outputs", "trained"].contains(tensor.name) {
                // The older exporter of ONNX leaves counts of batches out.
                guard let own = made[tensor.name] else {
                    #expect(tensor.name.hasSuffix("num_batches_tracked") && file.hasSuffix("onnx"), "\(file): no \(tensor.name)")
                    continue
                }
                let (found, wanted) = (own.doubles(), tensor.doubles())
                let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 1
                #expect(worst < 1e-6 && found.count == wanted.count, "\(file): \(tensor.name) is off by \(worst)")
            }
            let (found, wanted) = (try Self.outputs(output, data: data), try #require(expected["trained"]).floats())
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 1
            #expect(worst < 1e-5 && found.count == wanted.count, "\(file): outputs are off by \(worst)")
        }
    }
}
