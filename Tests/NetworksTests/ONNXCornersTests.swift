import Checkpoints
import Tensors
import TestSupport
import Testing
import Text

@testable import Networks

/// Operators at the ends of their settings, and weights where exporters seldom put them, in files that `make_onnx_corners.py` wrote.
struct ONNXCornersTests {
    private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(Fixtures.path("onnx/corners/\(name).onnx")) }

    /// Weights that a node holds and another cuts, and those of a norm that is written out, are tensors as those of the graph are.
    @Test(arguments: ["initializers", "constants"]) func weightsAreWeightsWhereverTheyAre(name: String) throws {
        let checkpoint = try open(name)
        let weights = checkpoint.tensors.filter { $0.dtype.isFloatingPoint }
        #expect(Set(weights.map(\.name)) == ["wide", "last", "scale", "shift"], "\(weights.map(\.name))")
        let values = try Checkpoint.open(Fixtures.path("onnx/corners/\(name).safetensors"))
        ReferenceValues.close(
            try ReferenceValues.output(of: checkpoint, values), try #require(values["output"]).floats(), within: 1e-5, name)
    }

    /// An axis of Flatten below 0 counts from the end of the dimensions that there are.
    @Test func flattenCountsFromTheEnd() throws {
        let values = try Checkpoint.open(Fixtures.path("onnx/corners/flatten.-2.safetensors"))
        ReferenceValues.close(
            try ReferenceValues.output(of: open("flatten.-2"), values), try #require(values["output"]).floats(), within: 1e-5, "flatten")
        for name in ["flatten.-1", "flatten.-3"] {
            let checkpoint = try open(name)
            #expect(throws: Problem.self, "\(name)") { try LoadedModel(checkpoint) }
        }
    }

    @Test(arguments: [
        ("tile", "repeats too often"), ("trilu", "has a diagonal that is not run"), ("norm", "shapes that do not go together"),
        ("squeeze", "the shape does not hold the elements"), ("split", "has a number of parts that is not that of its outputs"),
    ])
    func whatFitsNoTensorIsAnError(name: String, what: String) throws {
        let checkpoint = try open(name)
        let problem = #expect(throws: Problem.self) { try LoadedModel(checkpoint) }
        #expect(problem?.what.contains(what) == true, "\(problem?.description ?? "")")
    }

    /// Names mean other tensors in other bodies; what is written as ONNX again has the same.
    @Test func loopsHaveTensorsOfTheirOwn() throws {
        let checkpoint = try open("loops")
        let names: Set = ["factor", "factor#2", "turns", "on", "w"]
        #expect(Set(checkpoint.tensors.map(\.name)) == names, "\(checkpoint.tensors.map(\.name))")
        try TemporaryFolder.with { folder in
            let path = folder + "/loops.onnx"
            try CheckpointWriter(path: path).write(CheckpointDraft(checkpoint))
            #expect(Set(try Checkpoint.open(path).tensors.map(\.name)) == names)
        }
    }
}
