import Checkpoints
import Datasets
import Evaluation
import Networks
import TestSupport
import Testing
import Training

/// Models whose equal vectors an exporter stored once; `make_equal_vectors.py` made a step with the model itself.
@Suite struct MergedVectorsTests {
    private static let expected = Result { try Checkpoint.open(Fixtures.path("equal-vectors/expected.safetensors")) }

    /// Only the vectors that the exporter has left out, or that the graph's optimiser has renamed, are not compared.
    @Test(arguments: [("fresh.script", 19), ("fresh.dynamo", 16), ("bare.script", 19)])
    func aStepChangesEachVectorAsPyTorchDoes(file: String, compared: Int) throws {
        let expected = try Self.expected.get()
        let checkpoint = try Checkpoint.open(Fixtures.path("equal-vectors/\(file).onnx"))
        var request = FinetuneRequest(try LoadedModel(checkpoint), data: DatasetSource(path: Fixtures.path("equal-vectors/fresh.npz")))
        request.layers = ["*.weight"]
        request.lambda = 0
        request.training.batch = .wholeData
        request.training.length = .steps(1)
        request.training.optimizer = Optimizer(.sgd)
        request.training.learningRate = 0.1
        let run = try request.prepared()
        #expect(try run.run() == .complete)
        try TemporaryFolder.with { folder in
            for output in [folder + "/out.onnx", folder + "/out.tar"] {
                try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
                let made = try Checkpoint.open(output)
                #expect(made.tensors.map(\.name).sorted() == checkpoint.tensors.map(\.name).sorted())
                var count = 0
                for tensor in made.tensors {
                    guard let wanted = expected[tensor.name] else { continue }
                    let worst = zip(tensor.doubles(), wanted.doubles()).map { abs($0 - $1) }.max() ?? 1
                    #expect(worst < 1e-6, "\(file): \(tensor.name) is off by \(worst)")
                    count += 1
                }
                #expect(count == compared, "\(made.tensors.map(\.name))")
                _ = try LoadedModel(made)
            }
        }
    }

    /// `branch` is applied twice: its norm and its layer stay one each.
    @Test func aModuleThatIsAppliedTwiceKeepsOneVector() throws {
        let names = try Checkpoint.open(Fixtures.path("equal-vectors/fresh.script.onnx")).tensors.map(\.name)
        #expect(names.count == 19 && names.count { $0.hasPrefix("branch.") } == 4)
        let copies = try Checkpoint.open(Fixtures.path("equal-vectors/fresh.dynamo.onnx")).tensors.map(\.name)
        #expect(copies.count { $0.hasPrefix("branch.") } == 3)
    }

    /// Without names nothing says that the norm is one: the note says so, and with names there is none.
    @Test func aNoteSaysWhichVectorsMayBeOne() throws {
        func notes(_ file: String) throws -> String {
            try TemporaryFolder.with { folder in
                let result = try BuiltCommand.run(
                    "finetune", Fixtures.path("equal-vectors/\(file).onnx"), "--data", Fixtures.path("equal-vectors/fresh.npz"), "--steps",
                    "1", "--lambda", "0", "--layers", "*.weight", "-o", folder + "/out.tar")
                #expect(result.status == 0, "\(result.errors)")
                return result.errors
            }
        }
        let mayBeOne = "vectors that the file has stored once, and that may be one in the model, are trained each for itself: "
        #expect(try notes("shared.bare").contains(mayBeOne + "'norm.weight_2', 'norm.bias_2'"))
        #expect(try !notes("shared.script").contains("vectors"))
        let fresh = try notes("bare.script")
        #expect(fresh.contains("vectors that the file has stored once with equal ones are trained each for itself: "))
        #expect(!fresh.contains(mayBeOne))
    }

    /// A graph made of words says itself what is one.
    @Test func aGraphThatWasMadeHereIsReadAsItIs() throws {
        try TemporaryFolder.with { folder in
            let model = try LoadedModel(Checkpoint.open(Fixtures.path("roles/norms.pt2")))
            let output = folder + "/out.onnx"
            try CheckpointWriter(path: output).write(CheckpointDraft(model.checkpoint))
            #expect(try Checkpoint.open(output).tensors.count == model.checkpoint.tensors.count)
        }
    }
}
