import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Graphs compute each sample by itself, however an exporter wrote the samples of a batch; those that do not are refused.
struct GraphSampleTests {
    private static let kinds = ["-script.onnx", "-dynamo.onnx", ".pt"]

    private func open(_ file: String) throws -> Network {
        try LoadedModel(Checkpoint.open(Fixtures.path("onnx/batches/\(file)"))).network
    }

    private func output(_ network: Network, _ batch: Batch) throws -> Tensor {
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 2))
        return try #require(executor.run(batch)[network.output]).copied()
    }

    private func expectOutputs(_ file: String, of model: String) throws {
        let values = try Checkpoint.open(Fixtures.path("onnx/batches/\(model).safetensors"))
        let network = try open(file)
        let batch = try ReferenceValues.batch(values)
        let expected = try #require(values["output"])
        let width = expected.shape[1...].reduce(1, *)
        for count in 1...expected.shape[0] {
            let part: Batch =
                switch batch {
                case .values(let tensor):
                    .values(
                        Tensor(
                            shape: [count] + tensor.shape.dropFirst(),
                            Array(tensor.elements.prefix(tensor.count / tensor.shape[0] * count))))
                case .tokens(let tokens):
                    .tokens(TokenBatch(ids: Array(tokens.ids.prefix(tokens.length * count)), samples: count, length: tokens.length))
                }
            let found = try output(network, part)
            #expect(found.shape == [count] + expected.shape.dropFirst())
            ReferenceValues.close(
                found.elements, Array(expected.floats().prefix(count * width)), within: 2e-5, "\(file), \(count) samples")
        }
    }

    /// What PyTorch computes of one of their samples depends on the others, as the script that wrote them asserts.
    @Test(arguments: ["mixed-permute", "mixed-reshape", "mixed-turned", "mixed-joined", "mixed-images"])
    func numbersThatMoveToOtherSamplesAreRefused(name: String) throws {
        for kind in Self.kinds {
            let error = #expect(throws: Problem.self, "\(name)\(kind)") { try open(name + kind) }
            let line = error.map { "\($0)" } ?? ""
            #expect(line.contains("node '") && line.contains("moves numbers from one sample to another"), "\(name)\(kind): \(line)")
        }
    }

    @Test(arguments: ["ordered-turned", "ordered-joined"])
    func samplesThatAreTurnedAndJoinedRun(name: String) throws {
        for kind in Self.kinds { try expectOutputs(name + kind, of: name) }
    }

    @Test(arguments: ["swin", "convnext", "vit", "strided"], ["any", "one", "two"])
    func dynamoWritesForASampleWhatHoldsForEach(model: String, samples: String) throws {
        try expectOutputs("\(model)-\(samples).onnx", of: model)
    }

    @Test(arguments: ["script", "dynamo"])
    func aStoredFloatMaskIsAMask(exporter: String) throws {
        try expectOutputs("masked-\(exporter).onnx", of: "masked")
        let network = try open("masked-\(exporter).onnx")
        #expect(network.anatomy.gap == nil && network.anatomy.outputKind == .answers)
        let attention = try #require(network.anatomy.blocks.compactMap(\.attention).first)
        let values = try Checkpoint.open(Fixtures.path("onnx/batches/masked.safetensors"))
        let batch = try ReferenceValues.batch(values)
        let executor = try Executor(
            network, batch: batch.shape, request: RunRequest(recorded: [attention.pattern]), team: Team(size: 2))
        let pattern = try #require(executor.run(batch)[attention.pattern])
        let expected = try #require(values["pattern"])
        #expect(pattern.shape == expected.shape)
        ReferenceValues.close(pattern.elements, expected.floats(), within: 2e-5, exporter)
    }
}
