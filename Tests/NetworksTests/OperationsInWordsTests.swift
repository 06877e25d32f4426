import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Networks

/// A family that brings a new operation says here that no words describe it, or gives it words.
struct OperationsInWordsTests {
    private static let withoutWords: Set<String> = []

    @Test func operationsOfFamiliesHaveWordsOrAreListed() throws {
        var found: Set<String> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("transformers")) {
            // Beside the models lie what they compute, and scripts' inputs.
            guard FileManager.default.fileExists(atPath: Fixtures.path("transformers/\(name)/config.json")) else { continue }
            let checkpoint = try Checkpoint.open(Fixtures.path("transformers/\(name)"))
            guard let network = try TransformerFamilies.network(of: checkpoint, catalog: LayerCatalog(checkpoint)) else { continue }
            for problem in NetworkWords.problems(of: network, checkpoint) where problem.what == "has no words" {
                found.insert(try #require(problem.found, "\(name): \(problem)"))
            }
        }
        #expect(found == Self.withoutWords)
    }
}
