import Foundation
import TestSupport
import Testing

/// A checkpoint that `finetune` wrote brings its clusters with it, in each of its forms and to every command that takes clusters.
@Suite struct TrainedClustersTests {
    private static let model = Fixtures.path("models/mnist-mlp.pt")
    private static let images = Fixtures.path("models/mnist-mlp.npz")

    /// Trains for a step and calls `body` with what was written and the clusters as a file.
    private func trained(_ name: String, _ body: (String, String, String) throws -> Void) throws {
        try TemporaryFolder.with { folder in
            let out = folder + "/" + name
            let run = try BuiltCommand.run(
                "finetune", Self.model, "-o", out, "--data", Self.images, "--steps", "1", "--quiet", "--clusters",
                Fixtures.path("models/mnist-mlp.clusters.tsv"))
            try #require(run.status == 0, "\(run.errors)")
            try body(out, Fixtures.path("models/mnist-mlp.clusters.tsv"), folder)
        }
    }

    private static let commands: [[String]] = [
        ["score", model], ["ablate", model, "--data", images, "--limit", "50"],
        ["patch", model, "--data", images, "--pairs", "by-class", "--limit", "10"],
        ["circuit", model, "--data", images, "--pairs", "by-class", "--limit", "10", "--method", "eap", "--granularity", "cluster"],
        ["record", model, "--data", images, "--by", "cluster"], ["compare", model, model, "--layers", "fc2.weight"],
        ["graph", model, "--format", "svg"], ["graph", model, "--format", "graphml", "--top", "0.1"],
    ]

    @Test(arguments: ["out.tar", "out.safetensors", "out"]) func everyCommandTakesThem(name: String) throws {
        try trained(name) { out, file, folder in
            for command in Self.commands {
                let (found, expected) = (
                    try BuiltCommand.run(command + ["--quiet", "--clusters", out]),
                    try BuiltCommand.run(command + ["--quiet", "--clusters", file])
                )
                #expect(found.status == 0 && expected.status == 0, "\(command[0]): \(found.errors) \(expected.errors)")
                let text = found.text.replacingOccurrences(of: out, with: file)
                // A picture's layout depends on the length of the file's name.
                #expect(command.last == "svg" || text == expected.text, "\(command[0])")
            }
            for command in ["permute", "extract"] {
                let more = command == "extract" ? ["--cluster", "1"] : []
                let result = try BuiltCommand.run(
                    [command, Self.model, "--clusters", out, "-o", folder + "/\(command).tar", "--quiet"] + more)
                #expect(result.status == 0, "\(result.errors)")
            }
            let again = try BuiltCommand.run(
                "finetune", Self.model, "-o", folder + "/again.tar", "--data", Self.images, "--steps", "1", "--quiet", "--clusters", out)
            #expect(again.status == 0, "\(again.errors)")
        }
    }

    @Test func anArchiveOnStandardInputDoesToo() throws {
        try trained("out.tar") { out, _, _ in
            let result = try BuiltCommand.run(
                ["score", Self.model, "--clusters", "-", "--format", "tsv"], input: Data(contentsOf: URL(fileURLWithPath: out)))
            #expect(result.status == 0 && result.rows.count > 1, "\(result.errors)")
        }
    }

    @Test func aCheckpointWithoutClustersIsOneLine() throws {
        let result = try BuiltCommand.run("score", Self.model, "--clusters", Fixtures.path("mlp.tar"))
        #expect(result.status == 1 && result.errors.contains("stores no clusters, expected the tsv, json or jsonl"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1)
    }
}
