import Foundation
import TestSupport
import Testing

/// `plot`, and the pictures of subcommands: one route, the same bytes.
@Suite struct PlotCommandTests {
    private static let model = Fixtures.path("models/mnist-mlp.pt")
    private static let data = Fixtures.path("models/mnist-mlp.npz")
    private static let clusters = Fixtures.path("models/mnist-mlp.clusters.tsv")
    private static let induction = Fixtures.path("models/induction.safetensors")
    private static let pairs = Fixtures.path("models/induction.pairs.json")

    private static let commands: [[String]] = [
        ["score", "-k", "2-4", "--null", "5", Fixtures.path("mlp.tar")],
        ["compare", Fixtures.path("mlp.tar"), Fixtures.path("mlp-tuned.safetensors")],
        ["compare", Fixtures.path("mlp.planted.tsv"), Fixtures.path("mlp.clusters.tsv")],
        ["eval", model, "--data", data],
        ["ablate", model, "--data", data, "--clusters", clusters, "--control", "2"],
        ["patch", model, "--pairs", "by-class", "--data", data, "--limit", "20", "--clusters", clusters],
        ["patch", induction, "--data", pairs, "--by", "position"],
        ["circuit", induction, "--method", "exact", "--data", pairs],
        ["circuit", induction, "--method", "acdc", "--data", pairs],
        ["circuit", model, "--method", "prune", "--data", data, "--limit", "60", "--label", "0", "--label", "1", "--tolerance", "0.2"],
        ["circuit", "--compare", Fixtures.path("plots/prune.json")],
    ]

    @Test(arguments: commands) func bothRoutesGiveTheSameBytesForAnyNumberOfThreads(arguments: [String]) throws {
        let threads = arguments.contains("--compare") ? [] : ["--threads", "2"]
        let direct = try BuiltCommand.run(arguments + ["--format", "svg", "--quiet"] + (threads.isEmpty ? [] : ["--threads", "1"]))
        #expect(direct.status == 0, "\(direct.errors)")
        #expect(direct.text.hasPrefix("<?xml") && direct.text.hasSuffix("</svg>\n"))
        for format in ["json", "jsonl"] {
            // A line of jsonl has neither dependence nor a ladder.
            if format == "jsonl", ["ablate", "circuit"].contains(arguments[0]) { continue }
            let result = try BuiltCommand.run(arguments + ["--format", format, "--quiet"] + threads)
            let drawn = try BuiltCommand.run(["plot", "-"], input: result.output)
            #expect(drawn.status == 0, "\(drawn.errors)")
            #expect(drawn.output == direct.output, "\(format)")
        }
    }

    @Test func aDirectoryTakesEachPictureInAFile() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run(["plot", Fixtures.path("plots/ablate.json"), "-o", folder + "/new/"])
            #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
            let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/new").sorted()
            #expect(
                names == ["ablate-classes-fc2-weight.svg", "ablate-classes-fc3-weight.svg", "ablate-clusters.svg", "ablate-dependence.svg"])
            // An existing directory is used too, and files of the same name are replaced.
            let again = try BuiltCommand.run([
                "plot", Fixtures.path("plots/ablate.json"), Fixtures.path("plots/eval.json"), "-o", folder + "/new",
            ])
            #expect(again.status == 0, "\(again.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/new").count == 5)
        }
    }

    @Test func anOutputIsNoInput() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/score.svg"
            try FileManager.default.copyItem(atPath: Fixtures.path("plots/score.json"), toPath: path)
            let file = try BuiltCommand.run(["plot", path, "-o", path])
            #expect(file.status == 64)
            #expect(file.errors.contains("--output would overwrite the result"))
            let directory = try BuiltCommand.run(["plot", path, "-o", folder])
            #expect(directory.status == 64)
            #expect(directory.errors.contains("--output would overwrite the result"))
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: path))
                    == Data(contentsOf: URL(fileURLWithPath: Fixtures.path("plots/score.json"))))
        }
    }

    @Test func severalFilesOfScoresBecomeOnePicture() throws {
        let one = try BuiltCommand.run(["plot", Fixtures.path("plots/score-sweep.json"), Fixtures.path("plots/score-two.json")])
        #expect(one.status == 0, "\(one.errors)")
        #expect(one.text.components(separatedBy: "data-figure").count == 1)
        let two = try BuiltCommand.run(["plot", Fixtures.path("plots/cluster.json"), Fixtures.path("plots/eval.json")])
        #expect(two.text.components(separatedBy: "data-figure").count == 3)
    }

    @Test func aFileThatFailsDoesNotKeepTheOthersFromBeingDrawn() throws {
        let result = try BuiltCommand.run(["plot", Fixtures.path("mlp.npz"), Fixtures.path("plots/eval.json"), "/no/such.json"])
        #expect(result.status == 1)
        #expect(result.text.hasPrefix("<?xml"))
        #expect(result.errors.split(separator: "\n").count == 2, "\(result.errors)")
    }

    @Test func aResultWithoutAPictureIsOneLine() throws {
        let info = try BuiltCommand.run(["info", "--format", "json", Fixtures.path("mlp.tar")])
        let result = try BuiltCommand.run(["plot", "-"], input: info.output)
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(
            result.errors == """
                modinspect: standard input: has no picture, expected a result of score, cluster, ablate, patch, circuit, compare, eval or audit, \
                or the log of finetune, found schema 'modinspect.info/2'

                """)
    }

    @Test func aLogThatIsCutIsDrawnAndAWarningSaysSo() throws {
        let log = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("plots/log.jsonl")))
        let result = try BuiltCommand.run(["plot", "-"], input: log.prefix(1500))
        #expect(result.status == 0)
        #expect(result.errors.contains("modinspect: warning: standard input: line "), "\(result.errors)")
        #expect(result.text.contains("is cut short and left out"))
    }

    @Test(arguments: ["info"]) func formatsWithoutPicturesAreWrongUsage(command: String) throws {
        let result = try BuiltCommand.run([command, Fixtures.path("mlp.tar"), "--format", "svg"])
        #expect(result.status == 64 && result.output.isEmpty)
    }

    @Test func picturesOfRowsAreWrongUsage() throws {
        let model = [Self.model, "--data", Self.data]
        for options in [
            ["ablate"] + model + ["--clusters", Self.clusters, "--per-sample"],
            ["ablate"] + model + ["--clusters", Self.clusters, "--dependence"],
        ] {
            #expect(try BuiltCommand.run(options + ["--format", "svg"]).status == 64)
        }
    }

    @Test func otherFormatsDoNotGoIntoADirectory() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run(["score", Fixtures.path("mlp.tar"), "--format", "json", "-o", folder])
            #expect(result.status == 1)
            #expect(result.errors.contains("is a directory"))
        }
    }
}
