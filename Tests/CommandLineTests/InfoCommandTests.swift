import Foundation
import TestSupport
import Testing

@Suite struct InfoCommandTests {
    @Test func aReportSaysWhatTheFileIs() throws {
        let result = try BuiltCommand.run(
            "info", Fixtures.path("mlp.tar"), Fixtures.path("gpt2-tiny"), Fixtures.path("containers/onnx/numbered.onnx"), "--format", "json"
        )
        #expect(result.status == 0, "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        #expect(document["schema"] as? String == "modinspect.info/2")
        #expect(document["seed"] is NSNull)
        let checkpoints = try #require(document["checkpoints"] as? [[String: Any]])
        #expect(checkpoints.map { $0["family"] as? String } == ["chain", "gpt2", "chain"])
        // The shapes in the ONNX file are those of a chain; what runs is its graph.
        #expect(
            checkpoints.map { $0["runsAs"] as? String } == [checkpoints[0]["architecture"] as? String, "gpt2", "the graph in its file"])
        // 64*48 + 48 + 2 * (48*48 + 48) + 48*10 + 10
        #expect(checkpoints[0]["parameters"] as? Int == 8314)
        let tensor = try #require(
            (checkpoints[1]["tensors"] as? [[String: Any]])?.first { $0["tensor"] as? String == "transformer.h.0.mlp.c_fc.weight" })
        #expect(tensor["shape"] as? [Int] == [32, 128])
        #expect(tensor["out"] as? Int == 128 && tensor["in"] as? Int == 32)
        #expect(tensor["scored"] as? Bool == true)
    }

    @Test func weightsThatAreNotFiniteAreCountedAndSaid() throws {
        let result = try BuiltCommand.run("info", Fixtures.path("nan.npz"), Fixtures.path("infinite.safetensors"), "--format", "tsv")
        #expect(result.status == 0)
        let columns = try ["nan", "infinite", "status"].map { try #require(result.rows[0].firstIndex(of: $0)) }
        let spoilt = result.rows.filter { $0[1] == "spoilt" }.map { row in columns.map { row[$0] } }
        #expect(spoilt == [["1", "0", "ok"], ["0", "1", "ok"]])
        #expect(result.errors.contains("nan.npz: tensor 'spoilt': 1 NaN and 0 infinite among its weights"))
    }

    /// A sparse file of one float32 tensor that takes `bytes`, all of them zero.
    private func sparse(_ path: String, bytes: Int) throws {
        var header = Array(#"{"w.weight": {"dtype": "F32", "shape": [262144, \#(bytes >> 20)], "data_offsets": [0, \#(bytes)]}}"#.utf8)
        header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        try Data(length + header).write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: UInt64(8 + header.count + bytes))
        try file.close()
    }

    /// A large checkpoint is described from its headers alone, unless its weights are requested.
    @Test func weightsOfALargeCheckpointAreCountedOnRequest() throws {
        try TemporaryFolder.with { folder in
            // 256 GiB, which would take minutes to read.
            try sparse(folder + "/large.safetensors", bytes: 1 << 38)
            let arguments = ["info", folder + "/large.safetensors", "--no-sha256"]
            let text = try BuiltCommand.run(arguments).text
            #expect(text.contains("not counted") && text.contains("--check-values"))
            let result = try BuiltCommand.run(arguments + ["--format", "json"])
            let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
            let tensor = try #require(((document["checkpoints"] as? [[String: Any]])?.first?["tensors"] as? [[String: Any]])?.first)
            #expect(tensor["nan"] is NSNull && tensor["infinite"] is NSNull)
            let rows = try BuiltCommand.run(arguments + ["--format", "tsv"]).rows
            let columns = try ["nan", "infinite"].map { try #require(rows[0].firstIndex(of: $0)) }
            #expect(columns.map { rows[1][$0] } == ["", ""])
        }
        let small = try BuiltCommand.run("info", Fixtures.path("nan.npz"), "--check-values")
        #expect(small.status == 0 && !small.text.contains("not counted"))
    }

    @Test func namesCannotBreakRowsOrTheTerminal() throws {
        let file = try SafetensorsFile.bytes([(name: "a\tb\nc\u{1B}[31m\u{202E}", shape: [2, 2], values: [1, 2, 3, 4])])
        try TemporaryFolder.with { folder in
            try file.write(to: URL(fileURLWithPath: folder + "/m"))
            let rows = try BuiltCommand.run("info", folder + "/m", "--format", "tsv").rows
            #expect(rows.count == 2 && rows[1].count == rows[0].count)
            #expect(!(try BuiltCommand.run("info", folder + "/m").text.contains { "\u{1B}\u{202E}".contains($0) }))
            // The escaped name in the clusters is read back as the tensor's.
            let piped = try BuiltCommand.shell("\"$M\" cluster \"$1\" -k 2 | \"$M\" score \"$1\" --clusters - --format tsv", folder + "/m")
            #expect(piped.status == 0, "\(piped.errors)")
        }
    }

    /// Each layer of a network takes kilobytes: a file of a million small tensors would take gigabytes to be described.
    @Test func aVeryLongChainIsDescribedWithoutANetwork() throws {
        let names = (0...10_000).map {
            "\"\($0).weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[\(16 * $0),\(16 * $0 + 16)]}"
        }
        let header = Data("{\(names.joined(separator: ","))}".utf8)
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        try TemporaryFolder.with { folder in
            try (length + header + Data(count: 16 * names.count)).write(to: URL(fileURLWithPath: folder + "/m.safetensors"))
            let result = try BuiltCommand.run("info", folder + "/m.safetensors")
            #expect(result.status == 0, "\(result.errors)")
            let words = result.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(words.contains("no: has more layers than are described as a chain, expected at most 10000, found 10001"))
            #expect(result.text.contains("10000.weight") && !result.text.contains("operation"))
        }
    }

    @Test func aPatternThatMatchesNothingNamesTheNearest() throws {
        let result = try BuiltCommand.run("info", Fixtures.path("mlp.tar"), "--layers", "fc9.weight")
        #expect(result.status == 1)
        #expect(result.errors.contains("no layer matches 'fc9.weight'; the nearest are 'fc1.weight'"))
    }

    @Test(.enabled(if: Fixtures.published("mod_addition_no_wd.pth") != nil, "the published checkpoints are not here"))
    func theGrokkingModelsAreKnownByTheirNames() throws {
        let shared = try #require(Fixtures.published("mod_addition_no_wd.pth"))
        let rows = try BuiltCommand.run("info", shared, "--format", "tsv").rows
        let matrices = Dictionary(rows.map { ($0[1], [$0[5], $0[6], $0[7]]) }, uniquingKeysWith: { $1 })
        // W_E [128, 114] is [out, in]; W_U [128, 114] is [in, out]; W_pos [3, 128] is [in, out]; heads [4, 32, 128].
        #expect(matrices["embed.W_E"] == ["128", "114", "0"])
        #expect(matrices["unembed.W_U"] == ["114", "128", "0"])
        #expect(matrices["pos_embed.W_pos"] == ["128", "3", "0"])
        #expect(matrices["blocks.0.attn.W_K"] == ["128", "128", "0"])
        #expect(matrices["blocks.0.mlp.W_in"] == ["512", "128", "1"])
    }
}
