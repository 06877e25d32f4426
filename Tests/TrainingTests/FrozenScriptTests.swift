import Checkpoints
import Evaluation
import TestSupport
import Testing
import Training

/// Archives of `torch.jit.freeze`, which stores equal parameters once; `make_frozen.py` made a step with the models themselves.
@Suite struct FrozenScriptTests {
    private static func expect(_ path: String, _ model: String, _ name: String) throws {
        let found = try BatchNormTests.outputs(path, data: Fixtures.path("frozen/\(model).npz"))
        let wanted = try #require(try Checkpoint.open(Fixtures.path("frozen/\(model).safetensors"))[name]).floats()
        let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? 1
        #expect(worst < 2e-6 && found.count == wanted.count, "\(model): \(name) are off by \(worst)")
    }

    @Test(arguments: ["norms", "attention", "turned"]) func aStepIsThatOfPyTorch(model: String) throws {
        let path = Fixtures.path("frozen/\(model).pt")
        try Self.expect(path, model, "outputs")
        let run = try BatchNormTests.run(path, data: Fixtures.path("frozen/\(model).npz"), steps: 1, rate: 0.3)
        try TemporaryFolder.with { folder in
            let output = folder + "/out.tar"
            try run.withResult { draft, _ in try CheckpointWriter(path: output).write(draft) }
            try Self.expect(output, model, "trained")
        }
    }

    /// The biases of a layer that is applied twice stay one, and so do those of layers whose matrices are equal.
    @Test func whatMayBeOneIsNamed() throws {
        func module(_ model: String) throws -> SavedModule {
            try #require(try Checkpoint.open(Fixtures.path("frozen/\(model).pt")).module)
        }
        #expect(try module("norms").sharedTensors == ["linear_2.weight"])
        #expect(try module("encoder").sharedTensors == ["linear.weight"])
        #expect(try module("turned").sharedTensors.isEmpty)
        #expect(try module("attention").sharedTensors.isEmpty)
        #expect(try module("attention").dividedVectors.count == 2)
    }

    @Test func aMatrixThatIsTurnedRoundIsOne() throws {
        let tensors = try Checkpoint.open(Fixtures.path("frozen/turned.pt")).tensors
        #expect(tensors.count == 3 && Set(tensors.map(\.shape)) == [[5, 6], [5], [6]])
    }
}
