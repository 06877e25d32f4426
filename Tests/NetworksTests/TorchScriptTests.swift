import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// The code in TorchScript archives runs as PyTorch runs it where it is a straight line of operations; anything else is named.
struct TorchScriptTests {
    static let runs = [
        "traced-mlp", "scripted-mlp", "traced-cnn", "traced-block", "scripted-block", "traced-encoder", "traced-reader",
        "scripted-reader", "traced-overwriting", "scripted-overwriting", "traced-library",
        "traced-typed", "scripted-typed", "traced-chosen", "scripted-chosen",
        "traced-rounded", "traced-heads", "traced-sized",
    ]

    private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("graphs/\(name).pt")) }

    @Test(arguments: runs) func outputsAndGradientsAreThoseOfPyTorch(name: String) throws {
        let model = name.split(separator: "-")[1]
        let values = try Checkpoint.open(Fixtures.path("graphs/script-\(model).safetensors"))
        let loaded = try LoadedModel(open(name))
        #expect(loaded.runsAs == "the graph in its file")
        try ReferenceValues.expectOutputAndGradients(of: loaded.network, values, threads: 1, name)
    }

    @Test(arguments: [
        ("traced-sorted", "operation 'torch.sort': is not run"),
        ("scripted-repeating", "a loop in its code is not run, found 'for'"),
        ("scripted-branching", "takes a number out of a tensor, which is not run, found a tensor"),
        ("scripted-cnn", "has windows that depend on the size of the images"),
    ]) func whatIsNoStraightLineIsNamed(name: String, message: String) throws {
        let checkpoint = try open(name)
        let error = #expect(throws: Problem.self) { try LoadedModel(checkpoint) }
        #expect(error.map { "\($0)" }?.contains(message) == true, "\(error.map { "\($0)" } ?? "")")
    }

    /// A table of 16 positions, of which a slice takes as many as there are tokens, bounds the length of sequences.
    @Test(arguments: ["traced-reader", "scripted-reader"]) func sequencesAreNoLongerThanTheTablesThatAreSliced(name: String) throws {
        let network = try LoadedModel(open(name)).network
        #expect(network.input == .tokens(vocabulary: 11, positions: 16))
        #expect(try network.shapes(for: .tokens(samples: 2, length: 16))[network.output.index] == [2, 16, 11])
        let error = #expect(throws: Problem.self) { try network.shapes(for: .tokens(samples: 2, length: 17)) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("a sequence is longer than the model's positions, expected at most 16 tokens, found 17"), "\(message)")
    }

    /// What is made of a script keeps its graph.
    @Test(arguments: ["scripted-reader", "traced-cnn", "traced-rounded", "traced-heads"]) func convertedScriptsComputeTheSame(name: String)
        throws
    {
        let checkpoint = try open(name)
        let values = try Checkpoint.open(Fixtures.path("graphs/script-\(name.split(separator: "-")[1]).safetensors"))
        try TemporaryFolder.with { folder in
            for ending in ["m.tar", "m.onnx"] {
                try CheckpointWriter(path: folder + "/" + ending).write(CheckpointDraft(checkpoint))
                let network = try LoadedModel(Checkpoint.open(folder + "/" + ending)).network
                let batch = try ReferenceValues.batch(values)
                let executor = try Executor(
                    network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
                let output = try #require(executor.run(batch)[network.output])
                GraphWordsTests.close(output.elements, try #require(values["output"]).floats(), ending)
            }
        }
    }
}
