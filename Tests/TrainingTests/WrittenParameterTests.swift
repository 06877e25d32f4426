import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Training

/// Models that write into their parameters, or compute with them, before they use them; `make_written.py` made a step with the model itself.
@Suite struct WrittenParameterTests {
    private static let expected = Result { try Checkpoint.open(Fixtures.path("written/expected.safetensors")) }

    /// What a step of training makes of a file's tensors, and the network that was trained.
    private static func trained(_ file: String, _ body: (Checkpoint, Network) throws -> Void) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("written/\(file)")))
        var request = FinetuneRequest(model, data: DatasetSource(path: Fixtures.path("written/data.npz")))
        request.layers = ["*.weight"]
        request.lambda = 0
        request.training.batch = .wholeData
        request.training.length = .steps(1)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = 0.1
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        try TemporaryFolder.with { folder in
            try run.withResult { draft, _ in try CheckpointWriter(path: folder + "/out.tar").write(draft) }
            try body(Checkpoint.open(folder + "/out.tar"), model.network)
        }
    }

    /// Places that are written into pass no gradient on, the others do, and so do the numbers that are written there.
    @Test(arguments: [
        ("bias.script.onnx", ["qkv.weight", "qkv.bias", "last.weight", "last.bias"]),
        ("bias.pt2", ["qkv.weight", "qkv.bias", "last.weight", "last.bias"]),
        ("bias.ts", ["qkv.weight", "qkv.bias", "last.weight", "last.bias"]),
        ("rows.script.onnx", ["column", "last.weight", "last.bias"]),
        ("shift.script.onnx", ["first.weight", "first.bias", "shift", "last.weight", "last.bias"]),
        ("shift.dynamo.onnx", ["first.weight", "first.bias", "shift", "last.weight", "last.bias"]),
        ("shift.pt2", ["first.weight", "first.bias", "shift", "last.weight", "last.bias"]),
        ("shift.ts", ["first.weight", "first.bias", "shift", "last.weight", "last.bias"]),
        ("bounds.pt2", ["first.weight", "first.bias", "low", "high", "last.weight", "last.bias"]),
        ("bounds.ts", ["first.weight", "first.bias", "low", "high", "last.weight", "last.bias"]),
    ])
    func aStepChangesParametersAsPyTorchDoes(file: String, names: [String]) throws {
        let expected = try Self.expected.get()
        let model = String(file.prefix { $0 != "." })
        try Self.trained(file) { made, network in
            for name in names {
                let (tensor, wanted) = (try #require(made[name]), try #require(expected["\(model)/\(name)"]))
                let worst = zip(tensor.doubles(), wanted.doubles()).map { abs($0 - $1) }.max() ?? 1
                #expect(worst < 1e-6, "\(file): \(name) is off by \(worst)")
            }
            #expect(network.untrained.isEmpty && network.fixedNumbers.isEmpty)
        }
    }

    /// The older exporter has computed these bounds, and the tanh of two rows, of parameters whose names are lost.
    @Test func whatIsNotTrainedIsNamed() throws {
        try Self.trained("bounds.script.onnx") { made, network in
            #expect(network.untrained == ["onnx::Clip_12", "onnx::Clip_13"])
            let high = try #require(made["onnx::Clip_13"])
            #expect(high.doubles() == [Double(Float(0.4))])
        }
        try Self.trained("bounds.dynamo.onnx") { made, network in #expect(network.fixedNumbers == ["linear_max", "linear_min"]) }
        try Self.trained("rows.script.onnx") { made, network in #expect(network.constants == ["onnx::Tanh_73"]) }
    }
}
