import Foundation
import TestSupport
import Testing

@Suite struct AblateCommandTests {
    private static let run = "$M ablate m.safetensors --clusters c.tsv --data x --labels y --quiet "

    @Test func theHandWorkedClustersMatter() throws {
        let result = try HandWorkedModel.shell(Self.run + "--format tsv")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let rows = result.rows
        #expect(
            rows[0] == [
                "layer", "intervention", "cluster", "neurons", "moved", "relative_change", "mean_change", "accuracy", "loss", "accuracy_0",
                "accuracy_1", "accuracy_2",
            ])
        #expect(
            rows.dropFirst().map { Array($0[0...4]) } == [
                ["-", "intact", "", "0", "0"], ["fc2.weight", "off", "0", "1", "1"], ["fc2.weight", "off", "1", "1", "1"],
                ["fc2.weight", "off", "2", "1", "1"],
                ["fc2.weight", "on", "0", "2", "1"], ["fc2.weight", "on", "1", "2", "1"], ["fc2.weight", "on", "2", "2", "1"],
            ])
        // One or two of the three equal outputs are taken away.
        #expect(rows[2].dropFirst(5).first.flatMap(Double.init).map { abs($0 - (1.0 / 3).squareRoot()) < 1e-12 } == true)
        #expect(
            rows.dropFirst().map { Array($0[9...]) } == [
                ["1", "1", "1"], ["0", "1", "1"], ["1", "0", "1"], ["1", "1", "1"], ["1", "0", "1"], ["0", "1", "1"], ["0", "0", "1"],
            ])
        #expect(abs(try #require(Double(rows[1][8])) - HandWorkedModel.loss) < 1e-6)
    }

    @Test func weightsOfTheseClustersAreTheSameSwitches() throws {
        let results = try ["activations", "weights"].map { try HandWorkedModel.shell(Self.run + "--format tsv --reading \($0)").rows }
        // All but the mean change, which is over the switched outputs in one reading and over all in the other.
        func compared(_ rows: [[String]]) -> [[String]] { rows.map { Array($0[..<6] + $0[7...]) } }
        #expect(results[1].count == 8 && compared(results[0]) == compared(results[1]))
    }

    @Test func dependenceCountsTheSwitchesThatSpoil() throws {
        let result = try HandWorkedModel.shell(Self.run + "--dependence")
        #expect(result.rows[0] == ["layer", "intervention", "clusters", "answers"])
        // Off: samples 0 and 1 lack their own neuron once; on: they lack it twice. Sample 2 stays right.
        #expect(result.rows.dropFirst().map { $0[3] } == ["1", "2", "0", "0", "1", "0", "2", "0"])
        let document = try #require(
            try JSONSerialization.jsonObject(with: try HandWorkedModel.shell(Self.run + "--format json").output) as? [String: Any])
        let layer = try #require((document["layers"] as? [[String: Any]])?.first)
        #expect(
            document["schema"] as? String == "modinspect.ablate/2" && document["reading"] as? String == "activations"
                && document["fill"] as? String == "zero")
        let dependence = try #require(layer["dependence"] as? [String: [Int]])
        #expect(dependence == ["off": [1, 2, 0, 0], "on": [1, 0, 2, 0]])
    }

    @Test(arguments: ["tsv", "jsonl"]) func eachAnswerIsARow(format: String) throws {
        let result = try HandWorkedModel.shell(Self.run + "--per-sample --format \(format)")
        #expect(result.status == 0)
        if format == "tsv" {
            #expect(
                result.rows.count == 1 + 3 * 7
                    && result.rows[0] == [
                        "sample", "position", "target", "layer", "intervention", "cluster", "prediction", "correct", "loss",
                    ])
            #expect(result.rows[2][..<8] == ["0", "0", "0", "fc2.weight", "off", "0", "2", "0"])
        } else {
            let lines = result.text.split(separator: "\n")
            let second = try #require(try JSONSerialization.jsonObject(with: Data(lines[1].utf8)) as? [String: Any])
            #expect(
                lines.count == 21 && second["prediction"] as? Int == 2 && second["correct"] as? Bool == false
                    && second["cluster"] as? Int == 0)
        }
    }

    @Test(arguments: ["", "--control 3", "--fill mean", "--reading weights"]) func textIsForEyes(options: String) throws {
        let result = try BuiltCommand.shell(
            "\"$M\" ablate \"$1.pt\" --clusters \"$1.clusters.tsv\" --data \"$1.npz\" --limit 60 --quiet \(options)",
            Fixtures.path("models/mnist-mlp"))
        #expect(result.status == 0 && !result.text.isEmpty)
        // The first lines hold paths.
        let lines: [Substring] = result.text.split(separator: "\n")
        #expect(lines.count > 3 && lines[3...].allSatisfy { $0.count <= 80 }, "\(result.text)")
    }

    @Test(arguments: ["--threads 1", "--threads 3", "--threads 1 --fill resample", "--threads 1 --control 4", "--threads 1 --fill mean"])
    func threadsDoNotChangeAByte(options: String) throws {
        let other = options.replacing("--threads 1", with: "--threads 2").replacing("--threads 3", with: "--threads 2")
        let line = "\"$M\" ablate \"$1.pt\" --clusters \"$1.clusters.tsv\" --data \"$1.npz\" --batch 16 --limit 90 --quiet --format json "
        let result = try BuiltCommand.shell("cmp <(\(line) \(options)) <(\(line) \(other))", Fixtures.path("models/mnist-mlp"))
        #expect(result.status == 0, "\(result.text) \(result.errors)")
    }

    @Test func anotherSeedIsAnotherControl() throws {
        let rows = try [0, 1].map { try HandWorkedModel.shell(Self.run + "--fill resample --control 5 --format tsv --seed \($0)").rows }
        #expect(
            rows[0] != rows[1]
                && rows[0][0].suffix(6) == [
                    "control_accuracy_mean", "control_accuracy_sd", "control_accuracy_p", "control_loss_mean", "control_loss_sd",
                    "control_loss_p",
                ])
    }

    @Test(arguments: [
        "cat c.tsv | $M ablate m.safetensors --clusters - --data x --labels y",
        "cat x | $M ablate m.safetensors --clusters c.tsv --data - --labels y",
        "cat m.safetensors | $M ablate - --clusters c.tsv --data x --labels y",
        "$M cluster m.safetensors -k 2 --method contiguous --quiet | $M ablate m.safetensors --clusters - --data x --labels y",
    ])
    func standardInputStandsForAnyFile(line: String) throws {
        let result = try HandWorkedModel.shell(line + " --quiet --format tsv")
        #expect(result.status == 0 && result.rows.count >= 6, "\(result.errors)")
    }

    @Test(arguments: [
        ("other", "c: layer 'other.weight' is not a weight matrix of the checkpoint"),
        ("short", "c: layer 'fc2.weight' leaves out out-neuron 2, expected 3 neurons, found 2"),
        ("long", "c: layer 'fc2.weight' has no out-neuron 3, expected 3 neurons from 0 to 2"),
        ("twice", "c: layer 'fc2.weight' names in-neuron 2 twice"),
        (
            "none",
            "m.safetensors: layer 'fc2.weight': out-neuron 1 has weights and is in no cluster, expected clusters that partition the layer, found 1 of 3 out-neurons without one"
        ),
        ("huge", "c: layer 'fc2.weight' has an impossible cluster for out-neuron 0, expected -1 to 4095, found 1000000000"),
        ("head", "c: has no clusters"), ("json", "c: line 1 holds no clusters, "),
    ])
    func clustersThatAreNoPartitionAreRefused(kind: String, message: String) throws {
        let text: [String: String] = [
            "other": HandWorkedModel.clusters(layer: "other.weight"), "short": HandWorkedModel.clusters(out: [0, 1]),
            "long": HandWorkedModel.clusters(out: [0, 1, 2, 0]),
            "twice": HandWorkedModel.clusters() + "fc2.weight\tin\t2\t2\n", "none": HandWorkedModel.clusters(out: [0, -1, 2]),
            "huge": HandWorkedModel.clusters(out: [1_000_000_000, 1, 2]), "head": "layer\tside\tindex\tcluster\n",
            "json": #"{"layers": 3}"#,
        ]
        let result = try HandWorkedModel.shell(
            "$M ablate m.safetensors --clusters c --data x --labels y --quiet", files: ["c": Data(try #require(text[kind]).utf8)])
        #expect(result.status == 1 && result.output.isEmpty && result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.hasPrefix("modinspect: " + message), "\(result.errors)")
    }

    @Test(arguments: [
        ("--layers fc1.weight", "c.tsv: layer 'fc1.weight' is not in the file"),
        ("--layers nothing", "m.safetensors: no layer matches 'nothing'"),
        ("-o /dev/full", "/dev/full: cannot write: no space left on device"),
        (">/dev/full", "standard output: cannot write: no space left on device"),
        ("--clusters missing", "missing: no such file or directory"),
        ("--clusters - <&-", "standard input: bad file descriptor"),
        ("--data pictures", "m.safetensors: pictures: the samples do not fit the model, expected samples of 3, found samples of 8x8"),
        ("--labels y3", "m.safetensors: x: sample 2 has a label out of the model's range, expected 0 to 2, found 3"),
        ("-o no/o", "no/o: cannot write: no such file or directory"),
    ])
    func oneLineSaysWhatIsWrong(options: String, message: String) throws {
        let result = try HandWorkedModel.shell(Self.run + options, files: ["y3": IDXFile.bytes(shape: [3], values: [0, 1, 3] as [UInt8])])
        #expect(result.status == 1 && result.errors.split(separator: "\n").count == 1)
        #expect(result.errors.hasPrefix("modinspect: " + message), "\(result.errors)")
    }

    @Test(arguments: [
        ("--per-sample --dependence", "--per-sample cannot be combined with --dependence"),
        ("--per-sample --format json", "--per-sample writes tsv or jsonl"),
        ("--dependence --format json", "--dependence writes tsv"), ("--control 100001", "--control must be between 0 and 100000"),
        ("--control 2 --per-sample", "--control cannot be combined with --per-sample"),
        ("--control 2 --dependence", "--control cannot be combined with --dependence"),
        ("--reading weights --fill mean", "--reading weights sets weights to 0 and cannot be combined with --fill mean"),
        ("--data - --clusters -", "standard input can be read only once"),
    ])
    func wrongUsageIsStatus64(options: String, message: String) throws {
        let result = try HandWorkedModel.shell(Self.run + options)
        #expect(
            result.status == 64 && result.output.isEmpty && result.errors.hasPrefix("modinspect: ablate: " + message), "\(result.errors)")
    }

    @Test func aSwitchThatMovesNothingIsNoResult() throws {
        // Cluster 1 has no neuron; with one cluster nothing is left to switch when it is on; one sample is its own mean and partner.
        let files = [
            "empty": Data(HandWorkedModel.clusters(out: [0, 0, 2], in: [0, 0, 2]).utf8),
            "one": Data(HandWorkedModel.clusters(out: [0, 0, 0], in: [0, 0, 0]).utf8),
        ]
        for (clusters, options, count, idle) in [
            ("empty", "", "1 of 6", "off 1"), ("one", "", "1 of 2", "on 0"), ("one", "--limit 1 --fill mean", "2 of 2", "off 0, on 0"),
            ("one", "--limit 1 --fill resample", "2 of 2", "off 0, on 0"),
        ] {
            let result = try HandWorkedModel.shell(
                "$M ablate m.safetensors --clusters \(clusters) --data x --labels y --quiet --format tsv \(options)", files: files)
            #expect(
                result.status == 0
                    && result.errors
                        == "modinspect: warning: m.safetensors: layer 'fc2.weight': \(count) interventions had no effect; their measures are undefined: \(idle)\n",
                "\(result.errors)")
            let still = result.rows.dropFirst(2).filter { $0[4] == "0" }
            #expect(
                still.map { "\($0[1]) \($0[2])" }.joined(separator: ", ") == idle && still.allSatisfy { $0[7] == "nan" && $0[8] == "nan" })
        }
    }

    @Test func weightsThatAreNoNumbersDoNotStopIt() throws {
        let files = ["bad": try HandWorkedModel.checkpoint(bias: [.nan, 0, 0])]
        let result = try HandWorkedModel.shell(
            "$M ablate bad --clusters c.tsv --data x --labels y --quiet --format json --control 2", files: files)
        #expect(result.status == 0 && result.errors.hasPrefix("modinspect: warning: bad: the loss is not a number: "), "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        #expect((document["intact"] as? [String: Any])?["loss"] is NSNull)
    }

    @Test func aClosedPipeIsSuccess() throws {
        let result = try HandWorkedModel.shell(Self.run + "--per-sample | head -1 > /dev/null; echo ${PIPESTATUS[0]}")
        #expect(result.text == "0\n" && result.errors.isEmpty)
    }

    @Test func aFailureLeavesTheOldFileAlone() throws {
        let result = try HandWorkedModel.shell("echo old > o; " + Self.run + "--data pictures -o o 2> /dev/null; cat o; ls -A | wc -l")
        #expect(result.text == "old\n7\n")
    }
}
