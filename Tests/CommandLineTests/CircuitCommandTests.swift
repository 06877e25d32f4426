import Foundation
import TestSupport
import Testing

@Suite struct CircuitCommandTests {
    private static let mlp = [
        "circuit", Fixtures.path("models/mnist-mlp.pt"), "--method", "prune", "--data", Fixtures.path("models/mnist-mlp.npz"),
    ]

    private static func run(_ options: String...) throws -> CommandResult { try BuiltCommand.run(mlp + ["--quiet"] + options) }

    @Test func theResultIsTheSameForAnyThreads() throws {
        let options = ["--per-label", "--limit", "120", "--layers", "fc[34]*", "--tolerance", "0.02", "--format", "json", "--quiet"]
        let results = try ["1", "2", "3"].map { try BuiltCommand.run(Self.mlp + options + ["--threads", $0]) }
        #expect(results.allSatisfy { $0.status == 0 && $0.output == results[0].output && !$0.output.isEmpty })
    }

    @Test func jsonTsvAndMasksTellTheSame() throws {
        try TemporaryFolder.with { folder in
            let options = ["--label", "3", "--label", "7", "--objective", "label-loss", "--quiet"]
            let json = try BuiltCommand.run(
                Self.mlp + options + ["--format", "json", "--masks", folder + "/m.npz", "-o", folder + "/c.json"])
            #expect(json.status == 0 && json.output.isEmpty)
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/c.json"))
            let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let circuits = try #require(document["circuits"] as? [[String: Any]])
            #expect(document["objective"] as? String == "label-loss" && document["precision"] as? String == "double" && circuits.count == 2)
            let rows = try BuiltCommand.run(Self.mlp + options + ["--kept"]).rows
            #expect(rows[0] == ["label", "layer", "row", "element", "returned"])
            var wanted: [[String]] = []
            for circuit in circuits {
                for layer in try #require(circuit["layers"] as? [[String: Any]]) {
                    let shape = try #require(layer["shape"] as? [Int])
                    let places = try #require(layer["places"] as? [Int])
                    #expect(layer["kept"] as? Int == places.count)
                    wanted += places.map {
                        ["\(circuit["label"] ?? "")", layer["layer"] as? String ?? "", "\($0 / shape[1])", "\($0 % shape[1])", "nan"]
                    }
                }
            }
            #expect(Array(rows.dropFirst()) == wanted && wanted.count > 100)
            let summary = try BuiltCommand.run(Self.mlp + options + ["--format", "tsv"]).rows
            #expect(summary.dropFirst().map { Int($0[2]) } == circuits.map { $0["kept"] as? Int })
            // The masks have the same circuits as the document.
            let compared = try BuiltCommand.run("circuit", "--compare", folder + "/c.json", folder + "/m.npz", "--format", "tsv").rows
            let overlaps = compared.dropFirst().map { ($0[0].hasSuffix(":3") == $0[1].hasSuffix(":3"), $0[6]) }
            #expect(overlaps.count == 6 && overlaps.allSatisfy { $0.0 == ($0.1 == "1") })
        }
    }

    @Test func resampledCircuitsAreTheSameInAllFormatsAndForAnyThreads() throws {
        let options = Self.mlp + ["--quiet", "--label", "3", "--label", "7", "--layers", "fc[34]*", "--limit", "120", "--bootstrap", "3"]
        let results = try ["1", "2", "5"].map { try BuiltCommand.run(options + ["--format", "json", "--threads", $0]) }
        #expect(results.allSatisfy { $0.status == 0 && $0.output == results[0].output })
        let document = try #require(try JSONSerialization.jsonObject(with: results[0].output) as? [String: Any])
        let circuits = try #require(document["circuits"] as? [[String: Any]])
        var overlaps: [Double] = []
        var returned: [Double] = []
        for circuit in circuits {
            let bootstrap = try #require(circuit["bootstrap"] as? [String: Any])
            #expect(bootstrap["resamples"] as? Int == 3)
            overlaps.append(try #require(bootstrap["overlap"] as? Double))
            for layer in try #require(circuit["layers"] as? [[String: Any]]) {
                let shares = try #require(layer["returned"] as? [Double])
                #expect(
                    shares.count == layer["kept"] as? Int
                        && shares.allSatisfy { abs(($0 * 3).rounded() - $0 * 3) < 1e-12 && (0...1).contains($0) })
                returned += shares
            }
        }
        #expect(overlaps.count == 2 && overlaps.allSatisfy { $0 > 0 && $0 < 1 })
        let table = try BuiltCommand.run(options + ["--format", "tsv"]).rows
        let column = try #require(table[0].firstIndex(of: "bootstrap_overlap"))
        #expect(zip(table.dropFirst(), overlaps).allSatisfy { abs((Double($0[column]) ?? 0) - $1) < 1e-12 } && table.count == 3)
        let kept = try BuiltCommand.run(options + ["--kept"]).rows.dropFirst().compactMap { Double($0[4]) }
        #expect(kept.count == returned.count && zip(kept, returned).allSatisfy { abs($0 - $1) < 1e-12 })
        let text = try BuiltCommand.run(options).text
        #expect(text.contains("bootstrap  3 times") && text.contains("overlap\n"))
    }

    @Test func aDegenerateCircuitIsWarnedOf() throws {
        let result = try Self.run(
            "--label", "3", "--objective", "label-loss", "--format", "tsv", "--eval", Fixtures.path("models/mnist-mlp.npz"))
        #expect(result.status == 0)
        #expect(result.errors.contains("warning: ") && result.errors.contains("the circuit for label 3 is degenerate: it answers 3 to "))
        let row = Dictionary(uniqueKeysWithValues: zip(result.rows[0], result.rows[1]))
        #expect(row["degenerate"] == "1" && row["held_out_recall"] == "1" && row["held_out_common_answer"] == "3")
        let sound = try Self.run("--label", "3", "--format", "tsv")
        #expect(sound.errors.isEmpty && sound.rows[1][7] == "0")
    }

    @Test func theSeedDrawsTheHeldOutSamples() throws {
        let results = try ["0", "0", "1"].map {
            try Self.run("--layers", "fc4*", "--seed", $0, "--held-out", "0.25", "--format", "tsv").text
        }
        #expect(results[0] == results[1] && results[0] != results[2])
        #expect(
            results[0].split(separator: "\n")[1].split(separator: "\t")[0] == "225", "a quarter of 300 is held out, and no label is given")
    }

    @Test func transformersWithOneAnswerASampleArePruned() throws {
        let result = try BuiltCommand.run([
            "circuit", Fixtures.path("transformers/grokking"), "--method", "prune", "--data", "modadd:5", "--layers", "*W_out", "--control",
            "1",
            "--format", "json", "--quiet",
        ])
        #expect(result.status == 0, "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let circuit = try #require((document["circuits"] as? [[String: Any]])?.first)
        #expect(document["precision"] as? String == "single")
        #expect((circuit["loss"] as? Double ?? 1) <= 0.01 && (circuit["kept"] as? Int ?? 0) > 0)
    }

    @Test(arguments: [
        (["--label", "12"], 1, "has the label 12, found labels 0 1 2 3 4 5 6 7 8 9"),
        (["--layers", "fc9"], 1, "no layer matches 'fc9'; the nearest are"),
        (["--layers", "fc1.bias"], 1, "tensor 'fc1.bias' is not a weight matrix"),
        (["--objective", "label-loss"], 64, "--objective label-loss needs --label or --per-label"),
        (["--label", "1", "--per-label"], 64, "--label cannot be combined with --per-label"),
        (["--tolerance", "-1"], 64, "--tolerance"),
        (["--held-out", "1"], 64, "--held-out: expected a number above 0 and below 1, found '1'"),
        (["--limit", "1"], 1, "too few samples"),
        (["--kept", "--format", "json"], 64, "--kept writes tsv"),
        (["--bootstrap=-1"], 64, "--bootstrap must be between 0 and 100000"),
        (["--bootstrap", "1000000000"], 64, "--bootstrap must be between 0 and 100000"),
    ]) func mistakesAreNamedInOneLine(options: [String], status: Int, words: String) throws {
        let result = try BuiltCommand.run(Self.mlp + options)
        #expect(Int(result.status) == status && result.output.isEmpty)
        #expect(result.errors.contains(words), "\(result.errors)")
        if status == 1 { #expect(result.errors.split(separator: "\n").count { !$0.contains("note: ") } == 1, "\(result.errors)") }
    }

    /// If one of the samples that circuits are judged on is NaN, so is the mean over them.
    @Test func aSampleThatIsNoNumberLeavesNoDivergence() throws {
        let identity = HandWorkedModel.identity.map { 2 * $0 }
        let result = try HandWorkedModel.shell(
            "\"$M\" circuit m.safetensors --method prune --data x --labels y --eval bad --eval-labels y --format json --quiet",
            files: ["bad": IDXFile.bytes(shape: [3, 3], values: [.nan] + identity.dropFirst())])
        #expect(result.status == 0 && result.errors.contains("warning: m.safetensors: the loss is not a number"), "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        let circuit = try #require((document["circuits"] as? [[String: Any]])?.first)
        for judged in [document["intact"], circuit["heldOut"], circuit["control"]] {
            #expect((judged as? [String: Any])?["divergence"] is NSNull)
        }
        #expect((circuit["loss"] as? Double ?? 1) <= 0.01)
    }

    /// The data are split before the search for circuits; a sample is named by its place in the file.
    @Test(arguments: 0..<3)
    func aLabelOutOfRangeIsNamedByItsPlace(sample: Int) throws {
        let labels: [UInt8] = (0..<3).map { UInt8($0 == sample ? 7 : $0) }
        let result = try HandWorkedModel.shell(
            "\"$M\" circuit m.safetensors --method prune --data x --labels z --quiet",
            files: ["z": IDXFile.bytes(shape: [3], values: labels)])
        #expect(result.status == 1 && result.errors.contains("sample \(sample) has a label out of the model's range"), "\(result.errors)")
    }

    @Test func runningTextIsRefusedWithTheReason() throws {
        let result = try BuiltCommand.shell(
            "f=$(mktemp --suffix .bin); printf '\\1\\0\\2\\0\\3\\0\\4\\0\\1\\0\\2\\0\\3\\0\\4\\0' > $f; \"$M\" circuit \"$1\" --method prune --data $f --context 4",
            Fixtures.path("gpt2-tiny"))
        #expect(result.status == 1 && result.errors.contains("pruning needs one right class for each sample"), "\(result.errors)")
    }

    @Test func circuitsAreComparedByTheirParts() throws {
        let (hand, masks) = (Fixtures.path("circuits/hand.jsonl"), Fixtures.path("circuits/masks.npz"))
        let rows = try BuiltCommand.run("circuit", "--compare", hand, masks, "--format", "tsv").rows
        #expect(rows[0] == ["a", "b", "kept_a", "kept_b", "shared", "union", "overlap", "status"])
        #expect(rows[1] == [hand + ":0", hand + ":1", "4", "2", "1", "5", "0.2", "ok"])
        #expect(rows[2] == [hand + ":0", masks + ":0", "4", "3", "3", "4", "0.75", "ok"])
        #expect(rows[6] == [masks + ":0", masks + ":7", "3", "5", "1", "7", TextOf.seventh, "ok"])
        #expect(rows.count == 7)
        let json = try BuiltCommand.run("circuit", "--compare", hand, "--format", "json")
        let document = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
        let file = try #require((document["files"] as? [[String: Any]])?.first)
        #expect(
            file["meanKept"] as? Double == 3 && abs((file["meanSize"] as? Double ?? 0) - 0.3) < 1e-15
                && file["meanOverlap"] as? Double == 0.2)
        #expect(document["sharedByAll"] as? Int == 1 && document["union"] as? Int == 5 && document["kind"] as? String == "weights")
    }

    @Test func masksAreReadFromStandardInput() throws {
        let masks = Fixtures.path("circuits/masks.npz")
        let named = try BuiltCommand.run("circuit", "--compare", masks, "--format", "tsv")
        let piped = try BuiltCommand.shell(#"cat "$1" | "$M" circuit --compare - --format tsv"#, masks)
        #expect(piped.status == 0 && piped.rows.map { $0.dropFirst(2) } == named.rows.map { $0.dropFirst(2) }, "\(piped.errors)")
    }

    /// An endless input is refused by its first bytes, with which no format begins.
    @Test(arguments: [
        ["info", "-"], ["ablate", "models/mnist-mlp.pt", "--clusters", "-", "--data", "models/mnist-mlp.npz"],
        ["circuit", "--compare", "-"], ["eval", "models/mnist-mlp.pt", "--data", "-", "--quiet"],
    ])
    func endlessInputIsRefusedByItsBeginning(_ arguments: [String]) throws {
        let resolved = arguments.map { $0.hasPrefix("models/") ? Fixtures.path($0) : $0 }
        // What the command leaves unread ends the writer: the count that it reached is far below what it would write.
        let result = try BuiltCommand.shell(#"head -c 100000000 < <(yes 2> /dev/null) 2> /dev/null | "$M" "$@""#, resolved)
        #expect(result.status == 1 && result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    @Test func masksOfOtherShapesAreRefused() throws {
        try TemporaryFolder.with { folder in
            for (name, shape) in [("a", "[2,3]"), ("b", "[3,2]")] {
                let circuit = #"{"schema":"modinspect.circuit/1","circuits":[{"layers":[{"layer":"w","shape":\#(shape),"places":[3]}]}]}"#
                try circuit.write(toFile: "\(folder)/\(name).json", atomically: true, encoding: .utf8)
            }
            let result = try BuiltCommand.run("circuit", "--compare", folder + "/a.json", folder + "/b.json")
            #expect(
                result.status == 1
                    && result.errors.contains("tensor 'w': has a different shape than in \(folder)/a.json, expected 2x3, found 3x2"))
        }
    }

    private enum TextOf { static let seventh = "\(1.0 / 7)" }

    @Test func edgesAreComparedByTheirEnds() throws {
        let edges = Fixtures.path("circuits/edges.json")
        let rows = try BuiltCommand.run("circuit", "--compare", edges, "--format", "tsv").rows
        #expect(rows[1] == [edges + ":0", edges + ":1", "2", "2", "1", "3", "\(1.0 / 3)", "ok"])
        let mixed = try BuiltCommand.run("circuit", "--compare", edges, Fixtures.path("circuits/masks.npz"))
        #expect(mixed.status == 1 || mixed.status == 64)
        #expect(mixed.errors.contains("holds circuits of a different kind, expected edges"), "\(mixed.errors)")
    }

    @Test(arguments: [
        ("{}", "line 1 holds no circuit"),
        ("{\"schema\":\"modinspect.eval/1\",\"circuits\":[]}", "expected modinspect.circuit/1, found modinspect.eval/1"),
        ("", "standard input is empty"), ("label\tlayer\n", "holds no circuits, expected the json"),
        ("{\"schema\":\"modinspect.circuit/1\",\"layers\":[{\"layer\":\"a\",\"places\":[-1]}]}", "a weight that 'a' cannot have"),
    ]) func filesWithoutCircuitsAreNamed(content: String, words: String) throws {
        let result = try BuiltCommand.run(["circuit", "--compare", "-"], input: Data(content.utf8))
        #expect(result.status == 1 && result.errors.hasPrefix("modinspect: standard input: ") || content == "{}")
        #expect(result.status == 1 && result.errors.contains(content == "{}" ? "standard input" : words), "\(result.errors)")
    }
}
