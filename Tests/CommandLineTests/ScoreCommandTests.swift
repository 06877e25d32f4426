import Foundation
import TestSupport
import Testing

/// Scores of given labels, computed by numpy in double precision.
private struct Expected: Decodable {
    struct Layer: Decodable {
        let layer: String
        let out: Int
        let `in`: Int
        let scores: [String: [String: Double?]]
    }
    let layers: [Layer]
    let mean: [String: [String: Double?]]

    init(_ name: String) throws {
        self = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/\(name).json"))))
    }
}

private let measures = ["clusterability", "chance", "adjusted", "ncut", "modularity"]

@Suite struct ScoreCommandTests {
    @Test(arguments: [
        ("mlp", "mlp.tar", "mlp.planted.tsv"), ("mlp", "mlp.pt", "mlp.clusters.tsv"), ("mlp", "mlp-legacy.pt", "mlp.planted.tsv"),
        ("mlp", "mlp.npz", "mlp.clusters.tsv"), ("mlp", "training.pth", "mlp.clusters.tsv"), ("cnn", "cnn.pt", "cnn.clusters.tsv"),
        ("gpt2-tiny", "gpt2-tiny", "gpt2-tiny.clusters.tsv"), ("llama-tiny", "llama-tiny", "llama-tiny.clusters.tsv"),
        ("pythia-tiny", "pythia-tiny", "pythia-tiny.clusters.tsv"), ("edge", "edge.npz", "edge.clusters.tsv"),
        ("edge", "edge.safetensors", "edge.clusters.tsv"),
    ])
    func givenClustersScoreAsNumpySays(name: String, checkpoint: String, clusters: String) throws {
        let expected = try Expected(name)
        let result = try BuiltCommand.run(
            "score", Fixtures.path(checkpoint), "--clusters", Fixtures.path(clusters), "--format", "tsv")
        #expect(result.status == 0, "\(result.errors)")
        let rows = result.rows
        try #require(rows.first == ["checkpoint", "layer", "k"] + measures + ["status"])
        let found = Dictionary(rows.dropFirst().map { ($0[1], $0.dropFirst(3).compactMap(Double.init)) }, uniquingKeysWith: { $1 })
        #expect(Set(found.keys) == Set(expected.layers.map(\.layer)).union(["mean"]))
        let wanted = expected.layers.map { ($0.layer, $0.scores[clusters]) } + [("mean", expected.mean[clusters])]
        for (layer, scores) in wanted {
            let scores = try #require(scores)
            let numbers = try #require(found[layer])
            for (measure, number) in zip(measures, numbers) {
                guard let value = scores[measure] ?? nil else {
                    #expect(number.isNaN, "\(layer) \(measure)")
                    continue
                }
                #expect(abs(number - value) <= 1e-9 * abs(value), "\(layer) \(measure)")
            }
        }
    }

    @Test(arguments: ["mlp", "cnn", "gpt2-tiny", "llama-tiny", "pythia-tiny"])
    func defaultLayersAreThoseOfTheContract(name: String) throws {
        let expected = try Expected(name)
        let checkpoint = name == "mlp" ? "mlp.zip" : name == "cnn" ? "cnn.pt" : name
        let info = try BuiltCommand.run("info", Fixtures.path(checkpoint), "--format", "tsv")
        let scored = info.rows.dropFirst().filter { $0[7] == "1" }.map { [$0[1], $0[5], $0[6]] }
        #expect(scored == expected.layers.map { [$0.layer, "\($0.out)", "\($0.in)"] })
    }

    @Test func plantedClustersAreFoundByDefault() throws {
        let result = try BuiltCommand.run(
            "score", Fixtures.path("mlp.tar"), "--format", "json", "--measure", "clusterability", "--fail-under", "0.84")
        #expect(result.status == 0, "\(result.errors)")
        let planted = try #require(try Expected("mlp").mean["mlp.planted.tsv"]?["clusterability"] ?? nil)
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        #expect(document["schema"] as? String == "modinspect.score/2")
        #expect(document["seed"] as? Int == 0)
        let checkpoint = try #require((document["checkpoints"] as? [[String: Any]])?.first)
        let sum = try BuiltCommand.shell("sha256sum < $1", Fixtures.path("mlp.tar")).text.prefix(64)
        #expect(checkpoint["sha256"] as? String == String(sum))
        let sweep = try #require((checkpoint["results"] as? [[String: Any]])?.first)
        let mean = try #require((sweep["mean"] as? [String: Any])?["clusterability"] as? Double)
        #expect(abs(mean - planted) < 1e-9)
    }

    @Test func undefinedNumbersAreNullInJSON() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("edge.npz"), "--layers", "zero", "--format", "jsonl", "--no-sha256")
        #expect(result.status == 0, "\(result.errors)")
        let line = try #require(result.text.split(separator: "\n").first)
        let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(row["layer"] as? String == "zero")
        #expect(row["clusterability"] is NSNull)
        #expect((row["checkpoint"] as? [String: Any])?["sha256"] is NSNull)
    }

    @Test func aLayerWithoutWeightsIsSaidAndNotPartOfTheMean() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("edge.npz"), "--layers", "zero,block_diagonal", "--format", "tsv")
        #expect(result.errors.contains("tensor 'zero': all weights are 0"))
        let mean = try #require(result.rows.last.flatMap { Double($0[3]) })
        #expect(abs(mean - 1) < 1e-12)
    }

    @Test func aMeanBelowTheLimitIsStatus3() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--fail-under", "0.9")
        #expect(result.status == 3)
        #expect(result.text.contains("fc2.weight"))
        #expect(result.errors.contains("expected at least 0.9"))
    }

    @Test func anUndefinedMeanFailsEveryLimit() throws {
        #expect(try BuiltCommand.run("score", Fixtures.path("edge.npz"), "--layers", "zero", "--fail-under", "-5").status == 3)
    }

    @Test func aBadCheckpointIsSkippedAndTheStatusSaysSo() throws {
        let result = try BuiltCommand.run(
            "score", Fixtures.path("nan.npz"), "/nonexistent", Fixtures.path("mlp.npz"), "--format", "tsv", "--fail-under", "0.99")
        #expect(result.status == 1)
        #expect(result.rows.map(\.last) == ["status", "failed", "failed", "ok", "ok", "ok"])
        let problems = result.errors.split(separator: "\n")
        #expect(problems.count == 4 && problems.last == "modinspect: 2 of 3 checkpoints failed")
        #expect(problems.allSatisfy { $0.hasPrefix("modinspect: ") })
        #expect(problems.first?.contains("nan.npz: tensor 'spoilt'") == true)
    }

    @Test func sweepsHaveAMeanForEveryCount() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "-k", "2-4,8", "--format", "tsv")
        #expect(result.rows.filter { $0[1] == "mean" }.map { $0[2] } == ["2", "3", "4", "8"])
    }

    @Test func theResultDoesNotDependOnTheThreads() throws {
        let arguments = ["score", Fixtures.path("mlp.tar"), "--format", "json", "--null", "8", "-k", "2-6", "--method", "bsgc"]
        let one = try BuiltCommand.run(arguments + ["--threads", "1"])
        let three = try BuiltCommand.run(arguments + ["--threads", "3"])
        #expect(one.status == 0, "\(one.errors)")
        #expect(one.output == three.output)
    }

    @Test func theNullModelHasItsColumns() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--null", "19", "--format", "tsv")
        #expect(result.rows.first?.suffix(5) == ["null_mean", "null_sd", "null_z", "null_p", "status"])
        // The planted blocks beat every permutation: p = (1 + 0) / (19 + 1).
        #expect(result.rows.dropFirst().allSatisfy { $0.dropLast().last == "0.05" })
    }

    @Test func theNetworkMethodAddsItsCut() throws {
        let result = try BuiltCommand.run("score", Fixtures.path("mlp.tar"), "--method", "network", "--format", "tsv")
        let row = try #require(result.rows.last)
        #expect(row[1] == "network")
        #expect(row[3] == "nan")
        #expect(try #require(Double(row[6])) > 0)
    }

    @Test(arguments: [
        ["score"], ["score", "x", "-k", "0"], ["score", "x", "-k", "4-2"], ["score", "x", "--no-align"],
        ["score", "x", "--clusters", "f", "-k", "4"], ["score", "-", "-"], ["score", "x", "--threads", "0"],
        ["score", "x", "--measure", "ncut"], ["score", "x", "--null", "-1"], ["cluster", "x", "-k", "2,3"], ["graph", "x", "--top", "0"],
        ["graph", "x", "--top", "0.5", "--threshold", "1"], ["graph", "x", "--threshold", "nan"], ["info", "x", "--layers", "a,,b"],
        ["info", "x", "--quiet", "--progress"], ["nonsense"],
    ])
    func wrongUsageIsStatus64(arguments: [String]) throws {
        let result = try BuiltCommand.run(arguments)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(!result.errors.isEmpty)
    }

    @Test func clustersComeThroughAPipeWithAName() throws {
        let checkpoint = Fixtures.path("mlp.tar")
        let named = try BuiltCommand.shell("\"$M\" score \"$1\" --clusters <(\"$M\" cluster \"$1\") --format tsv", checkpoint)
        #expect(named.status == 0, "\(named.errors)")
        #expect(named.text == (try BuiltCommand.run("score", checkpoint, "--format", "tsv").text))
    }

    /// The clusters of an archive, a directory and a safetensors file are those that they were trained for.
    @Test(arguments: ["out.tar", "out", "out.safetensors"])
    func aCheckpointsOwnClustersAreTaken(name: String) throws {
        let result = try TemporaryFolder.with { folder in
            try BuiltCommand.shell(
                """
                cd "$1" && "$M" init mlp:6-8-8-3 -o a --quiet && "$M" cluster a -k 3 -o clusters --quiet &&
                printf '\\0\\0\\010\\2\\0\\0\\0\\024\\0\\0\\0\\6' > x && head -c 120 /dev/zero >> x
                printf '\\0\\0\\010\\1\\0\\0\\0\\024' > y && head -c 20 /dev/zero >> y
                "$M" finetune a --data x --labels y --clusters clusters --steps 1 -o "$2" --quiet &&
                "$M" score a --clusters clusters > wanted && "$M" score a --clusters "$2" > found && cmp wanted found && echo same
                "$M" score a --clusters a
                """, folder, name)
        }
        #expect(result.text == "same\n", "\(result.errors)")
        #expect(result.status == 1 && result.errors.contains("has no clusters"), "\(result.errors)")
    }

    @Test func linesOfJSONAreTheRowsOfTSV() throws {
        let options = ["score", Fixtures.path("mlp.tar"), "--method", "network", "-k", "2,3", "--format"]
        let lines = try BuiltCommand.run(options + ["jsonl"]).text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        let rows = try BuiltCommand.run(options + ["tsv"]).rows.dropFirst()
        #expect(lines.map { $0["layer"] as? String } == rows.map { $0[1] })
        for (line, row) in zip(lines, rows) {
            let (cut, expected) = (try #require(line["ncut"] as? Double), try #require(Double(row[6])))
            #expect(abs(cut - expected) <= 1e-12)
        }
        #expect(lines.last?["layer"] as? String == "network")
    }
}
