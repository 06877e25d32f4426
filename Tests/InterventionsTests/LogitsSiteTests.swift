import Checkpoints
import Networks
import TestSupport
import Testing
import Text

@testable import Interventions

/// `logits` names the scores of any model, whatever the site is called.
struct LogitsSiteTests {
    private func open(_ name: String) throws -> Network {
        try LoadedModel(Checkpoint.open(Fixtures.path("onnx/tensorflow/\(name)"))).network
    }

    @Test func logitsAreTheOutputOrWhatASoftmaxReads() throws {
        let scores = try open("decoder.onnx")
        let found = try PatchSites(scores).recorded(["logits"], in: scores)
        #expect(found.map(\.node) == [scores.output])
        // The last layer is followed by a softmax.
        let probabilities = try open("nested.onnx")
        let (sites, output) = (try PatchSites(probabilities), probabilities.output)
        let read = try #require(probabilities.nodes[output.index].inputs.first)
        #expect(probabilities.nodes[output.index].operation is Softmax)
        #expect(try sites.recorded(["logits"], in: probabilities).map(\.node) == [read])
        let all = try sites.recorded(["*"], in: probabilities).map(\.node)
        #expect(try sites.recorded(["*", "!logits"], in: probabilities).map(\.node) == all.filter { $0 != read })
    }

    @Test func theOutputIsNotPatched() throws {
        let scores = try open("decoder.onnx")
        let error = #expect(throws: Problem.self) { try PatchSites(scores).parts(["logits"], granularity: .auto, by: .all) }
        #expect(error.map { "\($0)" }?.contains("is the model's output") == true)
    }
}
