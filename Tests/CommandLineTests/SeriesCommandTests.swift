import Foundation
import TestSupport
import Testing

/// `compare` of three checkpoints and more, and of files of clusters.
@Suite struct SeriesCommandTests {
    /// scikit-learn's values for the two files of clusters, written by `fixtures/compare_files.py`.
    private struct Expected: Decodable {
        struct Agreement: Decodable {
            let adjusted_rand: Double
            let normalized_mutual_information: Double
            let matched: Double
        }
        let clusters: [String: Agreement]
    }

    private func shell(_ line: String, in folder: String) throws -> CommandResult {
        try BuiltCommand.shell("cd \"$1\" || exit; " + line, folder)
    }

    private func object(_ result: CommandResult) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
    }

    /// A training run in which a step is bad.
    private func withRun<Result>(_ body: (String) throws -> Result) throws -> Result {
        try TemporaryFolder.with { folder throws in
            let files = FileManager.default
            for (step, fixture) in [(1, "mlp.pt"), (2, "mlp-tuned.safetensors"), (9, "nan.safetensors"), (10, "mlp.safetensors")] {
                try files.createDirectory(atPath: "\(folder)/step\(step)", withIntermediateDirectories: true)
                try files.copyItem(
                    atPath: Fixtures.path(fixture), toPath: "\(folder)/step\(step)/model.\(fixture.hasSuffix(".pt") ? "pt" : "safetensors")"
                )
            }
            return try body(folder)
        }
    }

    /// A search finds such a file, whose name no argument can be.
    @Test func aNameThatIsNotUTF8FailsForItself() throws {
        try withRun { folder in
            for line in [
                "mv step9 $(printf 'st\\351p9') && $M compare -r . -q",
                "rm -r st*p9 step10 && mv step2 $(printf 'st\\351p2') && $M compare -r . -q",
            ] {
                let result = try shell(line, in: folder)
                #expect(result.status == 1)
                #expect(result.errors.contains("has a name that is not UTF-8, which only audit takes"), "\(result.errors)")
                #expect(!result.errors.contains("no such file"))
            }
        }
    }

    @Test func filesOfClustersAgreeAsScikitLearnSays() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("expected/compare.json")))
        let expected = try JSONDecoder().decode(Expected.self, from: data).clusters
        let (planted, noisy) = (Fixtures.path("mlp.planted.tsv"), Fixtures.path("mlp.clusters.tsv"))
        let result = try BuiltCommand.run("compare", "--keep-order", planted, noisy, planted, "--format", "tsv")
        #expect(result.status == 0, "\(result.errors)")
        let rows = result.rows
        func values(_ row: [String], _ part: String) -> [Double] {
            ["ari", "nmi", "matched"].compactMap { name in rows[0].firstIndex(of: "\(part)_\(name)").flatMap { Double(row[$0]) } }
        }
        let layers = Set(expected.keys.map { String($0.prefix { $0 != " " }) })
        for layer in layers {
            let steps = rows.dropFirst().filter { $0[1] == layer }
            try #require(steps.map { $0[0] } == [planted, noisy, planted])
            for side in ["out", "in"] {
                let agreement = try #require(expected["\(layer) \(side)"])
                let wanted = [agreement.adjusted_rand, agreement.normalized_mutual_information, agreement.matched]
                let one = [1.0, 1, 1]
                for (step, part, wanted) in [
                    (steps[0], "last", one), (steps[1], "previous", wanted), (steps[1], "last", wanted), (steps[2], "previous", wanted),
                    (steps[2], "last", one),
                ] {
                    let found = values(step, "\(part)_\(side)")
                    #expect(found.count == 3 && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-12 }, "\(step[0]) \(part) \(side)")
                }
                #expect(values(steps[0], "previous_\(side)").allSatisfy { $0.isNaN })
            }
        }
    }

    @Test func aPairOfASeriesAgreesAsThePairDoes() throws {
        try withRun { folder throws in
            let pair = try object(shell("\"$M\" compare step1 step2 --format json", in: folder))
            let series = try object(shell("\"$M\" compare step*/ --format json", in: folder))
            let layers = try #require(series["layers"] as? [[String: Any]])
            let pairs = try #require(pair["layers"] as? [[String: Any]])
            #expect(layers.count == 2 && pairs.count == 2)
            for (layer, pair) in zip(layers, pairs) {
                let step = try #require((layer["steps"] as? [[String: Any]])?[1])
                let previous = try #require(step["previous"] as? [String: Any])
                #expect(previous["path"] as? String == "step1/")
                let matrices = try #require(layer["agreement"] as? [String: Any])
                for side in ["out", "in"] {
                    let (found, wanted) = (previous[side] as? [String: Any], try #require(pair[side] as? [String: Any]))
                    for name in ["ari", "nmi", "matched"] { #expect(found?[name] as? Double == wanted[name] as? Double) }
                    let matrix = try #require(matrices[side] as? [[Any]])
                    #expect(matrix.count == 4 && matrix.allSatisfy { $0.count == 4 })
                    #expect(matrix[0][1] as? Double == wanted["ari"] as? Double && matrix[1][0] as? Double == wanted["ari"] as? Double)
                    // The third of them cannot be read.
                    #expect((0..<4).allSatisfy { matrix[2][$0] is NSNull && matrix[$0][2] is NSNull })
                    #expect([0, 1, 3].allSatisfy { matrix[$0][$0] as? Double == 1 })
                }
                for (name, key) in [("clusterability", "b"), ("adjusted", "b"), ("ncut", "b")] {
                    #expect(step[name] as? Double == (pair[key] as? [String: Any])?[name] as? Double)
                }
            }
        }
    }

    @Test(arguments: ["text", "tsv", "json", "jsonl", "svg"])
    func theNumberOfJobsDoesNotMatter(format: String) throws {
        try withRun { folder throws in
            let line = "\"$M\" compare step*/ --format \(format)"
            let alone = try shell(line, in: folder)
            let result = try shell(line + " --jobs 3", in: folder)
            #expect(result.output == alone.output && result.errors == alone.errors)
            #expect(result.status == 1 && alone.status == 1)
        }
    }

    @Test func aBadCheckpointKeepsItsPlace() throws {
        let result = try withRun { folder throws in try shell("\"$M\" compare step*/ --format tsv", in: folder) }
        #expect(result.errors.hasPrefix("modinspect: step9/: tensor 'spoilt': weights that are not finite"), "\(result.errors)")
        #expect(result.errors.hasSuffix("\nmodinspect: 1 of 4 checkpoints failed\n"))
        let rows = Array(result.rows.dropFirst())
        let places = rows.map { $0[0] }
        #expect(places == ["step1/", "step1/", "step1/", "step2/", "step2/", "step2/", "step9/", "step10/", "step10/", "step10/"])
        let status = rows.map { $0.last ?? "" }
        #expect(status == ["ok", "ok", "ok", "ok", "ok", "ok", "failed", "ok", "ok", "ok"])
        #expect(Set(result.rows.map(\.count)).count == 1)
    }

    @Test(arguments: ["json", "jsonl", "tsv"])
    func plotDrawsWhatWasWritten(format: String) throws {
        let drawn = try withRun { folder throws in
            try shell("\"$M\" compare step*/ -q --format \(format) > r; \"$M\" plot r", in: folder)
        }
        #expect(drawn.status == 0)
        #expect(drawn.text.contains("agreement with the last from 1.00"), "\(drawn.errors)")
        #expect(drawn.text.contains("every two of 4 checkpoints") == (format == "json"))
    }

    @Test func layersThatAreMissingOrOfAnotherShapeAreNotCompared() throws {
        try TemporaryFolder.with { folder throws in
            func weights(_ rows: Int, _ columns: Int, _ seed: Int) -> [Float] {
                (0..<rows * columns).map { Float(($0 * 7919 + seed * 104729) % 1009) / 1009 - 0.5 }
            }
            func write(_ name: String, _ layers: [(String, Int, Int)]) throws {
                let tensors = layers.enumerated().map { (name: $1.0, shape: [$1.1, $1.2], values: weights($1.1, $1.2, $0)) }
                try SafetensorsFile.bytes(tensors).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            try write("s1", [("a.weight", 8, 6), ("b.weight", 6, 8)])
            try write("s2", [("module.a.weight", 8, 6)])
            try write("s3", [("a.weight", 10, 6), ("b.weight", 6, 8)])
            try write("s4", [("a.weight", 8, 6), ("b.weight", 6, 8)])
            let result = try shell("\"$M\" compare s1 s2 s3 s4 -k 2 --layers all --format json", in: folder)
            #expect(result.status == 0)
            #expect(
                result.errors == """
                    modinspect: note: s2: lacks 'b.weight', which others have
                    modinspect: note: s3: has 'a.weight' 10 x 6 where most have 8 x 6; layers of different shapes are not compared

                    """)
            let json = try object(result)
            let layers = try #require(json["layers"] as? [[String: Any]])
            #expect(layers.map { $0["layer"] as? String } == ["a.weight", "b.weight"])
            let steps = layers.map { ($0["steps"] as? [[String: Any]] ?? []).compactMap { $0["input"] as? Int } }
            #expect(steps == [[0, 1, 3], [0, 2, 3]])
            let previous = layers.map { ($0["steps"] as? [[String: Any]])?.last?["previous"] as? [String: Any] }
            #expect(previous.map { $0?["path"] as? String } == ["s2", "s3"])
            let differing = try #require(json["differing"] as? [[String: Any]])
            #expect(differing.count == 1 && differing[0]["path"] as? String == "s3" && differing[0]["expected"] as? [Int] == [8, 6])
            // No layer is in all four: a mean would be of one layer here and of two there.
            #expect(json["meanLayers"] as? [String] == [])
            #expect(((json["mean"] as? [String: Any])?["steps"] as? [[String: Any]])?.isEmpty == true)

            let text = try shell("\"$M\" compare s1 s2 s4 -k 2 --layers all --quiet", in: folder).text
            let tables = text.split(separator: "\n\n").map { $0.split(separator: "\n") }
            #expect(tables.map(\.first) == ["mean of the 1 of 2 layers that all checkpoints have", "a.weight", "b.weight"])
            #expect(tables.first?.dropFirst() == tables.dropFirst().first?.dropFirst())
        }
    }

    @Test(
        arguments: [
            ("step1", "expected two checkpoints or more, found one"),
            ("step1 step2 step10 --top 3", "--top is for two checkpoints; 3 are a series"),
            ("step1 step2 --jobs 2", "--jobs is for three checkpoints and more; two are compared by one process"),
            ("step1 step2 c.tsv", "step1: is a checkpoint, expected a file of clusters as c.tsv is"),
        ]) func wrongUsageIsOneLine(arguments: String, message: String) throws
    {
        try withRun { folder throws in
            let result = try shell("\"$M\" cluster step1 -o c.tsv --format tsv; \"$M\" compare \(arguments)", in: folder)
            #expect(result.status == 64 && result.text.isEmpty)
            #expect(result.errors == "modinspect: compare: \(message)\n")
        }
    }

    @Test func treesAreSearched() throws {
        try withRun { folder throws in
            let result = try shell("rm -r step9 && \"$M\" compare -r . --format tsv --layers fc2.weight", in: folder)
            #expect(result.status == 0)
            let paths = result.rows.dropFirst().filter { $0[1] == "fc2.weight" }.map { $0[0] }
            #expect(paths == ["./step1/model.pt", "./step2/model.safetensors", "./step10/model.safetensors"], "\(paths)")
        }
    }
}
