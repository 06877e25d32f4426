import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Text
import Training

/// The entries of tables that get no gradient, as `padding_idx` says: training leaves them as PyTorch does. `make_paddings.py` made the models
/// and the steps.
@Suite struct PaddingTests {
    private static let files = ["traced.pt", "scripted.pt", "program.pt2", "decomposed.pt2"]
    private static let optimizers: [(name: String, optimizer: Optimizer, rate: Double)] = {
        var decayed = Optimizer(.sgd)
        (decayed.weightDecay, decayed.momentum) = (0.1, 0.9)
        var shrunk = Optimizer(.adamw)
        shrunk.weightDecay = 0.1
        return [("sgd", Optimizer(.sgd), 0.5), ("decayed", decayed, 0.5), ("adam", Optimizer(.adam), 0.01), ("adamw", shrunk, 0.01)]
    }()

    private static func run(
        _ model: LoadedModel, _ optimizer: Optimizer, rate: Double, steps: Int
    ) throws -> Finetuning {
        var request = FinetuneRequest(model, data: DatasetSource(path: Fixtures.path("paddings/ids.npz")))
        request.layers = ["mixing.weight"]
        request.lambda = 0
        request.training.batch = .wholeData
        request.training.length = .steps(steps)
        request.training.optimizer = optimizer
        request.training.learningRate = rate
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        return run
    }

    /// Compares what a run wrote with PyTorch's weights.
    private static func expect(_ run: Finetuning, _ expected: String, _ label: String, at output: String) throws {
        try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
        let made = try Checkpoint.open(output)
        for tensor in try Checkpoint.open(Fixtures.path("paddings/\(expected).safetensors")).tensors {
            let (found, wanted) = (try #require(made[tensor.name]).floats(), tensor.floats())
            let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(worst < 1e-6 && found.count == wanted.count, "\(label): \(tensor.name) is off by \(worst)")
        }
    }

    @Test(arguments: files, optimizers.indices) func stepsAreThoseOfPyTorch(file: String, place: Int) throws {
        let (name, optimizer, rate) = Self.optimizers[place]
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("paddings/padded.\(file)")))
        try TemporaryFolder.with { folder in
            try Self.expect(
                Self.run(model, optimizer, rate: rate, steps: 3), name, "\(file) by \(name)", at: folder + "/out.tar")
        }
    }

    /// An archive keeps the graph of a program, and what comes of it as ONNX says it too.
    @Test(arguments: ["tar", "onnx"]) func whatIsWrittenKeepsThem(ending: String) throws {
        let model = try LoadedModel(Checkpoint.open(Fixtures.path("paddings/padded.program.pt2")))
        try TemporaryFolder.with { folder in
            let (still, output) = (folder + "/still.\(ending)", folder + "/out.tar")
            let run = try Self.run(model, Optimizer(.sgd), rate: 0, steps: 1)
            try run.withResult { draft, _ in try CheckpointWriter(path: still).write(draft) }
            let again = try LoadedModel(Checkpoint.open(still))
            try Self.expect(Self.run(again, Optimizer(.sgd), rate: 0.5, steps: 3), "sgd", ending, at: output)
        }
    }

    @Test func wordsSayThem() throws {
        let checkpoint = try Checkpoint.open(Fixtures.path("paddings/worded.program.pt2"))
        let model = try LoadedModel(checkpoint)
        let words = "embedding(items.weight,padding=0),positions(spots.weight,padding=1),tanh,mixing"
        #expect(try model.words().description == words)
        try TemporaryFolder.with { folder in
            let weights = folder + "/weights.safetensors"
            try CheckpointWriter(path: weights).write(CheckpointDraft(checkpoint, replacing: [:]))
            // The words, in place of the graph; and written as ONNX.
            let worded = try LoadedModel(Checkpoint.open(weights), architecture: Architecture(words))
            let run = try Self.run(worded, Optimizer(.sgd), rate: 0.5, steps: 1)
            try Self.expect(run, "worded", "words", at: folder + "/out.safetensors")
            let still = try Self.run(worded, Optimizer(.sgd), rate: 0, steps: 1)
            try still.withResult { draft, _ in
                var draft = draft
                draft.files[ONNXFile.graphName] = try Architecture(words).onnxGraph(for: worded.checkpoint)
                try CheckpointWriter(path: folder + "/still.onnx").write(draft)
            }
            let again = try LoadedModel(Checkpoint.open(folder + "/still.onnx"))
            try Self.expect(Self.run(again, Optimizer(.sgd), rate: 0.5, steps: 1), "worded", "onnx", at: folder + "/out.tar")
        }
        let weights = Fixtures.path("paddings/worded.safetensors")
        var problem = Problem(
            "has no such entry for its padding", setting: .architecture, subject: "'embedding(items.weight,padding=11)'",
            expected: "0 to 10", found: "11")
        problem.path = weights
        #expect(throws: problem) {
            let words = try Architecture("embedding(items.weight,padding=11),tanh,mixing,unread(spots.weight)")
            return try LoadedModel(Checkpoint.open(weights), architecture: words)
        }
    }
}
