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
        "traced-typed", "scripted-typed", "traced-chosen", "scripted-chosen", "traced-rounded", "traced-heads", "traced-sized",
        "scripted-library", "scripted-stated",
    ]

    /// Archives whose weights are constants of the code.
    static let frozen = [
        "frozen-traced-mlp", "frozen-scripted-mlp", "frozen-rewritten-mlp", "frozen-traced-block", "frozen-scripted-block",
        "frozen-traced-flattened", "frozen-scripted-flattened", "frozen-traced-encoder", "frozen-scripted-reader",
        "frozen-rewritten-reader", "frozen-traced-library", "frozen-traced-chosen",
    ]

    private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("graphs/\(name).pt")) }

    @Test(arguments: runs) func outputsAndGradientsAreThoseOfPyTorch(name: String) throws {
        let model = name.split(separator: "-")[1]
        let values = try Checkpoint.open(Fixtures.path("graphs/script-\(model).safetensors"))
        let loaded = try LoadedModel(open(name))
        #expect(loaded.runsAs == "the graph in its file")
        try ReferenceValues.expectOutputAndGradients(of: loaded.network, values, threads: 1, name)
    }

    @Test(arguments: frozen) func frozenArchivesComputeTheSame(name: String) throws {
        let model = name.split(separator: "-")[2]
        let values = try Checkpoint.open(Fixtures.path("graphs/script-\(model).safetensors"))
        let expected = try #require(values["output"]).floats()
        let checkpoint = try open(name)
        ReferenceValues.close(try ReferenceValues.output(of: checkpoint, values), expected, within: 1e-5, name)
        #expect(try LoadedModel(checkpoint).network.unusedTensors.isEmpty)
        try TemporaryFolder.with { folder in
            for ending in ["m.tar", "m.onnx"] {
                try CheckpointWriter(path: folder + "/" + ending).write(CheckpointDraft(checkpoint))
                let written = try Checkpoint.open(folder + "/" + ending)
                ReferenceValues.close(try ReferenceValues.output(of: written, values), expected, within: 1e-5, ending)
            }
        }
    }

    /// Nothing in the file says which modules had the weights: the operations that read them name them, and training changes them.
    @Test(arguments: ["frozen-traced-mlp", "frozen-scripted-mlp"]) func frozenWeightsAreNamedByTheOperationsThatReadThem(name: String)
        throws
    {
        let checkpoint = try open(name)
        let names = ["linear", "linear_2", "linear_3"].flatMap { [$0 + ".weight", $0 + ".bias"] }
        #expect(checkpoint.tensors.filter { !$0.shape.isEmpty }.map(\.name) == names)
        let network = try LoadedModel(checkpoint).network
        for name in ["linear", "linear_2", "linear_3"] { #expect(network[name] != nil) }
        let values = try Checkpoint.open(Fixtures.path("graphs/frozen-mlp.safetensors"))
        try ReferenceValues.expectOutputAndGradients(of: network, values, threads: 1, name)
    }

    /// What is added to a product with a weight is its bias.
    @Test func productsAndWhatTheyAddAreLayers() throws {
        let names = try open("frozen-rewritten-mlp").tensors.filter { !$0.shape.isEmpty }.map(\.name)
        #expect(names == ["matmul", "matmul_2", "matmul_3"].flatMap { [$0 + ".weight", $0 + ".bias"] })
    }

    /// Weights have their names even where the code is not run to its end.
    @Test func weightsOfFrozenArchivesThatDoNotRunAreNamed() throws {
        let checkpoint = try open("frozen-traced-sorted")
        #expect(checkpoint.tensors.map(\.name) == ["linear.weight", "linear.bias"])
        #expect(throws: Problem.self) { try LoadedModel(checkpoint) }
    }

    /// `torch.jit.load` imports none of the classes that the archive's own code defines.
    @Test(arguments: ["traced-mlp", "scripted-reader", "frozen-traced-mlp"]) func itsOwnClassesAreNotForeign(name: String) throws {
        let checkpoint = try open(name)
        let scan = PickleScan(checkpoint.sources)
        #expect(checkpoint.foreignGlobals.isEmpty && scan.globals.allSatisfy { !$0.isForeign })
        #expect(scan.globals.contains { $0.isOfScript && $0.name.hasPrefix("__torch__.") })
    }

    /// A dictionary without logits answers with what comes first.
    @Test func ofSeveralOutputsWithNamesTheFirstIsTheAnswer() throws {
        let network = try LoadedModel(open("scripted-answers")).network
        #expect(network.outputNames == ["first", "second"])
    }

    @Test(arguments: [
        ("traced-sorted", "operation 'torch.sort': is not run"),
        ("traced-sorted", "line 11, Sorted.forward in code/__torch__.py: operation"),
        ("scripted-repeating", "a loop in its code is not run, expected one over a fixed list or number, found 'for'"),
        ("scripted-repeating", "line 10, Repeating.forward in code/__torch__.py: a loop"),
        ("scripted-branching", "takes a number out of a tensor, which is not run, found a tensor"),
        ("scripted-cnn", "has windows that depend on the size of the images"),
        ("scripted-cnn", "line 49, adaptive_avg_pool2d in code/__torch__/torch/nn/functional.py: operation"),
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
