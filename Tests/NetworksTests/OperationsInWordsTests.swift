import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Networks

/// A family that brings a new operation says here that no words describe it, or gives it words.
struct OperationsInWordsTests {
    private static let withoutWords: Set = [
        "an attention to a window", "an attention whose scores are adjusted", "an attention with a step of its own",
        "an attention within chunks", "the operation attention scores", "the operation channel scale", "the operation expert choice",
        "the operation expert contributions", "the operation expert gates", "the operation expert marks", "the operation expert sum",
        "the operation gated input", "the operation head norm", "the operation limited swish", "the operation mean",
        "the operation mean row", "the operation position embedding", "the operation position scaling", "the operation repeated entry",
        "the operation rotary", "the operation routed linear", "the operation rows image", "the operation shifted clamp",
        "the operation side by side", "the operation slice", "the operation soft cap", "the operation softmax with sinks",
        "the operation sum of blocks",
    ]

    @Test func operationsOfFamiliesHaveWordsOrAreListed() throws {
        var found: Set<String> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("transformers")) {
            // Beside the models lie what they compute, scripts' inputs, and the family that a test defines.
            guard name != "normed", FileManager.default.fileExists(atPath: Fixtures.path("transformers/\(name)/config.json")) else {
                continue
            }
            let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(name)"))
            guard let network = try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)) else { continue }
            for problem in NetworkWords.problems(of: network, checkpoint) where problem.what == "has no words" {
                found.insert(try #require(problem.found, "\(name): \(problem)"))
            }
        }
        #expect(found == Self.withoutWords)
    }
}
