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

    /// What is made of such a file runs as the file does, in whatever form.
    @Test(arguments: ["plain", "plain-script", "images", "images-script"], ["m.tar", "m.safetensors"])
    func convertedModulesHaveTheLossOfPyTorch(name: String, output: String) throws {
        let data = name.replacingOccurrences(of: "-script", with: "")
        try TemporaryFolder.with { temporary in
            let out = temporary + "/" + output
            try #require(try BuiltCommand.run("convert", folder + name + ".pt", "-o", out, "--quiet").status == 0)
            let result = try BuiltCommand.run("eval", out, "--data", folder + data + ".npz", "--format", "json")
            #expect(result.status == 0, "\(result.errors)")
            let json = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
            let loss = try #require((json["checkpoints"] as? [[String: Any]])?.first?["loss"] as? Double)
            #expect(abs(loss - (try #require(try losses()[data]))) < 2e-6)
        }
    }

    /// Of a module whose computation the file does not say nothing is assumed later either.
    @Test func whatIsMadeOfAModuleThatDoesNotRunDoesNotRunEither() throws {
        try TemporaryFolder.with { temporary in
            for output in ["m.tar", "m.safetensors"] {
                let out = temporary + "/" + output
                let made = try BuiltCommand.run("convert", folder + "own.pt", "-o", out)
                #expect(made.status == 0 && made.errors.contains("does not run without --arch: is a module with its own forward function"))
                let result = try BuiltCommand.run("eval", out, "--data", folder + "plain.npz")
                #expect(result.status == 1 && result.output.isEmpty)
                #expect(result.errors.contains("cannot be run: is a module with its own"), "\(result.errors)")
            }
        }
    }

    /// A safetensors file has no place for a graph, which is then put into words or missed.
    @Test func aGraphThatIsLeftOutIsNotForgotten() throws {
        try TemporaryFolder.with { temporary in
            let out = temporary + "/m.safetensors"
            for (name, words) in [("program-mlp", true), ("program-typed", false)] {
                let file = Fixtures.path("graphs/\(name).pt2")
                try #require(try BuiltCommand.run("convert", file, "-o", out, "--force", "--quiet").status == 0)
                let result = try BuiltCommand.run("info", out, "--format", "json")
                #expect(result.status == 0 && !result.text.contains("relu is assumed"), "\(result.errors)")
                let found = try BuiltCommand.run("info", out, "--print-arch")
                let expected = try BuiltCommand.run("info", file, "--print-arch")
                #expect(words ? found.text == expected.text && found.status == 0 : found.errors.contains("no place for its graph"))
            }
        }
    }

    @Test func anArchitectureThatTheFileContradictsIsOneLine() throws {
        let result = try BuiltCommand.run(
            "eval", folder + "plain.pt", "--data", folder + "plain.npz", "--arch", "flatten,1,relu,3.0,leakyrelu(0.2),4")
        #expect(result.status == 1 && result.errors.split(separator: "\n").count == 1)
        #expect(
            result.errors.contains("contradicts the architecture that the file holds, expected 'tanh', found 'relu'"), "\(result.errors)")
    }

    /// The shape of a sample changes nothing that a file of modules says.
    @Test func theShapeOfSamplesContradictsNothing() throws {
        let losses = try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: URL(fileURLWithPath: folder + "losses.json")))
        let result = try BuiltCommand.run(
            "eval", folder + "plain.pt", "--data", folder + "plain.npz", "--arch", "input(2x3),flatten,1,tanh,3.0,leakyrelu(0.2),4",
            "--format", "tsv", "--quiet")
        let rows = result.rows
        let column = try #require(rows.first?.firstIndex(of: "loss"), "\(result.errors)")
        #expect(abs(try #require(Double(rows[1][column])) - (try #require(losses["plain"]))) < 1e-5)
    }

    @Test func aModelThatReproducesItsInputHasNoClasses() throws {
        let result = try BuiltCommand.run("eval", folder + "autoencoder.pt", "--data", folder + "autoencoder.npz")
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.contains("10 outputs, labels up to 2"), "\(result.errors)")
    }
}
