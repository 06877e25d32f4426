import Foundation
import TestSupport
import Testing

/// The values of scikit-learn, scipy and numpy, written by `fixtures/compare_files.py`.
private struct Expected: Decodable {
    struct Agreement: Decodable {
        let neurons: Int
        let adjusted_rand: Double
        let normalized_mutual_information: Double
        let matched: Double
    }
    struct Change: Decodable {
        let relative: Double
        /// [row, column, before, after]
        let largest: [[Double]]
    }
    let clusters: [String: Agreement]
    let changes: [String: Change]

    init() throws {
        self = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/compare.json"))))
    }
}

@Suite struct CompareCommandTests {
    private let before = Fixtures.path("mlp.tar")
    private let after = Fixtures.path("mlp-tuned.safetensors")
    private let planted = Fixtures.path("mlp.planted.tsv")
    private let noisy = Fixtures.path("mlp.clusters.tsv")

    private func compare(_ arguments: String..., input: Data = Data()) throws -> CommandResult {
        try BuiltCommand.run(["compare"] + arguments, input: input)
    }

    private func json(_ result: CommandResult) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
    }

    /// Writes float32 tensors and compares them.
    private func compare(
        _ a: [(name: String, shape: [Int], values: [Float])], _ b: [(name: String, shape: [Int], values: [Float])], _ options: String...
    ) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            for (name, tensors) in [("a", a), ("b", b)] {
                try SafetensorsFile.bytes(tensors).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            return try BuiltCommand.shell("cd \"$1\" && \"$M\" compare a b " + options.map { "'\($0)'" }.joined(separator: " "), folder)
        }
    }

    @Test(arguments: ["tsv", "json", "jsonl"]) func clusterFilesAgreeAsScikitLearnSays(format: String) throws {
        for (key, expected) in try Expected().clusters {
            let name = key.split(separator: " ").map(String.init)
            let numbers: [Double]
            if format == "tsv" {
                let row = try #require(try compare(planted, noisy, "--format", format).rows.first { Array($0.prefix(2)) == name })
                numbers = row[2...6].compactMap(Double.init)
            } else {
                let text = try compare(planted, noisy, "--format", format)
                let layers =
                    format == "json"
                    ? try #require(try json(text)["layers"] as? [[String: Any]])
                    : try text.text.split(separator: "\n").map {
                        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                    }
                let side = try #require(layers.first { $0["layer"] as? String == name[0] }?[name[1]] as? [String: Any])
                numbers = ["neurons", "unclustered", "ari", "nmi", "matched"].compactMap {
                    (side[$0] as? NSNumber)?.doubleValue
                }
            }
            let wanted = [Double(expected.neurons), 0, expected.adjusted_rand, expected.normalized_mutual_information, expected.matched]
            #expect(numbers.count == wanted.count && zip(numbers, wanted).allSatisfy { abs($0 - $1) < 1e-12 }, "\(key): \(numbers)")
        }
    }

    @Test func weightsChangeAsNumpySays() throws {
        let result = try compare(before, after, "--top", "5", "--format", "json")
        let layers = try #require(try json(result)["layers"] as? [[String: Any]])
        let expected = try Expected().changes
        #expect(Set(layers.compactMap { $0["layer"] as? String }) == Set(expected.keys))
        for layer in layers {
            let wanted = try #require(expected[layer["layer"] as? String ?? ""])
            #expect(abs(try #require(layer["relativeChange"] as? Double) - wanted.relative) < 1e-12)
            let found = try #require(layer["largestChanges"] as? [[String: Any]])
            let numbers = found.map { change in ["out", "in", "a", "b"].compactMap { (change[$0] as? NSNumber)?.doubleValue } }
            // Foundation's reader of JSON is not exact to the last bit.
            #expect(numbers.count == 5)
            for (x, y) in zip(numbers.joined(), wanted.largest.joined()) { #expect(abs(x - y) <= 1e-15 * abs(y)) }
        }
        let rows = try compare(before, after, "--top", "5", "--format", "tsv").rows
        #expect(rows.first == ["layer", "rank", "out", "in", "kernel", "a", "b", "status"])
        for (name, change) in expected {
            let numbers = rows.filter { $0[0] == name }.map { [$0[2], $0[3], $0[5], $0[6]].compactMap(Double.init) }
            #expect(numbers == change.largest)
        }
    }

    @Test func scoresAreThoseOfScore() throws {
        for (path, side) in [(before, "a"), (after, "b")] {
            let scores = try BuiltCommand.run("score", path, "--clusters", "-", "--format", "tsv", input: try clusters(of: path)).rows
                .dropFirst()
            let table = try compare(before, after, "--format", "tsv").rows
            for (name, place) in [("clusterability", 3), ("adjusted", 5), ("ncut", 6)] {
                let column = try #require(table[0].firstIndex(of: "\(side)_\(name)"))
                #expect(table.dropFirst().map { $0[column] } == scores.map { $0[place] })
            }
        }
    }

    /// The clusters that `cluster` finds.
    private func clusters(of path: String) throws -> Data { try BuiltCommand.run("cluster", path).output }

    @Test func aCheckpointAgreesWithItself() throws {
        for path in [before, Fixtures.path("edge.npz"), Fixtures.path("gpt2-tiny"), Fixtures.path("cnn.pt")] {
            let rows = try compare(path, path, "--format", "tsv", "--layers", "all").rows
            #expect(rows.count > 2)
            for row in rows.dropFirst() {
                #expect(row[1...4] == row[5...8])
                #expect(row[9...14].allSatisfy { $0 == "1" || $0 == "nan" }, "\(row)")
                #expect(["0", "nan"].contains(row[15]) && row[16] == "")
            }
        }
    }

    @Test func swappedSidesSwapTheScoresAndKeepTheAgreement() throws {
        let forth = try compare(before, after, "--format", "tsv").rows.dropFirst()
        let back = try compare(after, before, "--format", "tsv").rows.dropFirst()
        for (one, other) in zip(forth, back) {
            #expect(one[1...4] == other[5...8] && one[5...8] == other[1...4])
            for (x, y) in zip(one[9...14], other[9...14]) { #expect(abs(try #require(Double(x)) - (try #require(Double(y)))) < 1e-12) }
            #expect(one[19...20] == [other[20], other[19]] || one[0] == "mean")
        }
        #expect(back.map { $0[0] } == ["module.fc2.weight", "module.fc3.weight", "mean"])
    }

    @Test func givenClustersAreThoseOfBoth() throws {
        for (a, b) in [(before, after), (after, before)] {
            let result = try compare(a, b, "--clusters", planted, "--format", "json")
            let document = try json(result)
            #expect(document["method"] is NSNull && document["clusters"] as? String == planted)
            for layer in try #require(document["layers"] as? [[String: Any]]) {
                #expect(layer["out"] is NSNull)
            }
            let mean = try #require(document["mean"] as? [String: Any])
            let scores = try BuiltCommand.run("score", before, "--clusters", planted, "--format", "tsv").rows.last
            let side = try #require(mean[a == before ? "a" : "b"] as? [String: Any])
            #expect(side["clusterability"] as? Double == scores.flatMap { Double($0[3]) })
        }
    }

    @Test func everyElementOfAKernelCounts() throws {
        let values = (1...16).map(Float.init)
        var other = values
        other[13] = -14
        // [out 1, in 1] holds 13 to 16, as 2 x 2: 14 stands at [0, 1].
        let rows = try compare([("c", [2, 2, 2, 2], values)], [("c", [2, 2, 2, 2], other)], "-k", "2", "--format", "tsv").rows
        #expect(Array(rows[1][16...]) == ["1", "1", "0,1", "14", "-14", "ok"])
        let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
        #expect(abs(try #require(Double(rows[1][15])) - 28 / squares.squareRoot()) < 1e-12)
    }

    @Test func whatIsNotComparedIsSaid() throws {
        let square: [Float] = [1, 2, 3, 4]
        let (a, b) = (
            [("both", [2, 2], square), ("first", [2, 2], square), ("wider", [1, 4], square)],
            [("model.both", [2, 2], square), ("second", [2, 2], square), ("wider", [4, 1], square)]
        )
        let result = try compare(a, b, "-k", "2", "--format", "json", "--layers", "all")
        #expect(
            result.errors == """
                modinspect: note: b: lacks 'first', which a has
                modinspect: note: a: lacks 'second', which b has
                modinspect: note: b: has 'wider' 4 x 1 where a has 1 x 4; layers of different shapes are not compared

                """)
        let document = try json(result)
        #expect(document["onlyInA"] as? [String] == ["first"] && document["onlyInB"] as? [String] == ["second"])
        let layer = try #require((document["layers"] as? [[String: Any]])?.first)
        #expect(layer["layer"] as? String == "both" && layer["layerInB"] as? String == "model.both")
        #expect(try compare(a, b, "-k", "2", "--quiet", "--layers", "all").errors.isEmpty)
        // A pattern must match in at least one of the two.
        #expect(try compare(a, b, "--layers", "both,first,second").errors.split(separator: "\n").count == 2)
        #expect(try compare(a, b, "--layers", "!first,!second,!wider").errors.isEmpty)
        #expect(try compare(a, b, "--layers", "both,nosuch").errors.hasPrefix("modinspect: a: no layer matches 'nosuch'"))
    }

    @Test func nothingInCommonIsStatus1() throws {
        let result = try compare(before, Fixtures.path("cnn.pt"))
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(
            result.errors
                == "modinspect: \(Fixtures.path("cnn.pt")): has no layer in common with \(before), expected 'fc2.weight' 48 x 48, "
                + "'fc3.weight' 48 x 48, found 'conv2.weight' 16 x 8 x 3 x 3, 'fc1.weight' 32 x 64\n")
        #expect(try compare(planted, Fixtures.path("edge.clusters.tsv")).status == 1)
    }

    @Test func neuronsInNoClusterAreLeftOutAndCounted() throws {
        let lines = [
            #"{"layer": "x", "out": [0, 0, 1, -1], "in": [0, 1]}"#,
            #"{"schema": "modinspect.cluster/1", "layer": "x", "out": [1, 1, -1, 0], "in": [-1, -1]}"#,
        ]
        let result = try BuiltCommand.shell("\"$M\" compare <(echo \"$1\") <(echo \"$2\") --format tsv", lines[0], lines[1])
        #expect(result.errors.contains("layer 'x': 2 out-neurons and 2 in-neurons are in no cluster here or in"))
        #expect(result.rows.dropFirst().prefix(2).map { $0[2...6] } == [["2", "2", "1", "1", "1"], ["0", "2", "nan", "nan", "nan"]])
    }

    @Test func standardInputIsReadOnce() throws {
        let archive = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("mlp.tar.zst")))
        let piped = try compare("-", after, "--format", "tsv", input: archive)
        #expect(piped.text == (try compare(before, after, "--format", "tsv").text))
        let clusters = try Data(contentsOf: URL(fileURLWithPath: noisy))
        #expect(try compare(planted, "-", "--format", "tsv", input: clusters).text == (try compare(planted, noisy, "--format", "tsv").text))
        #expect(try compare("-", "-").status == 64)
        #expect(try compare("-", before, "--clusters", "-").status == 64)
    }

    @Test func oneFileOfSeveralModelsIsComparedWithItself() throws {
        let path = Fixtures.path("torch/several.pt")
        let result = try compare(path, path, "--key", "ema", "--key-b", "state_dicts.0", "-k", "2", "--format", "tsv")
        let scores = try ["ema", "state_dicts.0"].map {
            try BuiltCommand.run("score", path, "--key", $0, "-k", "2", "--format", "tsv").rows[1][3]
        }
        #expect([result.rows[1][2], result.rows[1][6]] == scores)
        #expect(try compare(path, path, "--key", "ema", "--key-b", "nosuch").errors.contains("nosuch"))
    }

    @Test(arguments: [
        ["mlp.tar", "mlp.planted.tsv"], ["mlp.planted.tsv", "mlp.tar"], ["mlp.planted.tsv", "mlp.clusters.tsv", "-k", "3"],
    ])
    func kindsThatDoNotGoTogetherAreStatus64(arguments: [String]) throws {
        let result = try BuiltCommand.run(["compare"] + arguments.map { $0.hasPrefix("mlp") ? Fixtures.path($0) : $0 })
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains("a file of clusters"))
    }

    @Test func everyBadInputIsOneLine() throws {
        try TemporaryFolder.with { folder in
            let files: [(String, Data)] = [
                ("cut", try Data(contentsOf: URL(fileURLWithPath: after)).prefix(5000)), ("empty", Data()),
                ("text", Data("layer,side\n".utf8)),
                ("open.json", Data("{\"layers\": [".utf8)),
                ("other.json", Data("{\"schema\": \"modinspect.score/2\", \"layers\": []}".utf8)),
                ("gap.tsv", Data("layer\tside\tindex\tcluster\nx\tout\t1\t0\n".utf8)),
                ("head.tsv", Data("layer\tside\tindex\tcluster\n".utf8)),
                ("huge.tsv", Data("layer\tside\tindex\tcluster\nx\tout\t0\t9223372036854775807\n".utf8)),
            ]
            for (name, data) in files {
                try data.write(to: URL(fileURLWithPath: folder + "/" + name))
                for arguments in [[folder + "/" + name, planted], [planted, folder + "/" + name]] {
                    let result = try BuiltCommand.run(["compare"] + arguments)
                    #expect(result.status == 1, "\(name): \(result.errors)")
                    #expect(result.errors.split(separator: "\n").count == 1 && result.errors.contains(name), "\(result.errors)")
                }
            }
            #expect(try compare(folder + "/nosuch", folder + "/cut").errors.split(separator: "\n").count == 2)
        }
        #expect(
            try compare(Fixtures.path("nan.npz"), Fixtures.path("nan.npz")).errors.contains(
                "nan.npz: tensor 'spoilt': weights that are not finite"))
    }

    @Test func theResultDoesNotDependOnTheThreads() throws {
        let results = try ["1", "3"].map { try compare(before, after, "--layers", "all", "--format", "json", "--threads", $0) }
        #expect(results[0].status == 0 && results[0].output == results[1].output)
    }

    @Test(arguments: ["mlp.tar", "cnn.pt", "gpt2-tiny", "llama-tiny", "pythia-tiny", "edge.npz"]) func textFits80Columns(name: String)
        throws
    {
        for line in try compare(Fixtures.path(name), Fixtures.path(name), "--top", "2").text.split(separator: "\n").dropFirst(2) {
            #expect(line.count <= 80, "\(line)")
        }
    }

    @Test func aReaderThatGoesAwayIsSuccess() throws {
        let result = try BuiltCommand.shell(
            "\"$M\" compare \"$1\" \"$1\" --layers all --top 100000 --format tsv | head -n 1; echo ${PIPESTATUS[0]}", before)
        #expect(result.text.hasSuffix("\n0\n") && result.errors.isEmpty)
    }
}
