import Foundation
import TestSupport
import Testing

/// Classes are called what the model's id2label or the labels of the data call them; numbers stand beside the names.
@Suite struct ClassNameCommandTests {
    private static let model = Fixtures.path("texts/classifier")
    private static let data = Fixtures.path("texts/sentences.csv")
    /// Those of the model's config.json.
    private static let names = ["negative", "neutral", "positive"]

    private static func run(_ arguments: [String]) throws -> CommandResult {
        let result = try BuiltCommand.run(arguments + ["--quiet"])
        try #require(result.status == 0, "\(result.errors)")
        return result
    }

    private static func object(_ arguments: [String]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: run(arguments + ["--format", "json"]).output) as? [String: Any])
    }

    /// The labels and names of a list of classes.
    private static func names(_ list: Any?) throws -> [String] {
        try #require(list as? [[String: Any]]).map { "\($0["label"] ?? "") \($0["name"] ?? "")" }
    }

    @Test func evalNamesTheClasses() throws {
        let arguments = ["eval", Self.model, "--data", Self.data]
        let checkpoints = try #require(try Self.object(arguments)["checkpoints"] as? [[String: Any]])
        #expect(try Self.names(checkpoints[0]["classes"]) == ["0 negative", "1 neutral", "2 positive"])
        let rows = try Self.run(arguments + ["--format", "tsv"]).rows
        let (label, name) = (try #require(rows[0].firstIndex(of: "label")), try #require(rows[0].firstIndex(of: "name")))
        #expect(rows.dropFirst().map { "\($0[label]) \($0[name])" } == ["all -", "0 negative", "1 neutral", "2 positive"])
        #expect(try Self.run(arguments).text.contains("label  name      count"))
        try TemporaryFolder.with { folder in
            // A picture of the table is that of the result.
            let table = folder + "/eval.tsv"
            _ = try Self.run(arguments + ["--format", "tsv", "-o", table])
            for svg in [try Self.run(arguments + ["--format", "svg"]).text, try Self.run(["plot", table]).text] {
                for (name, count) in zip(Self.names, [2, 2, 3]) {
                    #expect(svg.contains(">\(name) (n = \(count))</text>") && svg.contains("data-category=\"\(name) (n = \(count))\""))
                }
            }
        }
    }

    @Test func ablateNamesTheClasses() throws {
        try TemporaryFolder.with { folder in
            let clusters = folder + "/c.tsv"
            _ = try Self.run(["cluster", Self.model, "-k", "2", "-o", clusters])
            let arguments = ["ablate", Self.model, "--data", Self.data, "--clusters", clusters]
            let document = try Self.object(arguments)
            #expect(try Self.names((document["intact"] as? [String: Any])?["classes"]) == ["0 negative", "1 neutral", "2 positive"])
            let header = try #require(try Self.run(arguments + ["--format", "tsv"]).rows.first)
            #expect(header.filter { $0.hasPrefix("accuracy_") } == Self.names.map { "accuracy_\($0)" })
            #expect(try Self.run(arguments).text.contains("intervention  cluster  negative  neutral  positive"))
            let svg = try Self.run(arguments + ["--format", "svg"]).text
            #expect(Self.names.allSatisfy { svg.contains("data-column=\"\($0)\"") })
        }
    }

    @Test func recordTakesLabelsThatTheModelDoesNotScore() throws {
        // A model of masked tokens has no classes: the labels only tell the texts apart.
        let data = Fixtures.path("texts/topics.jsonl")
        let result = try BuiltCommand.run(
            "record", Fixtures.path("texts/masked"), "--data", data, "--by", "class", "--sites", "blocks.0.mlp.hook_post", "--format", "tsv"
        )
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.contains("the labels are numbered in sorted order: 'food' is 0"), "\(result.errors)")
        let labels = try String(contentsOfFile: data, encoding: .utf8).components(separatedBy: "\"label\": \"").dropFirst().map { text in
            String(text.prefix { $0 != "\"" })
        }
        let expected = Set(labels).sorted().enumerated().map { "\($0) \($1)" }
        let (label, name) = (result.rows[0].firstIndex(of: "label") ?? 0, result.rows[0].firstIndex(of: "name") ?? 0)
        #expect(result.rows.dropFirst().map { "\($0[label]) \($0[name])" } == expected)
    }

    @Test func listsBetweenCommasAreLists() throws {
        try TemporaryFolder.with { folder in
            let mlp = Fixtures.path("models/mnist-mlp.pt")
            let images = Fixtures.path("models/mnist-mlp.npz")
            /// The weights after a step.
            func tuned(_ options: [String]) throws -> String {
                let out = folder + "/out.safetensors"
                _ = try Self.run(["finetune", mlp, "-o", out, "--force", "--data", images, "--steps", "1"] + options)
                return try Self.run(["graph", out, "--layers", "all"]).text
            }
            let one = try tuned(["--only", "fc1.weight", "--only", "fc2.*"])
            #expect(try tuned(["--only", "fc1.weight,fc2.*"]) == one)
            #expect(try tuned(["--freeze", "fc3.*,fc4.*,fc1.bias"]) == one)
            #expect(try tuned(["--only", "fc1.weight"]) != one)
            let arguments = [
                "circuit", mlp, "--data", images, "--method", "prune", "--layers", "fc4.weight", "--limit", "50", "--format", "tsv",
            ]
            #expect(
                try Self.run(arguments + ["--label", "1,3"]).text == Self.run(arguments + ["--label", "1", "--label", "3"]).text)
            let wrong = try BuiltCommand.run(arguments + ["--label", "1,x"])
            #expect(wrong.status == 64 && wrong.errors.contains("whole numbers between commas, found '1,x'"), "\(wrong.errors)")
            let empty = try BuiltCommand.run("finetune", mlp, "-o", folder + "/x", "--data", images, "--only", "fc1.weight,")
            #expect(empty.status == 64 && empty.errors.contains("--only has an empty pattern"), "\(empty.errors)")
        }
    }
}
