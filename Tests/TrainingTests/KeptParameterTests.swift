import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Training

/// Parameters of which a file says `requires_grad=False`: training follows it as PyTorch does. `make_kept.py` made the models and the steps.
@Suite struct KeptParameterTests {
    private static let kinds = ["traced.pt", "scripted.pt", "program.pt2", "decomposed.pt2"]

    private static func run(_ path: String, only: [String] = []) throws -> Finetuning {
        try self.run(LoadedModel(Checkpoint.open(path)), only: only)
    }

    private static func run(_ model: LoadedModel, only: [String] = []) throws -> Finetuning {
        var optimizer = Optimizer(.sgd)
        optimizer.weightDecay = 0.1
        var request = FinetuneRequest(model, data: DatasetSource(path: Fixtures.path("kept/samples.npz")))
        request.lambda = 0
        request.only = only
        request.layers = ["all"]
        request.training.batch = .wholeData
        request.training.length = .steps(2)
        request.training.optimizer = optimizer
        request.training.learningRate = 0.5
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        return run
    }

    private static func expect(_ run: Finetuning, _ expected: String, _ label: String, at output: String) throws {
        try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
        let made = try Checkpoint.open(output)
        for tensor in try Checkpoint.open(Fixtures.path("kept/\(expected).safetensors")).tensors {
            let (found, wanted) = (try #require(made[tensor.name]).floats(), tensor.floats())
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 1e-6 && found.count == wanted.count, "\(label): \(tensor.name) is off by \(worst)")
        }
    }

    @Test(arguments: kinds) func stepsAreThoseOfPyTorch(kind: String) throws {
        try TemporaryFolder.with { folder in
            let some = try Self.run(Fixtures.path("kept/some.\(kind)"))
            #expect(some.trainer.trained.kept.sorted() == ["first.weight", "norm.bias", "scale"])
            #expect(!some.trainer.trained.trainsKept)
            try Self.expect(some, "some", kind, at: folder + "/some.tar")
            let chain = try Self.run(Fixtures.path("kept/chain.\(kind)"))
            #expect(chain.trainer.trained.kept == ["0.weight", "0.bias"])
            try Self.expect(chain, "chain", kind, at: folder + "/chain.tar")
        }
    }

    /// A pattern that names a parameter is followed; of a file that keeps all parameters, all are trained.
    @Test(arguments: kinds) func theUserDecides(kind: String) throws {
        try TemporaryFolder.with { folder in
            let path = Fixtures.path("kept/some.\(kind)")
            try Self.expect(Self.run(path, only: ["first.weight"]), "only", kind, at: folder + "/only.tar")
            try Self.expect(Self.run(path, only: ["*"]), "every", kind, at: folder + "/every.tar")
            let all = try Self.run(Fixtures.path("kept/all.\(kind)"))
            #expect(all.trainer.trained.trainsKept)
            try Self.expect(all, "every", kind, at: folder + "/all.tar")
        }
    }

    /// Archives and ONNX files that are made of the file keep what it says.
    @Test(arguments: ["tar", "onnx"]) func whatIsWrittenKeepsThem(ending: String) throws {
        try TemporaryFolder.with { folder in
            let path = Fixtures.path("kept/some.program.pt2")
            let written = folder + "/written.\(ending)"
            try CheckpointWriter(path: written).write(CheckpointDraft(Checkpoint.open(path)))
            try Self.expect(Self.run(written), "some", ending, at: folder + "/out.tar")
        }
    }

    /// So do those of plain chains, which are kept as words, and their words for the tensors alone.
    @Test(arguments: kinds, ["tar", "onnx"]) func whatIsWrittenOfChainsKeepsThem(kind: String, ending: String) throws {
        try TemporaryFolder.with { folder in
            let path = Fixtures.path("kept/chain.\(kind)")
            let model = try LoadedModel(Checkpoint.open(path))
            let words = try model.words()
            // What comes of decompositions says the shape of its input.
            let front = kind == "decomposed.pt2" ? "input(5)," : ""
            #expect(words.description == front + "0,tanh,2,frozen(0.weight,0.bias)")
            #expect(model.architecture == words || model.isGraph)
            let weights = folder + "/weights.\(ending == "tar" ? "safetensors" : ending)"
            var draft = CheckpointDraft(try Checkpoint.open(path))
            if ending == "onnx" { draft.files[ONNXFile.graphName] = try words.onnxGraph(for: model.checkpoint) }
            try CheckpointWriter(path: weights).write(draft)
            let again = try LoadedModel(Checkpoint.open(weights), architecture: ending == "tar" ? words : nil)
            let run = try Self.run(again)
            #expect(run.trainer.trained.kept == ["0.weight", "0.bias"])
            try Self.expect(run, "chain", "\(kind) as \(ending)", at: folder + "/out.tar")
        }
    }

    /// State dicts say it of everything.
    @Test func stateDictsMeanNothing() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("models/mnist-mlp.pt"))
        #expect(checkpoint.keptTensors.isEmpty)
    }
}
