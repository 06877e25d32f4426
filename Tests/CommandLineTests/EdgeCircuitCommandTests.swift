import Foundation
import TestSupport
import Testing

/// `circuit` on edges, from the command line.
@Suite struct EdgeCircuitCommandTests {
    private static let induction = [
        "circuit", Fixtures.path("models/induction.safetensors"), "--data", Fixtures.path("models/induction.pairs.json"),
    ]
    private static let modular = [
        "circuit", Fixtures.path("models/modular.pt"), "--data", Fixtures.path("models/modular.npz"), "--pairs", "by-class", "--quiet",
    ]

    private static func document(_ arguments: [String]) throws -> [String: Any] {
        let result = try BuiltCommand.run(arguments + ["--format", "json"])
        #expect(result.status == 0, "\(result.errors)")
        return try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
    }

    @Test func theCircuitThatWasBuiltIsFoundInEveryFormat() throws {
        let built = ["a0.h0->a1.h0<k>", "a1.h0->logits", "input->a0.h0<v>", "input->a1.h0<q>", "input->a1.h0<v>"]
        let search = Self.induction + ["--method", "acdc", "--threshold", "0.05"]
        let document = try Self.document(search)
        let circuit = try #require((document["circuits"] as? [[String: Any]])?.first)
        let edges = try #require(circuit["edges"] as? [[String: Any]])
        #expect(edges.map { "\($0["source"] ?? "")->\($0["target"] ?? "")" }.sorted() == built)
        #expect(document["pairs"] as? Int == 6 && document["ablation"] as? String == "corrupted" && document["moving"] as? Int == 5)
        #expect((document["scores"] as? [Any])?.count == 52)

        let rows = try BuiltCommand.run(search + ["--format", "tsv"]).rows
        #expect(rows[0] == ["edge", "source", "target", "score", "kept", "returned"] && rows.count == 53)
        #expect(rows.filter { $0[4] == "1" }.map { $0[0] }.sorted() == built)
        let kept = try BuiltCommand.run(search + ["--kept"]).rows
        #expect(kept.dropFirst().map { $0[0] }.sorted() == built)
        let dot = try BuiltCommand.run(search + ["--format", "dot"]).text
        #expect(dot.hasPrefix("digraph circuit {") && dot.hasSuffix("}\n"))
        #expect(dot.contains("\"a0.h0\" -> \"a1.h0\" [color=\"#00815f\", label=\" k\""))
        #expect(dot.components(separatedBy: " -> ").count == 6)
        let text = try BuiltCommand.run(search).text
        #expect(text.contains("circuit   5 edges, size 0.0962, faithfulness 1.0000, divergence 0.0000"))
    }

    @Test func theResultIsTheSameForAnyThreadsAndBatches() throws {
        for method in [["acdc"], ["exact", "--bootstrap", "3", "--edges", "5"], ["eap-ig", "--selection", "greedy"]] {
            let results = try ["1", "3"].map {
                try BuiltCommand.run(Self.induction + ["--format", "tsv", "--threads", $0, "--method"] + method)
            }
            #expect(results[0].status == 0 && results[0].output == results[1].output && !results[0].output.isEmpty)
            let small = try BuiltCommand.run(Self.induction + ["--format", "tsv", "--batch", "2", "--method"] + method).rows
            #expect(small.map { [$0[0], $0[4]] } == results[0].rows.map { [$0[0], $0[4]] })
        }
    }

    @Test func randomCircuitsAreRunWhereTheyAreAskedFor() throws {
        let search = Self.induction + ["--method", "exact", "--edges", "5"]
        let document = try Self.document(search + ["--control", "7"])
        let circuit = try #require((document["circuits"] as? [[String: Any]])?.first)
        let random = try #require(circuit["random"] as? [String: Any])
        let faithfulness = try #require(random["faithfulness"] as? [String: Any])
        #expect(random["circuits"] as? Int == 7 && faithfulness["sd"] is Double)
        // Five edges alone carry the behaviour, and seven random fives do not have them: p is 1 / 8.
        #expect(random["p"] as? Double == 0.125 && (faithfulness["mean"] as? Double ?? 1) < 0.5)
        let ladder = try #require(document["ladder"] as? [[String: Any]])
        let last = try #require(ladder.last?["random"] as? [String: Any])
        #expect(abs(((last["faithfulness"] as? [String: Any])?["mean"] as? Double ?? 0) - 1) < 1e-5 && last["p"] as? Double == 1)
        let texts = try ["1", "2"].map { try BuiltCommand.run(search + ["--control", "7", "--threads", $0]).text }
        #expect(texts[0] == texts[1] && texts[0].contains("random    7 circuits of as many edges, faithfulness "))
        let without = try Self.document(search)
        #expect(((without["circuits"] as? [[String: Any]])?.first)?["random"] is NSNull)
    }

    @Test func headsThatShareKeysAreNamedAndJoined() throws {
        let data = Fixtures.path("plots/tokens.pairs.json")
        let search = ["circuit", Fixtures.path("transformers/llama"), "--data", data, "--method", "eap", "--edges", "24", "--quiet"]
        let links = try #require(try Self.document(search)["links"] as? [[String: Any]])
        // Two heads share one of keys and values in each of two blocks.
        #expect(links.map { $0["node"] as? String } == ["a0.kv0", "a1.kv0"])
        #expect(links.map { $0["writes"] as? [String] } == [["a0.h0", "a0.h1"], ["a1.h0", "a1.h1"]])
        let picture = try BuiltCommand.run(search + ["--format", "svg"]).text
        let dot = try BuiltCommand.run(search + ["--format", "dot"]).text
        let dotted = dot.components(separatedBy: "style=dotted").count - 1
        #expect(dotted > 0 && picture.components(separatedBy: "data-kind=\"link\"").count - 1 == dotted)
        #expect(try Self.document(Self.induction + ["--method", "exact", "--edges", "5"])["links"] as? [String] == [])
    }

    @Test func classesAreAnsweredAsEvalSays() throws {
        let (model, data) = (Fixtures.path("models/mnist-mlp.pt"), Fixtures.path("models/mnist-mlp.npz"))
        let document = try Self.document([
            "circuit", model, "--data", data, "--pairs", "by-class", "--quiet", "--method", "eap", "--edges", "1056",
        ])
        let circuit = try #require((document["circuits"] as? [[String: Any]])?.first)
        let classes = try #require(document["classes"] as? [[String: Any]])
        let rows = try BuiltCommand.run("eval", model, "--data", data, "--quiet", "--format", "tsv").rows.dropFirst(2)
        #expect(classes.map { "\($0["label"] ?? "") \($0["pairs"] ?? "")" } == rows.map { "\($0[1]) \($0[2])" } && classes.count == 10)
        for (found, row) in zip(classes, rows) { #expect(abs((found["cleanAccuracy"] as? Double ?? -1) - (Double(row[4]) ?? 1)) < 1e-12) }
        let right = classes.map { ($0["pairs"] as? Double ?? 0) * ($0["circuitAccuracy"] as? Double ?? 0) }.reduce(0, +)
        #expect(abs(right / 300 - (circuit["accuracy"] as? Double ?? -1)) < 1e-12 && right > 100 && right < 300)
        #expect(abs((circuit["effectiveSize"] as? Double ?? 0) * 2112 - (circuit["size"] as? Double ?? -1)) < 1e-9)
        // Prompts have no classes.
        #expect(try Self.document(Self.induction + ["--method", "eap", "--edges", "5", "--quiet"])["classes"] is NSNull)
    }

    @Test(arguments: ["acdc", "eap", "eap-ig", "exact"]) func weightsThatAreNoNumbersAreNamed(method: String) throws {
        try TemporaryFolder.with { folder in
            var bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("models/induction.safetensors")))
            // The last element of the last tensor, the unembedding, in half precision.
            bytes.replaceSubrange(bytes.count - 2..<bytes.count, with: [0x00, 0x7E])
            try bytes.write(to: URL(fileURLWithPath: folder + "/nan.safetensors"))
            let result = try BuiltCommand.run(
                "circuit", folder + "/nan.safetensors", "--data", Fixtures.path("models/induction.pairs.json"), "--method", method)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(
                result.errors.contains("of the clean run is not a number: weights, data or activations are not finite"), "\(result.errors)")
            let patch = try BuiltCommand.run(
                "patch", folder + "/nan.safetensors", "--data", Fixtures.path("models/induction.pairs.json"), "--metric", "kl", "--sites",
                "heads")
            #expect(patch.errors.contains("kl is not a number") && patch.text.contains("clean nan, corrupted nan\n"))
        }
    }

    /// Every edge of the constructed circuit helps, whatever the metric and the method.
    @Test(arguments: [("acdc", "kl"), ("acdc", "prob"), ("exact", "prob"), ("exact", "loss"), ("exact", "kl")])
    func edgesThatHelpAreDrawnThrough(method: String, metric: String) throws {
        let size = method == "acdc" ? ["--threshold", "0.05"] : ["--edges", "5"]
        let result = try BuiltCommand.run(Self.induction + ["--method", method, "--metric", metric, "--format", "dot", "--quiet"] + size)
        #expect(result.status == 0 && result.text.contains("->") && !result.text.contains("dashed"), "\(result.text)")
    }

    @Test func pairsThatAreTheSameMoveNothing() throws {
        try TemporaryFolder.with { folder in
            let prompts = #"{"prompts": [{"clean": [1, 2, 3], "corrupt": [1, 2, 3], "answers": [6], "wrong_answers": [7]}]}"#
            try prompts.write(toFile: folder + "/same.json", atomically: true, encoding: .utf8)
            let search = ["circuit", Fixtures.path("transformers/gpt2"), "--data", folder + "/same.json", "--method", "exact"]
            let document = try Self.document(search + ["--edges", "3"])
            #expect(document["moving"] as? Int == 0)
            #expect((document["scores"] as? [[String: Any]] ?? []).allSatisfy { $0["score"] as? Double == 0 })
            let wanted = try BuiltCommand.run(search)
            #expect(
                wanted.status == 1 && wanted.errors.contains("the metric does not move between the clean and the corrupted runs"),
                "\(wanted.errors)")
        }
    }

    @Test func anEmptyCircuitIsSaid() throws {
        let result = try BuiltCommand.run(Self.induction + ["--method", "exact", "--edges", "1"])
        #expect(
            result.status == 0 && result.errors.contains("the circuit is empty: the selected edges (1 edge) lead nowhere"),
            "\(result.errors)"
        )
    }

    /// `cluster` selects the second of a llama's two input matrices; both have the neurons of the MLP.
    @Test(arguments: ["up_proj", "gate_proj"]) func clustersOfAGatedMLPAreNodes(matrix: String) throws {
        let model = Fixtures.path("transformers/llama")
        try TemporaryFolder.with { folder in
            let prompts = #"{"prompts": [{"clean": [1, 2, 3], "corrupt": [4, 5, 3], "answers": [6], "wrong_answers": [7]}]}"#
            try prompts.write(toFile: folder + "/p.json", atomically: true, encoding: .utf8)
            let options = matrix == "up_proj" ? [] : ["--layers", "*gate_proj*"]
            let clusters = try BuiltCommand.run(["cluster", model, "-k", "3", "--quiet", "-o", folder + "/c.tsv"] + options)
            let text = try String(contentsOfFile: folder + "/c.tsv", encoding: .utf8)
            #expect(clusters.status == 0 && text.contains(matrix))
            let search = ["circuit", model, "--data", folder + "/p.json", "--method", "eap", "--edges", "5", "--quiet"]
            let found = try Self.document(search + ["--granularity", "cluster", "--clusters", folder + "/c.tsv"])
            let whole = try Self.document(search)
            // Two blocks have three nodes instead of one each.
            #expect(found["sources"] as? Int == (whole["sources"] as? Int ?? 0) + 4)
            let names = Set((found["scores"] as? [[String: Any]] ?? []).compactMap { $0["target"] as? String })
            #expect(names.isSuperset(of: ["m0.c0", "m0.c2", "m1.c1"]) && !names.contains("m0"))
            // Queries are divided by head in any case.
            #expect(
                try BuiltCommand.run("cluster", model, "-k", "2", "--quiet", "--layers", "*q_proj*", "-o", folder + "/q.tsv").status == 0)
            let none = try BuiltCommand.run(search + ["--granularity", "cluster", "--clusters", folder + "/q.tsv"])
            #expect(
                none.status == 1 && none.errors.contains("none of the layers with clusters can be divided into nodes"), "\(none.errors)")
        }
    }

    @Test func circuitsOfEdgesAreCompared() throws {
        try TemporaryFolder.with { folder in
            for (name, ablation) in [("a", "corrupted"), ("b", "zero")] {
                let result = try BuiltCommand.run(
                    Self.induction + [
                        "--method", "acdc", "--ablation", ablation, "--threshold", "0.05", "--format", "json", "-o",
                        "\(folder)/\(name).json",
                    ])
                #expect(result.status == 0)
            }
            let rows = try BuiltCommand.run("circuit", "--compare", folder + "/a.json", folder + "/b.json", "--format", "tsv").rows
            // Five edges of the one are among the seven of the other.
            let ratio = try #require(Double(rows[1][6]))
            #expect(abs(ratio - 5.0 / 7) < 1e-9)
            let json = try BuiltCommand.run("circuit", "--compare", folder + "/a.json", folder + "/b.json", "--format", "json")
            let files = try #require((try JSONSerialization.jsonObject(with: json.output) as? [String: Any])?["files"] as? [[String: Any]])
            #expect(files.map { (($0["meanSize"] as? Double ?? 0) * 52).rounded() } == [5, 7])

            let other = try BuiltCommand.run(
                Self.modular + ["--method", "eap", "--edges", "5", "--format", "json", "-o", folder + "/c.json"])
            #expect(other.status == 0)
            let mixed = try BuiltCommand.run("circuit", "--compare", folder + "/a.json", folder + "/c.json")
            #expect(mixed.status == 1 && mixed.output.isEmpty)
            #expect(
                mixed.errors.contains("c.json: holds circuits of another graph than \(folder)/a.json, expected 52 edges"), "\(mixed.errors)"
            )
        }
    }

    @Test func neuronsAndClustersAreNodes() throws {
        let neurons = try BuiltCommand.run(Self.modular + ["--method", "eap", "--threshold", "1e-6", "--kept"]).rows.dropFirst()
        #expect(neurons.count >= 20)
        // The odd neurons are the other network's.
        for odd in ["n1", "n3", "n5", "n7"] { #expect(!neurons.contains { $0[1].hasSuffix(odd) || $0[2].hasSuffix(odd) }) }
        try TemporaryFolder.with { folder in
            var text = "layer\tside\tindex\tcluster\n"
            for (layer, inputs) in [("fc1.weight", 10), ("fc2.weight", 8)] {
                for index in 0..<8 { text += "\(layer)\tout\t\(index)\t\(index % 2)\n" }
                for index in 0..<inputs { text += "\(layer)\tin\t\(index)\t\(index % 2)\n" }
            }
            try text.write(toFile: folder + "/halves.tsv", atomically: true, encoding: .utf8)
            let found = try BuiltCommand.run(
                Self.modular + [
                    "--method", "exact", "--granularity", "cluster", "--clusters", folder + "/halves.tsv", "--threshold", "1e-6", "--kept",
                ])
            #expect(found.status == 0, "\(found.errors)")
            #expect(Set(found.rows.dropFirst().map { $0[0] }) == ["input->fc1.c0", "fc1.c0->fc2.c0", "fc2.c0->logits"])
        }
    }

    @Test func whatCannotBeIsSaid() throws {
        func errors(_ arguments: [String], status: Int32) throws -> String {
            let result = try BuiltCommand.run(arguments)
            #expect(result.status == status && result.output.isEmpty, "\(arguments)")
            return result.errors
        }
        #expect(
            try errors(Self.induction + ["--method", "eap", "--metric", "kl"], status: 64).contains(
                "the gradient of --metric kl is 0 at the clean run"))
        #expect(
            try errors(Self.induction + ["--method", "exact", "--edges", "3", "--threshold", "1"], status: 64).contains(
                "cannot be combined"))
        #expect(
            try errors(Self.induction + ["--method", "acdc", "--edges", "3"], status: 64).contains("acdc selects edges by --threshold"))
        #expect(try errors(Self.induction + ["--method", "eap", "--steps", "3"], status: 64).contains("--steps requires --method eap-ig"))
        #expect(
            try errors(Self.induction + ["--method", "exact", "--masks", "m.npz"], status: 64).contains(
                "--masks requires --method prune"))
        #expect(try errors(Self.induction + ["--method", "exact", "--granularity", "cluster"], status: 64).contains("needs --clusters"))
        #expect(
            try errors(Self.modular + ["--method", "exact", "--granularity", "component"], status: 1).contains("a plain chain has no heads")
        )
        #expect(
            try errors(Self.induction + ["--method", "exact", "--target-faithfulness", "3"], status: 1).contains(
                "--target-faithfulness: no circuit of the ladder reaches it"))

        try TemporaryFolder.with { folder in
            let path = folder + "/pairs.json"
            let same = #"{"prompts": [{"clean": [1, 2, 3], "corrupt": [1, 2, 3], "answers": [1], "wrong_answers": [2]}]}"#
            try same.write(toFile: path, atomically: true, encoding: .utf8)
            let model = Fixtures.path("models/induction.safetensors")
            let unmoved = try BuiltCommand.run("circuit", model, "--method", "exact", "--data", path, "--edges", "3")
            #expect(unmoved.status == 0)
            #expect(unmoved.errors.contains("no edge moves the metric") || unmoved.errors.contains("the metric does not move"))
            #expect(unmoved.text.contains("faithfulness -"))
            #expect(
                try errors(["circuit", model, "--method", "exact", "--data", path], status: 1).contains(
                    "the metric does not move between the clean and the"))
            let unequal = #"{"prompts": [{"clean": [1, 2, 3], "corrupt": [1, 2], "answers": [1]}]}"#
            try unequal.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(
                try errors(["circuit", model, "--method", "exact", "--data", path], status: 1).contains(
                    "the prompts of pair 0 differ in length"))
        }
    }
}
