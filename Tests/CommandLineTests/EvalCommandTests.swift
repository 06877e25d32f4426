import Foundation
import TestSupport
import Testing

@Suite struct EvalCommandTests {
    private static let run = "$M eval m.safetensors --data x --labels y --quiet "

    private func json(_ result: CommandResult) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any], "\(result.errors)")
    }

    @Test func theHandWorkedModelIsRight() throws {
        let result = try HandWorkedModel.shell(Self.run + "--format json")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let document = try json(result)
        #expect(document["schema"] as? String == "modinspect.eval/1")
        #expect(document["data"] as? String == "x" && document["seed"] as? Int == 0)
        let found = try #require((document["checkpoints"] as? [[String: Any]])?.first)
        #expect(found["path"] as? String == "m.safetensors" && (found["sha256"] as? String)?.count == 64)
        #expect(found["architecture"] as? String == "fc1,relu,fc2,relu,fc3")
        #expect(found["samples"] as? Int == 3 && found["answers"] as? Int == 3 && found["correct"] as? Int == 3)
        #expect(found["accuracy"] as? Double == 1 && found["perplexity"] is NSNull)
        #expect(abs(try #require(found["loss"] as? Double) - HandWorkedModel.loss) < 1e-6)
        let classes = try #require(found["classes"] as? [[String: Any]])
        #expect(classes.map { $0["label"] as? Int } == [0, 1, 2] && classes.map { $0["count"] as? Int } == [1, 1, 1])
    }

    @Test func everyFormatSaysTheSame() throws {
        let rows = try HandWorkedModel.shell(Self.run + "--format tsv").rows
        #expect(rows.map(\.count) == [10, 10, 10, 10, 10])
        #expect(rows[0] == ["checkpoint", "label", "count", "correct", "accuracy", "loss", "perplexity", "task", "name", "status"])
        #expect(rows[1].prefix(5) == ["m.safetensors", "all", "3", "3", "1"] && rows[1][6] == "nan")
        let lines = try HandWorkedModel.shell("$M eval m.safetensors m.safetensors --data x --labels y --quiet --format jsonl").text.split(
            separator: "\n")
        #expect(lines.count == 2 && lines[0] == lines[1] && lines[0].hasPrefix(#"{"schema":"modinspect.eval/1","#))
        let text = try HandWorkedModel.shell(Self.run)
        #expect(text.text.contains("accuracy    1.0000, 3 right\n") && text.text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test func anAssumedArchitectureIsNoted() throws {
        let result = try HandWorkedModel.shell("$M eval m.safetensors --data x --labels y")
        #expect(
            result.errors == "modinspect: note: m.safetensors: ReLU is assumed between its linear layers: --arch 'fc1,relu,fc2,relu,fc3'\n")
        let given = try HandWorkedModel.shell("$M eval m.safetensors --data x --labels y --arch ' fc1 , relu,fc2,relu,fc3'")
        #expect(given.status == 0 && given.errors.isEmpty && given.output == result.output)
    }

    @Test(arguments: ["--threads 1", "--threads 2", "--threads 3", "--limit 99999999", "--normalize 0,1"])
    func sameBytes(options: String) throws {
        let result = try HandWorkedModel.shell(Self.run + "--format json > a; " + Self.run + "--format json \(options) | cmp - a")
        #expect(result.status == 0, "\(result.text) \(result.errors)")
    }

    @Test(arguments: ["", "--batch 1", "--batch 7", "--batch 100000000"]) func accuracyIsThatOfPyTorchForAnyBatch(options: String) throws {
        let model = Fixtures.path("models/mnist-mlp")
        let rows = try BuiltCommand.shell("\"$M\" eval \"$1.pt\" --data \"$1.npz\" --format tsv --quiet \(options)", model).rows
        #expect(rows[1][2...4] == ["300", "285", "0.95"])
        #expect(rows[2...].map { $0[3] } == ["33", "32", "27", "28", "29", "22", "29", "27", "27", "31"])
    }

    @Test func logitsAreANumpyArray() throws {
        let result = try HandWorkedModel.shell(
            Self.run + "--logits l.npy > /dev/null; cat l.npy; " + Self.run + "--logits - -o o | cmp - l.npy && head -1 o >&2")
        #expect(result.status == 0 && result.errors == "m.safetensors\n")
        let header = String(decoding: result.output.prefix(128), as: UTF8.self)
        #expect(header.contains("'descr': '<f4', 'fortran_order': False, 'shape': (3, 3)") && result.output.count == 128 + 36)
        let values = result.output.dropFirst(128).withUnsafeBytes { bytes in
            (0..<9).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
        #expect(values == [2, 0, 1, 0, 2, 1, 0, 0, 3])
    }

    @Test func logitsNeedNoLabels() throws {
        let result = try HandWorkedModel.shell("$M eval m.safetensors --data x --logits l.npy --format tsv --quiet; wc -c < l.npy")
        #expect(
            result.status == 0 && result.rows[1] == ["m.safetensors", "all", "0", "0", "nan", "nan", "nan", "-", "-", "ok"]
                && result.rows[2] == ["164"])
    }

    @Test(arguments: [
        "cat x | $M eval m.safetensors --data - --labels y", "cat y | $M eval m.safetensors --data x --labels -",
        "cat m.safetensors | $M eval - --data x --labels y", "tar cf - m.safetensors | $M eval - --data x --labels y",
    ])
    func standardInputStandsForAnyFile(line: String) throws {
        let result = try HandWorkedModel.shell(line + " --quiet --format tsv")
        #expect(result.status == 0 && result.rows[1][1...4] == ["all", "3", "3", "1"], "\(result.errors)")
    }

    @Test(arguments: [
        ("--data x --labels y <&- -o o", 0, ""), ("--data - --labels y <&-", 1, "modinspect: -: bad file descriptor"),
        ("--data - --labels y </dev/null", 1, "modinspect: -: standard input is empty"),
        ("--data x --labels y -o /dev/full", 1, "modinspect: /dev/full: cannot write: no space left on device"),
        ("--data x --labels y --logits /dev/full", 1, "modinspect: /dev/full: cannot write: no space left on device"),
        ("--data x --labels y --logits no/l.npy", 1, "modinspect: no/l.npy: cannot write: no such file or directory"),
        ("--data x --labels y >&-", 1, "modinspect: standard output: cannot write: bad file descriptor"),
        ("--data missing", 1, "modinspect: missing: no such file or directory"),
        ("--data /dev/null", 1, "modinspect: /dev/null: is a device, expected a regular file"),
        ("--data .", 1, "modinspect: .: is a directory, expected a regular file"),
        (
            "--data x", 1,
            "modinspect: m.safetensors: x: has no answers to compare with; --labels FILE gives them, --logits FILE.npy saves the scores"
        ),
        (
            "--data pictures --labels y", 1,
            "modinspect: m.safetensors: pictures: the samples do not fit the model, expected samples of 3, found samples of 8x8"
        ),
        (
            "--data x --labels y3", 1,
            "modinspect: m.safetensors: x: sample 2 has a label out of the model's range, expected 0 to 2, found 3"
        ),
        ("--data modadd:5", 1, "modinspect: m.safetensors: modadd:5: the model reads numbers, expected samples of 3, found token ids"),
        ("--data t.txt", 1, "modinspect: t.txt: text needs a tokenizer, and the checkpoint has no tokenizer.json"),
        ("missing --data x --labels y -o o", 1, "modinspect: missing: no such file or directory\nmodinspect: 1 of 2 checkpoints failed"),
    ])
    func oneLineSaysWhatIsWrong(options: String, status: Int, line: String) throws {
        let files = ["y3": IDXFile.bytes(shape: [3], values: [0, 1, 3] as [UInt8]), "t.txt": Data("text".utf8)]
        let result = try HandWorkedModel.shell("$M eval m.safetensors --quiet " + options, files: files)
        #expect(
            result.status == Int32(status) && result.errors == (line.isEmpty ? "" : line + "\n") && result.output.isEmpty,
            "\(result.errors)")
    }

    @Test(arguments: [
        ("--data -", "-", "standard input can be read only once"),
        ("--data x --logits -", "m", "only one result can be written to standard output, found --logits and --output"),
        ("--data x --logits o -o o", "m", "--logits and --output name the same file"),
        ("--data x --logits o m", "m", "--logits takes one checkpoint"),
        ("--data x --limit 0", "m", "--limit must be at least 1"), ("--data x --batch 0", "m", "--batch must be at least 1"),
        ("--data x --context 1", "m", "--context must be at least 2"), ("", "m", "missing option --data <data>"),
        ("--data x --arch ''", "m", "--arch: has an empty element"), ("--data x --arch 'a,,b'", "m", "--arch: has an empty element"),
        ("--data x --arch 'a('", "m", "--arch: has no closing parenthesis"),
        ("--data x --arch 'a)'", "m", "--arch: expected a comma, found ')'"),
        ("--data x --normalize 0,0", "m", "--normalize: a standard deviation that is not positive"),
    ])
    func wrongUsageIsStatus64(options: String, checkpoint: String, message: String) throws {
        let result = try HandWorkedModel.shell("$M eval \(checkpoint) " + options)
        #expect(result.status == 64 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("modinspect: eval: ") && result.errors.contains(message), "\(result.errors)")
    }

    @Test func aBadCheckpointIsReportedAndTheOthersAreDone() throws {
        let result = try HandWorkedModel.shell("$M eval m.safetensors missing m.safetensors --data x --labels y --quiet --format tsv")
        #expect(
            result.status == 1
                && result.rows.map { $0.last } == ["status"] + Array(repeating: "ok", count: 4) + ["failed"]
                    + Array(repeating: "ok", count: 4)
        )
        #expect(result.errors == "modinspect: missing: no such file or directory\nmodinspect: 1 of 3 checkpoints failed\n")
    }

    @Test func aClosedPipeIsSuccess() throws {
        let result = try HandWorkedModel.shell("for i in 1 2 3 4 5; do " + Self.run + "| true; echo ${PIPESTATUS[0]}; done")
        #expect(result.text == "0\n0\n0\n0\n0\n" && result.errors.isEmpty)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func aLossThatIsNoNumberIsNullAndSaid(value: Float) throws {
        let files = ["bad": try HandWorkedModel.checkpoint(bias: [value, value, value])]
        let result = try HandWorkedModel.shell("$M eval bad --data x --labels y --quiet --format json", files: files)
        #expect(result.status == 0)
        #expect(
            result.errors.hasPrefix("modinspect: warning: bad: the loss is not a number: ")
                && result.errors.split(separator: "\n").count == 1)
        let found = try #require((try json(result)["checkpoints"] as? [[String: Any]])?.first)
        #expect(found["loss"] is NSNull)
    }

    @Test func oneClassAndAThousandClassesAreNoTrouble() throws {
        let one = try HandWorkedModel.checkpoint(output: [1, 1, 1], bias: [0])
        let many = try HandWorkedModel.checkpoint(output: [Float](repeating: 0, count: 3000), bias: [Float](repeating: 0, count: 1000))
        let files = ["one": one, "many": many, "zeros": IDXFile.bytes(shape: [3], values: [0, 0, 0] as [UInt8])]
        let single = try HandWorkedModel.shell("$M eval one --data x --labels zeros --quiet --format tsv", files: files)
        #expect(single.rows.dropFirst().map { Array($0[1...5]) } == [["all", "3", "3", "1", "0"], ["0", "3", "3", "1", "0"]])
        let text = try HandWorkedModel.shell("$M eval many --data x --labels y --task classify --quiet", files: files)
        #expect(text.status == 0 && text.text.contains("loss        6.9078\n") && text.text.split(separator: "\n").count < 12)
    }

    /// 1e300 is infinite in single precision, in which networks compute.
    @Test func aWeightBeyondSinglePrecisionIsNamed() throws {
        try TemporaryFolder.with { folder in
            let header = Data(#"{"fc.weight":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]}}"#.utf8)
            var file = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header
            for value in [1, 1e300, 0, 1] as [Double] { withUnsafeBytes(of: value.bitPattern.littleEndian) { file.append(contentsOf: $0) } }
            try file.write(to: URL(fileURLWithPath: folder + "/wide.safetensors"))
            try IDXFile.bytes(shape: [1, 2], values: [1, 2] as [Float]).write(to: URL(fileURLWithPath: folder + "/x"))
            try IDXFile.bytes(shape: [1], values: [1] as [UInt8]).write(to: URL(fileURLWithPath: folder + "/y"))
            for line in [
                "eval --data x --labels y", "finetune --data x --labels y -o o.tar --steps 1", "circuit --method prune --data x --labels y",
            ] {
                let result = try BuiltCommand.shell("cd \"$1\"; \"$M\" \(line) wide.safetensors --quiet", folder)
                #expect(result.status == 1 && result.output.isEmpty)
                #expect(
                    result.errors
                        == "modinspect: wide.safetensors: tensor 'fc.weight': has a weight beyond the range of f32, expected at most 3.40e38 in magnitude, found 1e+300\n"
                )
            }
        }
    }
}
