import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Graphs that PyTorch and scikit-learn exported compute what onnxruntime computes, and have PyTorch's gradients.
struct ONNXNetworkTests {
    static let exported =
        ["mlp", "fixed", "residual", "attention", "alone", "pair", "summed", "numbered", "raised", "shuffled"].flatMap {
            ["\($0)-script", "\($0)-dynamo"]
        } + ["language-script", "grouped-dynamo", "grouped-18", "plain-norms-dynamo", "resized-dynamo"]

    private func open(_ name: String) throws -> (Network, Checkpoint) {
        (
            try LoadedModel(Checkpoint.open(Fixtures.path("onnx/\(name).onnx"))).network,
            try Checkpoint.open(Fixtures.path("onnx/\(name).safetensors"))
        )
    }

    private func close(_ found: [Float], _ expected: [Float], _ what: String) {
        ReferenceValues.close(found, expected, within: 2e-5, what)
    }

    @Test(
        arguments: exported + [
            "sklearn", "operators-23", "windowed-4", "windowed-15", "enlarged", "bytes", "sklearn-maps", "sklearn-names",
            "rounded-dynamo",
        ])
    func computesWhatONNXRuntimeComputes(name: String) throws {
        let (network, values) = try open(name)
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 2))
        let output = try #require(executor.run(batch)[network.output])
        let expected = try #require(values["output"])
        #expect(output.shape == expected.shape)
        close(output.elements, expected.floats(), name)
    }

    @Test func sequencesOfAFixedLengthRunAndOthersAreALine() throws {
        let network = try LoadedModel(Checkpoint.open(Fixtures.path("onnx/operators-23-fixed.onnx"))).network
        let (open, values) = try self.open("operators-23")
        #expect(network.fixedLength == 6 && open.fixedLength == nil && network.exampleBatch == .tokens(samples: 1, length: 6))
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        close(try #require(executor.run(batch)[network.output]).elements, try #require(values["output"]).floats(), "fixed")
        #expect(network.anatomy.blocks.first?.attention?.heads == open.anatomy.blocks.first?.attention?.heads)
        let error = #expect(throws: Problem.self) { try network.shapes(for: .tokens(samples: 1, length: 5)) }
        #expect(
            error.map { "\($0)" }?.hasPrefix("the model's graph fixes the length of sequences, expected 6 tokens, found 5") == true,
            "\(error.map { "\($0)" } ?? "")")
    }

    /// A window that is longer than the sequences on which the graph is read looks like none; longer sequences would see too much.
    @Test func aMaskOfALongWindowIsNotTakenForACausalOne() throws {
        let (short, _) = try open("windowed-4")
        let (long, _) = try open("windowed-15")
        // A window that shows is followed to any length.
        #expect(try short.shapes(for: .tokens(samples: 1, length: 40))[short.output.index] == [1, 40, 7])
        #expect(try long.shapes(for: .tokens(samples: 1, length: 15))[long.output.index] == [1, 15, 7])
        let error = #expect(throws: Problem.self) { try long.shapes(for: .tokens(samples: 1, length: 16)) }
        #expect(error.map { "\($0)" }?.contains("expected at most 15") == true, "\(error.map { "\($0)" } ?? "")")
    }

    @Test func classesHaveTheNumbersOfTheFile() throws {
        #expect(try open("sklearn-maps").0.classLabels == [2, 3, 5, 6])
        #expect(try open("sklearn").0.classLabels == [0, 1, 2] && open("mlp-script").0.classLabels == nil)
    }

    @Test func classesHaveTheNamesOfTheFile() throws {
        let named = try open("sklearn-names").0
        #expect(named.classNames == ["Fische", "ant", "zebra"] && named.classLabels == nil)
        let listed = try open("sklearn-named-lists").0
        #expect(listed.classNames == ["Fische", "ant", "zebra"])
        #expect(try open("sklearn-maps").0.classNames == nil)
    }

    /// Tokens that a comparison with 0, 1, ... turns into rows of one 1 are those numbers.
    @Test func tokensThatAreComparedHaveAVocabulary() throws {
        guard case .tokens(let vocabulary, _) = try open("bytes").0.input else {
            Issue.record("not tokens")
            return
        }
        #expect(vocabulary == 9)
    }

    /// Positions that the tokens count up must be in their table, whatever the tokens are.
    @Test func countedPositionsBoundTheLength() throws {
        for exporter in ["script", "dynamo"] {
            guard case .tokens(11, let positions) = try open("numbered-\(exporter)").0.input else {
                Issue.record("not tokens")
                return
            }
            // Of nine entries the first two are of no position.
            #expect(positions == 7)
        }
    }

    /// A batch is its samples: what an export fixes for one sample holds for several.
    @Test(arguments: exported)
    func samplesDoNotDependOnEachOther(name: String) throws {
        let (network, values) = try open(name)
        let executor = { (batch: Batch) throws -> Tensor in
            let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
            return try #require(executor.run(batch)[network.output]).copied()
        }
        let one = try ReferenceValues.batch(values)
        let twice: Batch
        switch one {
        case .values(let tensor):
            twice = .values(Tensor(shape: [2 * tensor.shape[0]] + tensor.shape.dropFirst(), tensor.elements + tensor.elements))
        case .tokens(let tokens):
            twice = .tokens(TokenBatch(ids: tokens.ids + tokens.ids, samples: 2 * tokens.samples, length: tokens.length))
        }
        let single = try executor(one).elements
        close(try executor(twice).elements, single + single, name)
    }

    @Test(arguments: exported)
    func gradientsAreThoseOfPyTorch(name: String) throws {
        let (network, values) = try open(name)
        let batch = try ReferenceValues.batch(values)
        // The exporter folds a norm into the convolution before it, whose weights are then others.
        let named = values.tensors.compactMap { tensor -> (ParameterID, TensorRecord)? in
            guard tensor.name.hasPrefix("gradient."), !tensor.name.contains("conv1"), !tensor.name.contains("bn1") else { return nil }
            return network.parameter(named: String(tensor.name.dropFirst("gradient.".count))).map { ($0, tensor) }
        }
        #expect(named.count >= 4, "\(network.parameters.map(\.name))")
        var request = RunRequest(recorded: [network.output])
        request.gradients = GradientRequest(parameters: Set(named.map(\.0)))
        let executor = try Executor(network, batch: batch.shape, request: request, team: Team(size: 2))
        let gradients = Gradients(executor, seeds: [network.output])
        _ = executor.run(batch)
        let weights = try #require(values["weights"])
        gradients.clearParameters()
        gradients.backward([network.output: Tensor(shape: weights.shape, weights.floats())])
        for (parameter, expected) in named {
            let found = try #require(gradients[parameter])
            var elements = found.elements
            let layout = network.readers(of: parameter).first.map { network.nodes[$0.index].operation }
            // A matrix is kept with its outputs first, whatever the file has.
            if found.shape != expected.shape, found.shape.count == 2, layout is MatrixProduct {
                let (rows, columns) = (found.shape[0], found.shape[1])
                elements = (0..<rows * columns).map { found.elements[$0 % rows * columns + $0 / rows] }
            }
            if let layer = layout as? TransposedConvolution, case .outIn = layer.layout, found.shape.count == 4 {
                let (rows, columns, block) = (found.shape[0], found.shape[1], found.shape[2...].reduce(1, *))
                elements = (0..<found.count).map { place in
                    let (column, row) = (place / block / rows, place / block % rows)
                    return found.elements[(row * columns + column) * block + place % block]
                }
            }
            close(elements, expected.floats(), "\(name) \(expected.name)")
        }
    }

    private func output(of checkpoint: Checkpoint, _ batch: Batch) throws -> [Float] {
        let network = try LoadedModel(checkpoint).network
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 1))
        return try #require(executor.run(batch)[network.output]).elements
    }

    /// With other numbers, the graph comes back from every kind of output, and computes the same from each.
    @Test(arguments: exported + ["sklearn", "sklearn-maps", "sklearn-names", "sklearn-named-lists"])
    func whatIsMadeOfAGraphKeepsIt(name: String) throws {
        let (network, values) = try open(name)
        let batch = try ReferenceValues.batch(values)
        let checkpoint = try Checkpoint.open(Fixtures.path("onnx/\(name).onnx"))
        var changed: [String: Tensor] = [:]
        for parameter in network.parameters {
            let record = try #require(checkpoint[parameter.tensorName])
            let shrunk = record.floats().map { Float(0.75) * $0 + Float(0.01) }
            changed[parameter.tensorName] = Tensor(shape: record.shape, shrunk)
        }
        let draft = CheckpointDraft(checkpoint, replacing: changed)
        try TemporaryFolder.with { folder in
            var outputs: [[Float]] = []
            for ending in ["m.tar", "m", "m.onnx"] {
                try CheckpointWriter(path: folder + "/" + ending).write(draft)
                outputs.append(try output(of: Checkpoint.open(folder + "/" + ending), batch))
            }
            #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
            #expect(try output(of: checkpoint, batch) != outputs[0])
            // What was written as ONNX can be written again.
            let again = CheckpointDraft(try Checkpoint.open(folder + "/m.tar"))
            try CheckpointWriter(path: folder + "/again.onnx").write(again)
            #expect(try output(of: Checkpoint.open(folder + "/again.onnx"), batch) == outputs[0])
        }
    }

    /// The names of classes are no weights: they stay in the graph, whatever it is kept in.
    @Test func textsStayInTheGraph() throws {
        let path = Fixtures.path("onnx/sklearn-names.onnx")
        let checkpoint = try Checkpoint.open(path)
        #expect(checkpoint.unreadable.isEmpty && !checkpoint.tensors.contains { $0.name == "classes" })
        try TemporaryFolder.with { folder in
            for (source, target) in [(path, "/m.tar"), (folder + "/m.tar", "/m.onnx")] {
                try CheckpointWriter(path: folder + target).write(CheckpointDraft(try Checkpoint.open(source)))
            }
            let (own, written) = (
                try Data(contentsOf: URL(fileURLWithPath: path)), try Data(contentsOf: URL(fileURLWithPath: folder + "/m.onnx"))
            )
            for name in ["zebra", "ant", "Fische", "classes"] {
                func count(_ bytes: Data) -> Int { String(decoding: bytes, as: Unicode.ASCII.self).components(separatedBy: name).count - 1 }
                #expect(count(own) == count(written) && count(own) > 0, "\(name)")
            }
        }
    }

    @Test func aCheckpointWithoutAGraphIsNotWrittenAsOne() throws {
        let draft = CheckpointDraft(try Checkpoint.open(Fixtures.path("mlp.safetensors")))
        try TemporaryFolder.with { folder in
            #expect {
                try CheckpointWriter(path: folder + "/m.onnx").write(draft)
            } throws: {
                "\($0)".contains("is written for models that come with a graph")
            }
        }
    }
}
