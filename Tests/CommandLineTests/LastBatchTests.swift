import Foundation
import TestSupport
import Testing

/// Batch norm measures its batch: for one sample it would output zeros, which PyTorch refuses to train on.
@Suite struct LastBatchTests {
    private func finetune(_ samples: Int, _ options: [String], in folder: String) throws -> CommandResult {
        func numbers(_ count: Int) -> [Float] { (0..<count).map { Float($0 * 7 % 13) / 13 - 0.5 } }
        try SafetensorsFile.bytes([
            ("fc1.weight", [5, 4], numbers(20)), ("fc1.bias", [5], numbers(5)), ("bn1.weight", [5], numbers(5).map { $0 + 1 }),
            ("bn1.bias", [5], numbers(5)), ("bn1.running_mean", [5], numbers(5)), ("bn1.running_var", [5], numbers(5).map { $0 + 1 }),
            ("fc2.weight", [3, 5], numbers(15)), ("fc2.bias", [3], numbers(3)),
        ]).write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
        try IDXFile.bytes(shape: [samples, 4], values: numbers(samples * 4)).write(to: URL(fileURLWithPath: folder + "/x"))
        try IDXFile.bytes(shape: [samples], values: (0..<samples).map { UInt8($0 % 3) }).write(to: URL(fileURLWithPath: folder + "/y"))
        return try BuiltCommand.shell(
            "cd \"$1\" && shift && \"$M\" finetune m.safetensors --arch fc1,bn1,relu,fc2 --data x --labels y -o o.safetensors --log - \"$@\"",
            [folder] + options)
    }

    private func lines(_ result: CommandResult) throws -> [[String: Any]] {
        try result.text.split(separator: "\n").map { try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]) }
    }

    @Test(arguments: [("1", 4), ("2", 2), ("5", 2)]) func aLastBatchOfOneSampleIsLeftOut(accumulation: String, steps: Int) throws {
        try TemporaryFolder.with { folder in
            let options = ["--batch", "16", "--epochs", "2", "--accumulate", accumulation]
            let result = try finetune(33, options, in: folder)
            #expect(result.status == 0, "\(result.errors)")
            let lines = try lines(result)
            #expect(lines[0]["leftOut"] as? Int == 1 && lines[0]["steps"] as? Int == steps && lines.count == steps + 1)
            #expect(lines.dropFirst().compactMap { $0["epoch"] as? Int } == (0..<steps).map { $0 / (steps / 2) + 1 })
            let warnings = result.errors.split(separator: "\n").filter { $0.contains("warning") }
            #expect(warnings.count == 1 && warnings[0].hasSuffix("each epoch leaves out its last batch"), "\(result.errors)")
            // Two are enough.
            let whole = try finetune(34, options + ["--force"], in: folder)
            #expect(whole.status == 0 && !whole.errors.contains("warning"), "\(whole.errors)")
            #expect(try self.lines(whole)[0]["leftOut"] as? Int == 0)
        }
    }

    @Test func oneSampleAloneIsAnError() throws {
        try TemporaryFolder.with { folder in
            let cases: [(Int, [String])] = [(1, []), (1, ["--full-batch"]), (8, ["--batch", "1"])]
            for (samples, options) in cases {
                let result = try finetune(samples, options, in: folder)
                #expect(
                    result.status == 1
                        && result.errors.hasSuffix(
                            "batch norm cannot be trained on batches of 1 sample, expected at least 2 samples, found 1\n"),
                    "\(result.errors)")
            }
        }
    }
}
