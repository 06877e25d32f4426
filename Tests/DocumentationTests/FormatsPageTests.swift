import Auditing
import Checkpoints
import Foundation
import TestSupport
import Testing

/// Compares the keys of every json result with those that `modinspect-formats.5` lists.
@Suite struct FormatsPageTests {
    /// The keys below a value: members after dots, `[]` for the elements of an array of objects.
    private static func keys(_ value: Any, _ path: String = "") -> Set<String> {
        if let object = value as? [String: Any] {
            return object.reduce(into: []) { found, member in
                let inner = path.isEmpty ? member.key : path + "." + member.key
                found.insert(inner)
                found.formUnion(keys(member.value, inner))
            }
        }
        if let array = value as? [Any] { return array.reduce(into: []) { $0.formUnion(keys($1, path + "[]")) } }
        return []
    }

    /// The keys that the page lists for a schema.
    private static func listed(_ schema: String) throws -> Set<String> {
        let lines = try Document("man/modinspect-formats.5").lines
        let start = try #require(lines.firstIndex(of: ".Ss " + schema))
        let section = lines[(start + 1)...].prefix { !$0.hasPrefix(".Ss ") && !$0.hasPrefix(".Sh ") }
        return Set(section.filter { $0.hasPrefix(".It Li ") }.map { String($0.dropFirst(7)) })
    }

    /// Expects the keys that were found to be those that the page lists, and names those that are not.
    private static func expectListed(_ found: Set<String>, _ listed: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) {
        let (missing, gone) = (found.subtracting(listed).sorted(), listed.subtracting(found).sorted())
        #expect(missing.isEmpty, "not on the page: \(missing)", sourceLocation: sourceLocation)
        #expect(gone.isEmpty, "on the page, but not in the result: \(gone)", sourceLocation: sourceLocation)
    }

    private static func json(_ data: Data) throws -> Any { try JSONSerialization.jsonObject(with: data) }

    private static func gradient(_ command: String) -> [String] {
        [command, "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--method", "gradient", "--data", Fixtures.path("models/mnist-mlp.npz")]
    }

    private static func merged(_ command: String) -> [String] {
        [command, "--quiet", Fixtures.path("adapters/patterns"), "--base", Fixtures.path("transformers/llama")]
    }

    private static let runs: [(schema: String, arguments: [[String]])] = [
        (
            "modinspect.info/2",
            [
                [
                    "info", Fixtures.path("mlp.tar"), Fixtures.path("unreadable/sidecars.pt"),
                    Fixtures.path("unreadable/types.safetensors"), Fixtures.path("training.pth"),
                    Fixtures.path("unreadable/buried-legacy.pt"),
                    "absent",
                ], merged("info"),
            ]
        ),
        ("modinspect.cluster/1", [["cluster", Fixtures.path("mlp.tar")], gradient("cluster")]),
        ("modinspect.score/2", [["score", Fixtures.path("mlp.tar"), "absent", "--null", "2"], gradient("score"), merged("score")]),
        (
            "modinspect.compare/2",
            [
                ["compare", Fixtures.path("mlp.tar"), Fixtures.path("mlp-tuned.safetensors"), "--layers", "all"],
                ["compare", Fixtures.path("mlp.planted.tsv"), Fixtures.path("mlp.clusters.tsv")],
                ["compare", Fixtures.path("mlp.planted.tsv"), "absent"],
            ]
        ),
        (
            "modinspect.series/1",
            [
                ["compare", "-q"] + ["mlp.tar", "mlp-tuned.safetensors", "cnn.pt", "models/modular.pt"].map(Fixtures.path) + ["absent"],
                ["compare", "-q", Fixtures.path("mlp.planted.tsv"), Fixtures.path("mlp.clusters.tsv"), Fixtures.path("mlp.planted.tsv")],
            ]
        ),
        (
            "modinspect.eval/1",
            [
                ["eval", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "absent", "--data", Fixtures.path("models/mnist-mlp.npz")],
                merged("eval") + ["--data", Fixtures.path("adapters/tokens.npy")],
                ["eval", "--quiet", Fixtures.path("transformers/mixtral"), "--data", "modadd:5"],
            ]
        ),
        (
            "modinspect.ablate/2",
            [
                [
                    "ablate", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"),
                    "--clusters",
                    Fixtures.path("models/mnist-mlp.clusters.tsv"), "--control", "2",
                ]
            ]
        ),
        (
            "modinspect.circuit/1",
            [
                [
                    "circuit", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--method", "prune", "--data",
                    Fixtures.path("models/mnist-mlp.npz"), "--layers", "fc4.weight", "--label", "1", "--bootstrap", "1",
                ]
            ]
        ),
        (
            "modinspect.circuit-overlap/2",
            [["circuit", "--compare", Fixtures.path("circuits/hand.jsonl"), Fixtures.path("circuits/masks.npz"), "absent"]]
        ),
        (
            "modinspect.patch/1",
            [
                [
                    "patch", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"), "--pairs",
                    "by-class",
                    "--limit", "20", "--metric", "kl", "--metric", "prob",
                ]
            ]
        ),
        (
            "modinspect.means/1",
            [
                [
                    "record", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"), "--by",
                    "class",
                    "--clusters", Fixtures.path("models/mnist-mlp.clusters.tsv"),
                ]
            ]
        ),
        (
            "modinspect.tokens/1",
            [
                ["tokens", Fixtures.path("tokenizers/gpt2.json"), "some text"],
                ["tokens", Fixtures.path("tokenizers/gpt2.json"), "--quiet", "--pairs", Fixtures.path("data/pairs.json")],
            ]
        ),
        (
            "modinspect.edges/1",
            [
                [
                    "circuit", "--quiet", Fixtures.path("models/induction.safetensors"), "--method", "eap-ig", "--data",
                    Fixtures.path("models/induction.pairs.json"), "--bootstrap", "2", "--control", "2",
                ],
                [
                    "circuit", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--method", "eap", "--data",
                    Fixtures.path("models/mnist-mlp.npz"),
                    "--pairs", "by-class", "--limit", "20", "--edges", "2000",
                ],
                // Heads that share keys.
                [
                    "circuit", "--quiet", Fixtures.path("transformers/llama"), "--method", "eap", "--data",
                    Fixtures.path("plots/tokens.pairs.json"), "--edges", "24",
                ],
            ]
        ),
    ]

    @Test(arguments: runs) func theKeysOfJSONAreThoseOfThePage(schema: String, arguments: [[String]]) throws {
        var found: Set<String> = []
        for run in arguments {
            let result = try BuiltCommand.run(run + ["--format", "json"])
            let document = try Self.json(result.output)
            #expect((document as? [String: Any])?["schema"] as? String == schema)
            found.formUnion(Self.keys(document))
        }
        // The page says of a mean that it has the keys of a layer, whose lists it may leave out.
        var means: Set<String> = []
        for results in ["checkpoints[].results[].", ""] {
            let mean = found.filter { $0.hasPrefix(results + "mean.") }
            guard !mean.isEmpty else { continue }
            let layers = found.filter { $0.hasPrefix(results + "layers[].") }.map { $0.dropFirst((results + "layers[].").count) }
            let own = mean.map { $0.dropFirst((results + "mean.").count) }.filter { !$0.contains("[].") }
            Self.expectListed(Set(own.map(String.init)), Set(layers.filter { !$0.contains("[].") }.map(String.init)))
            means.formUnion(mean)
        }
        // Objects without a line of their own are named by their members' lines.
        let named = try Self.listed(schema)
        let parents = Set(found.filter { key in named.contains { $0.hasPrefix(key + ".") } })
        Self.expectListed(found.subtracting(means).subtracting(parents), named.subtracting(parents))
    }

    @Test func theKeysOfARecordingAreThoseOfThePage() throws {
        try TemporaryFolder.with { folder in
            let result = try BuiltCommand.run(
                "record", "--quiet", Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"), "--sites",
                "neurons",
                "-o", folder + "/out")
            #expect(result.status == 0, "\(result.errors)")
            let note = try Data(contentsOf: URL(fileURLWithPath: folder + "/out/record.json"))
            let (found, named) = (Self.keys(try Self.json(note)), try Self.listed("modinspect.record/1"))
            let parents = found.filter { key in named.contains { $0.hasPrefix(key + ".") } }
            Self.expectListed(found.subtracting(parents), named.subtracting(parents))
        }
    }

    @Test func theKeysOfAnAuditAreThoseOfThePage() throws {
        var found: Set<String> = []
        let settings = AuditSettings(version: "1", nullSamples: 2)
        for name in ["mlp.tar", "audit/findings.safetensors", "absent"] {
            let checkpoint = FoundCheckpoint(path: Fixtures.path(name), name: name, files: [])
            let line = try #require(AuditRow.completed([Examination.row(of: checkpoint, settings: settings)]).first).line
            found.formUnion(Self.keys(try Self.json(Data(line))))
        }
        let means = found.filter { $0.hasPrefix("results[].mean.") }
        #expect(
            means.map { $0.dropFirst(15) }.sorted()
                == found.filter { $0.hasPrefix("results[].layers[].") }.map { $0.dropFirst(19) }.sorted())
        let line = Data("{\"settings\":\(settings.identity)}".utf8)
        // What the file says of itself beside the row.
        found.formUnion(Self.keys(try Self.json(line)).union(["shard", "finished"]))
        Self.expectListed(found.subtracting(means), try Self.listed(AuditRow.schema))
        let lines = try Document("man/modinspect-formats.5").lines
        for kind in Finding.Kind.allCases {
            let start = try #require(lines.firstIndex(of: ".It Cm \(kind.rawValue)"), "\(kind.rawValue)")
            let words = lines[(start + 1)...].prefix { !$0.hasPrefix(".") }.joined(separator: " ")
            #expect(words == kind.documentation)
        }
    }

    @Test(arguments: runs) func theKeysOfJSONLinesAreListed(schema: String, arguments: [[String]]) throws {
        let names = try Self.listed(schema).reduce(into: Set(["checkpoint"])) { names, path in
            names.insert(String(path.split(separator: ".").last ?? "").replacingOccurrences(of: "[]", with: ""))
        }
        var missing: Set<String> = []
        for run in arguments {
            for line in try BuiltCommand.run(run + ["--format", "jsonl"]).text.split(separator: "\n") {
                let value = try Self.json(Data(line.utf8))
                #expect((value as? [String: Any])?["schema"] as? String == schema)
                missing.formUnion(
                    Self.keys(value).filter {
                        !names.contains(($0.split(separator: ".").last ?? "").replacingOccurrences(of: "[]", with: ""))
                    })
            }
        }
        #expect(missing.isEmpty, "not on the page: \(missing.sorted())")
    }

    @Test func theKeysOfARunsLogAreThoseOfThePage() throws {
        let data = Fixtures.path("models/mnist-mlp.npz")
        let log = try TemporaryFolder.with { folder in
            try BuiltCommand.run(
                "finetune", Fixtures.path("models/mnist-mlp.pt"), "-o", folder + "/m", "--quiet", "--data", data, "--steps", "2", "--eval",
                data, "--guard",
                data, "--log", "-")
        }
        let lines = try log.text.split(separator: "\n").map { Self.keys(try Self.json(Data($0.utf8))) }
        let found = lines.reduce(into: Set<String>()) { $0.formUnion($1) }
        let listed = try Self.listed("modinspect.finetune/1")
        #expect(lines.count == 3)
        Self.expectListed(found.subtracting(["checkpoint", "evaluation", "guard"]), listed)
    }

    @Test func theKeysOfAGraphAreThoseOfThePage() throws {
        let clusters = ["graph", Fixtures.path("cnn.pt"), "--clusters", Fixtures.path("cnn.clusters.tsv"), "--quiet"]
        let lines = try BuiltCommand.run(clusters + ["--chain", "--format", "jsonl"]).text.split(separator: "\n")
        var found = Self.keys(try Self.json(Data(try #require(lines.first).utf8)))
        for line in lines.dropFirst() { found.formUnion(Self.keys(try Self.json(Data(line.utf8)))) }
        found.formUnion(Self.keys(try Self.json(BuiltCommand.run(clusters + ["--format", "json"]).output)))
        found.remove("checkpoint")
        found.formUnion(["nodes", "edges"])
        let listed = try Self.listed("modinspect.graph/1").filter { !$0.hasPrefix("LAYER/") }
        Self.expectListed(found, listed)
    }

    @Test func theArraysOfAGraphAreThoseOfThePage() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/graph.npz"
            let result = try BuiltCommand.run(
                "graph", Fixtures.path("cnn.pt"), "--clusters", Fixtures.path("cnn.clusters.tsv"), "--format", "npz", "-o", path)
            #expect(result.status == 0, "\(result.errors)")
            let names = try BuiltCommand.run("info", path, "--format", "tsv").rows.dropFirst().map { $0[1] }
            let arrays = Set(names.map { "LAYER/" + ($0.split(separator: "/").last ?? "") })
            Self.expectListed(arrays, try Self.listed("modinspect.graph/1").filter { $0.hasPrefix("LAYER/") })
        }
    }
}
