import Archives
import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Programs of torch.export run as PyTorch runs them; networks come back from their words, and from the ONNX that is written of them.
struct TorchProgramTests {
    static let programs = [
        "mlp", "cnn", "block", "encoder", "library", "settings", "images", "masked", "attended", "stopped", "uneven", "crossed", "further",
        "typed", "chosen", "twice",
        "numbered", "raised", "alone", "pair", "rounded", "heads", "sized",
    ]
    /// The same after `run_decompositions()`.
    static let decomposed = ["attended", "images", "masked", "encoder", "uneven", "further", "typed", "sized"]

    private func path(_ name: String) -> String { "graphs/\(name.contains("-") ? "" : "program-")\(name)" }

    private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path(path(name) + ".pt2")) }

    private func values(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path(path(name) + ".safetensors")) }

    private func output(_ network: Network, _ batch: Batch) throws -> Tensor {
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        return try #require(executor.run(batch)[network.output]).copied()
    }

    @Test(arguments: programs + decomposed.map { "decomposed-" + $0 }) func outputsAndGradientsAreThoseOfPyTorch(name: String) throws {
        try ReferenceValues.expectOutputAndGradients(of: LoadedModel(open(name)).network, values(name), threads: 2, name)
    }

    /// What a program detaches or computes without gradients has none in what is made of it either; buffers are not learned.
    @Test func gradientsStopWhereTheProgramStopsThem() throws {
        let checkpoint = try open("stopped")
        let batch = try ReferenceValues.batch(values("stopped"))
        func gradient(_ network: Network) throws -> [Float] {
            let weight = try #require(network.parameter(named: "fc1.weight"))
            var request = RunRequest(recorded: [network.output])
            request.gradients = GradientRequest(parameters: [weight])
            let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 1))
            let gradients = Gradients(executor, seeds: [network.output])
            _ = executor.run(batch)
            gradients.clearParameters()
            let weights = try #require(values("stopped")["weights"])
            gradients.backward([network.output: Tensor(shape: weights.shape, weights.floats())])
            return try #require(gradients[weight]).elements
        }
        let expected = try #require(values("stopped")["gradient.fc1.weight"]).floats()
        try TemporaryFolder.with { folder in
            for ending in ["m.tar", "m.onnx"] {
                try CheckpointWriter(path: folder + "/" + ending).write(CheckpointDraft(checkpoint))
                let network = try LoadedModel(Checkpoint.open(folder + "/" + ending)).network
                GraphWordsTests.close(try gradient(network), expected, ending)
                #expect(network.constants.sorted() == ["factor", "shift"])
            }
        }
        #expect(try LoadedModel(checkpoint).network.constants.sorted() == ["factor", "shift"])
        #expect(checkpoint["order"]?.dtype == .i64 && checkpoint["lifted_tensor_0"]?.shape == [4])
    }

    @Test(arguments: [
        ("sorted", "operation 'torch.ops.aten.sort.default': is not run"),
        ("recurrent", "operation 'torch.ops.aten.lstm.input': is not run: a layer that keeps a state"),
        (
            "recurrent",
            "; a program saved after run_decompositions() has its steps written out, and they run if the number of samples is open"
        ),
        ("shared", "operation 'torch.ops.aten.relu_.default': overwrites numbers that are read under another name"),
        ("counting", "operation 'torch.ops.aten.add_.Tensor': overwrites a tensor of the model"),
        ("decomposed-counting", "tensor 'runs': the program changes it whenever it runs"),
    ]) func whatIsNotRunIsNamed(name: String, expected: String) throws {
        let checkpoint = try open(name)
        let error = #expect(throws: Problem.self) { try LoadedModel(checkpoint) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains(expected), "\(message)")
    }

    @Test(arguments: programs) func whatIsMadeOfAProgramKeepsIt(name: String) throws {
        let checkpoint = try open(name)
        let batch = try ReferenceValues.batch(values(name))
        let expected = try output(LoadedModel(checkpoint).network, batch).elements
        try TemporaryFolder.with { folder in
            for ending in ["m.tar", "m.onnx"] {
                try CheckpointWriter(path: folder + "/" + ending).write(CheckpointDraft(checkpoint))
                let model = try LoadedModel(Checkpoint.open(folder + "/" + ending))
                GraphWordsTests.close(try output(model.network, batch).elements, expected, "\(name) \(ending)")
            }
        }
    }

    /// Networks of files and of families in words, given back for the same weights.
    @Test(arguments: [
        "graphs/program-mlp.pt2", "graphs/program-cnn.pt2", "graphs/program-block.pt2", "graphs/program-library.pt2",
        "graphs/program-heads.pt2", "graphs/traced-heads.pt", "onnx/resized-dynamo.onnx",
        "onnx/mlp-script.onnx", "onnx/residual-script.onnx", "onnx/residual-dynamo.onnx", "onnx/attention-dynamo.onnx",
        "gpt2-tiny",
    ])
    func aNetworkComesBackFromItsWords(path: String) throws {
        let checkpoint = try Checkpoint.open(Fixtures.path(path))
        let model = try LoadedModel(checkpoint)
        let words: Architecture
        do {
            words = try model.words()
        } catch let error as Problem where path.hasPrefix("graphs/program-library") || path.hasPrefix("onnx/attention") {
            // Samples that an export moves to another dimension have no words.
            #expect("\(error)".contains("no words"), "\(error)")
            return
        }
        let again = try Chain.network(of: checkpoint, Architecture("\(words)"))
        let batch: Batch
        switch model.network.input {
        case .tokens:
            batch = .tokens(TokenBatch(ids: [1, 3, 2, 0, 4, 1], samples: 2, length: 3))
        case .values(let shape):
            let whole = [3] + shape.map { $0 ?? 8 }
            batch = .values(Tensor(shape: whole, (0..<whole.reduce(1, *)).map { Float($0 * 7 % 11) / 11 - 0.5 }))
        }
        let (found, expected) = (try output(again, batch), try output(model.network, batch))
        #expect(found.shape == expected.shape)
        GraphWordsTests.close(found.elements, expected.elements, path)
    }

    @Test(arguments: GraphWordsTests.names) func wordsOfANetworkInWordsAreTheSameNetwork(name: String) throws {
        let checkpoint = try GraphWordsTests.checkpoint(name)
        let network = try Chain.network(of: checkpoint, Architecture(GraphWordsTests.words[name] ?? ""))
        let words = try NetworkWords.architecture(of: network, checkpoint)
        let batch = try ReferenceValues.batch(GraphWordsTests.expected(name))
        let found = try output(Chain.network(of: checkpoint, words), batch).elements
        #expect(found == (try output(network, batch).elements), "\(words)")
    }

    /// Layers after a flattening fit images of one size, which the words do not say.
    @Test func theONNXOfNormsBeforeAFlatteningIsWritten() throws {
        let blueprint = try Blueprint.convolutional("2x9x9:conv1(6,3),gn1(3),relu,conv2(4,3),instancenorm1,flatten,fc1(3)")
        let architecture = try #require(blueprint.architecture)
        let batch = Batch.values(OperationCheck.random([2, 2, 9, 9], seed: 1, scale: 1))
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/m.tar").write(blueprint.draft(seed: 3))
            let checkpoint = try Checkpoint.open(folder + "/m.tar")
            var draft = CheckpointDraft(checkpoint)
            draft.files[ONNXFile.graphName] = try architecture.onnxGraph(for: checkpoint)
            try CheckpointWriter(path: folder + "/m.onnx").write(draft)
            let own = try output(Chain.network(of: checkpoint, architecture), batch).elements
            let found = try output(LoadedModel(Checkpoint.open(folder + "/m.onnx")).network, batch).elements
            GraphWordsTests.close(found, own, "the ONNX file")
        }
    }

    @Test(arguments: GraphWordsTests.names) func theONNXOfANetworkInWordsComputesTheSame(name: String) throws {
        let checkpoint = try GraphWordsTests.checkpoint(name)
        let words = try Architecture(GraphWordsTests.words[name] ?? "")
        let values = try GraphWordsTests.expected(name)
        var draft = CheckpointDraft(checkpoint)
        draft.files[ONNXFile.graphName] = try words.onnxGraph(for: checkpoint)
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/m.onnx").write(draft)
            let model = try LoadedModel(Checkpoint.open(folder + "/m.onnx"))
            let found = try output(model.network, ReferenceValues.batch(values)).elements
            GraphWordsTests.close(found, try #require(values["output"]).floats(), name)
        }
    }
}
