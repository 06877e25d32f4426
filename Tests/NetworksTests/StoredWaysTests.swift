import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// A graph may keep weights in constants of nodes, or make them of stored tensors before anything reads them: they are weights all the same.
struct StoredWaysTests {
    static let ways = [
        "constants", "identities", "constant-identities", "casts", "constant-casts", "doubles", "reshaped", "squeezed", "transposed",
        "dynamo",
    ]

    private func open(_ name: String) throws -> (checkpoint: Checkpoint, values: Checkpoint) {
        let path = "onnx/constants/" + name
        return (try Checkpoint.open(Fixtures.path(path + ".onnx")), try Checkpoint.open(Fixtures.path(path + ".safetensors")))
    }

    @Test(arguments: ways) func outputsAreThoseOfONNXRuntime(name: String) throws {
        let (checkpoint, values) = try open(name)
        ReferenceValues.close(
            try ReferenceValues.output(of: checkpoint, values), try #require(values["output"]).floats(), within: 1e-5, name)
        // Every weight is a tensor of the checkpoint: 2 convolutions, 4 lists of a batch norm, slopes, 2 linear layers, and a norm. The newer
        // exporter has made the batch norm part of the convolution.
        let weights = checkpoint.tensors.filter { $0.dtype.isFloatingPoint && !$0.shape.isEmpty }
        #expect(name == "dynamo" || weights.count == 13, "\(weights.map(\.name))")
        #expect(try LoadedModel(checkpoint).network.unusedTensors.isEmpty)
    }

    /// Arithmetic is in single precision and casts alone round; onnxruntime rounds the weights that it makes others of, and leaves casts out.
    @Test(arguments: ["half", "whole-half"]) func halfPrecisionIsThatOfTheGraph(name: String) throws {
        let (checkpoint, values) = try open(name)
        ReferenceValues.close(
            try ReferenceValues.output(of: checkpoint, values), try #require(values["output"]).floats(), within: 4e-4, name)
    }

    /// PyTorch's newer exporter writes a layer without a bias as a product with a numbered tensor, and notes the module beside it.
    @Test func layersHaveTheNamesOfTheirModules() throws {
        let layers = try LayerCatalog(open("dynamo").checkpoint).layers.map(\.tensorName)
        #expect(layers.sorted() == ["conv.weight", "fc1.weight", "fc2.weight", "mix.weight"])
    }

    /// Tensors of another type are cast to that in which the graph computes.
    @Test(arguments: ["identities", "dynamo", "constants"], [DType.f16, .bf16]) func otherTypesAreWrittenWithCasts(
        name: String, dtype: DType
    ) throws {
        let (checkpoint, values) = try open(name)
        try TemporaryFolder.with { folder in
            let path = folder + "/m.onnx"
            try CheckpointWriter(path: path).write(CheckpointDraft(checkpoint, dtype: dtype))
            let written = try Checkpoint.open(path)
            #expect(written.tensors.map(\.name).sorted() == checkpoint.tensors.map(\.name).sorted())
            #expect(written.tensors.filter { $0.dtype.isFloatingPoint }.allSatisfy { $0.dtype == dtype })
            let found = try ReferenceValues.output(of: written, values)
            ReferenceValues.close(
                found, try #require(values["output"]).floats(), within: dtype == .f16 ? 2e-3 : 2e-2, name)
        }
    }
}
