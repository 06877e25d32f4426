import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// The operations of exported programs, traces and ONNX graphs, one model for each, are PyTorch's, with their gradients.
struct GraphOperatorTests {
    private static let folder = "graphs/operators"

    static let files: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))) ?? [])
        .filter { !$0.hasSuffix(".safetensors") }.sorted()

    private func open(_ file: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("\(Self.folder)/\(file)")) }

    /// The values of the model: `ends` of `ends-traced.pt`.
    private func values(_ file: String) throws -> Checkpoint {
        let model = Self.models.filter { file.hasPrefix($0 + "-") }.max { $0.count < $1.count }
        return try open(try #require(model) + ".safetensors")
    }

    static let models: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: Fixtures.path(folder))) ?? [])
        .filter { $0.hasSuffix(".safetensors") }.map { String($0.dropLast(".safetensors".count)) }

    private func output(_ network: Network, _ batch: Batch) throws -> [Float] {
        let executor = try Executor(network, batch: batch.shape, request: RunRequest(recorded: [network.output]), team: Team(size: 2))
        return try #require(executor.run(batch)[network.output]).elements
    }

    @Test func everyModelHasFiles() {
        #expect(Self.models.count >= 27 && Self.models.allSatisfy { model in Self.files.contains { $0.hasPrefix(model + "-") } })
    }

    @Test(arguments: files) func outputsAndGradientsAreThoseOfPyTorch(file: String) throws {
        let network = try LoadedModel(open(file)).network
        let values = try values(file)
        // An exporter of ONNX may give weights other names and shapes.
        guard file.hasSuffix(".onnx") else {
            return try ReferenceValues.expectOutputAndGradients(of: network, values, threads: 2, file)
        }
        let expected = try #require(values["output"])
        ReferenceValues.close(try output(network, ReferenceValues.batch(values)), expected.floats(), within: 1e-5, file)
    }

    /// Each sample by itself gives what it gives among others.
    @Test(arguments: files) func aSampleAloneGivesItsOwn(file: String) throws {
        let network = try LoadedModel(open(file)).network
        let values = try values(file)
        let expected = try #require(values["output"])
        let one: Batch =
            switch try ReferenceValues.batch(values) {
            case .tokens(let tokens):
                .tokens(TokenBatch(ids: Array(tokens.ids.prefix(tokens.length)), samples: 1, length: tokens.length))
            case .values(let tensor):
                .values(
                    Tensor(shape: [1] + tensor.shape.dropFirst(), Array(tensor.elements.prefix(tensor.count / tensor.shape[0]))))
            }
        let width = expected.shape.dropFirst().reduce(1, *)
        ReferenceValues.close(try output(network, one), Array(expected.floats().prefix(width)), within: 1e-5, file)
    }

    @Test(arguments: files.filter { !$0.hasSuffix(".onnx") }) func theONNXThatIsWrittenComputesTheSame(file: String) throws {
        let checkpoint = try open(file)
        let batch = try ReferenceValues.batch(values(file))
        let expected = try output(LoadedModel(checkpoint).network, batch)
        try TemporaryFolder.with { folder in
            try CheckpointWriter(path: folder + "/m.onnx").write(CheckpointDraft(checkpoint))
            let found = try output(LoadedModel(Checkpoint.open(folder + "/m.onnx")).network, batch)
            ReferenceValues.close(found, expected, within: 1e-5, file)
        }
    }

    /// Pools to a size that are written for images of any size are read back for images of any size.
    @Test(arguments: ["2", "2x3", "5x1"]) func poolsToASizeComeBack(size: String) throws {
        try TemporaryFolder.with { folder in
            let (tensors, target) = (folder + "/m.safetensors", folder + "/m.onnx")
            try SafetensorsFile.bytes([("conv.weight", [2, 1, 1, 2], [0.5, -1, 2, 0.25]), ("conv.bias", [2], [0.1, -0.2])])
                .write(to: URL(fileURLWithPath: tensors))
            let checkpoint = try Checkpoint.open(tensors)
            let words = try Architecture("conv,adaptiveavgpool(\(size)),flatten")
            var draft = CheckpointDraft(checkpoint)
            draft.files[ONNXFile.graphName] = try words.onnxGraph(for: checkpoint)
            try CheckpointWriter(path: target).write(draft)
            let (network, again) = (try Chain.network(of: checkpoint, words), try LoadedModel(Checkpoint.open(target)).network)
            for images in [[3, 4], [7, 9], [6, 7]] {
                let count = 2 * images[0] * images[1]
                let batch = Batch.values(Tensor(shape: [2, 1] + images, (0..<count).map { Float($0 * 7919 % 101) / 50 - 1 }))
                let expected = try output(network, batch)
                #expect(expected.count > 0)
                ReferenceValues.close(try output(again, batch), expected, within: 1e-6, "\(size) of \(images)")
            }
        }
    }

    private func tensor(_ shape: [Int], _ elements: [Float]) -> Tensor { Tensor(shape: shape, elements) }

    @Test func placesOfTheLargestAreTheFirstOnesOrTheLast() throws {
        let input = tensor([2, 3, 2], [1, 4, 3, 4, 3, 0, 7, -1, 2, -1, 7, -3])
        let first = OperationCheck(operation: ExtremePlace(axis: 1, isLargest: true, keepsDimension: false), inputs: [input])
        #expect(try first.forward().shape == [2, 2])
        #expect(try first.forward().elements == [1, 0, 0, 0])
        let last = OperationCheck(
            operation: ExtremePlace(axis: 1, isLargest: true, keepsDimension: true, isLast: true), inputs: [input])
        #expect(try last.forward().shape == [2, 1, 2])
        #expect(try last.forward().elements == [2, 1, 2, 1])
        let smallest = OperationCheck(operation: ExtremePlace(axis: 2, isLargest: false, keepsDimension: false), inputs: [input])
        #expect(try smallest.forward().elements == [0, 0, 1, 1, 1, 1])
        let unknown = OperationCheck(
            operation: ExtremePlace(axis: 0, isLargest: true, keepsDimension: false), inputs: [tensor([3], [2, .nan, 5])])
        #expect(try unknown.forward().elements == [1])
    }

    @Test func entriesOfSamplesAreEachSamplesOwn() throws {
        let table = tensor([2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        let check = OperationCheck(operation: SampleEntries(), inputs: [table, tensor([2, 2], [2, 0, -2, -2])])
        #expect(try check.forward().shape == [2, 2, 2])
        #expect(try check.forward().elements == [5, 6, 1, 2, 9, 10, 9, 10])
        let gradients = try check.backward(tensor([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
        #expect(gradients.inputs[0].elements == [3, 4, 0, 0, 1, 2, 0, 0, 12, 14, 0, 0])
        let outside = OperationCheck(operation: SampleEntries(), inputs: [table, tensor([2], [3, 1])])
        let found = try outside.forward().elements
        #expect(found[0].isNaN && found[1].isNaN && Array(found[2...]) == [9, 10])
        #expect(throws: Problem.self) {
            try OperationCheck(operation: SampleEntries(), inputs: [table, tensor([3], [0, 0, 0])]).forward()
        }
    }

    @Test func imagesAreWrappedAround() throws {
        let check = OperationCheck(
            operation: Padding(before: [0, 2], after: [0, 1], mode: .wrapped), inputs: [tensor([1, 3], [1, 2, 3])])
        #expect(try check.forward().elements == [2, 3, 1, 2, 3, 1])
        try check.expectDifferencesAgree()
        #expect(throws: Problem.self) {
            try OperationCheck(operation: Padding(before: [4], after: [0], mode: .wrapped), inputs: [tensor([3], [1, 2, 3])]).forward()
        }
    }
}
