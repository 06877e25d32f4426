import Foundation
import TestSupport
import Testing

/// Files that store whole modules run as described in them, with PyTorch's losses.
@Suite struct SavedArchitectureCommandTests {
    private let folder = Fixtures.path("containers/modules/")

    private func losses() throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "losses.json")))
    }

    @Test(arguments: ["plain", "plain-script", "images", "images-script"]) func theLossIsThatOfPyTorch(name: String) throws {
        let data = name.replacingOccurrences(of: "-script", with: "")
        let result = try BuiltCommand.run("eval", folder + name + ".pt", "--data", folder + data + ".npz", "--format", "json")
        #expect(result.status == 0, "\(result.errors)")
        let json = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let checkpoint = try #require((json["checkpoints"] as? [[String: Any]])?.first)
        #expect(checkpoint["architectureSource"] as? String == "file")
        let loss = try #require(checkpoint["loss"] as? Double)
        #expect(abs(loss - (try #require(try losses()[data]))) < 2e-6)
        #expect(!result.errors.contains("assumed"))
    }

    @Test func anArchitectureThatTheFileContradictsIsOneLine() throws {
        let result = try BuiltCommand.run(
            "eval", folder + "plain.pt", "--data", folder + "plain.npz", "--arch", "flatten,1,relu,3.0,leakyrelu(0.2),4")
        #expect(result.status == 1 && result.errors.split(separator: "\n").count == 1)
        #expect(
            result.errors.contains("contradicts the architecture that the file holds, expected 'tanh', found 'relu'"), "\(result.errors)")
    }

    @Test func aModelThatReproducesItsInputHasNoClasses() throws {
        let result = try BuiltCommand.run("eval", folder + "autoencoder.pt", "--data", folder + "autoencoder.npz")
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.contains("10 outputs, labels up to 2"), "\(result.errors)")
    }
}
