import Foundation
import TestSupport
import Testing

/// The shape of samples that `init` is given, in its archive and in what is made of it.
@Suite struct InitialSamplesTests {
    /// The architecture in the `modinspect.json` of an archive.
    private static func words(_ path: String) throws -> String? {
        let note = try BuiltCommand.shell("tar xOf \"$1\" modinspect.json", path).output
        return (try JSONSerialization.jsonObject(with: note) as? [String: Any])?["architecture"] as? String
    }

    /// The rows of `eval` over two samples of a shape, but the file's name.
    private static func check(_ words: String, runsOnSamples shape: [Int], in path: String, _ folder: String) throws -> [Substring] {
        let count: Int = 2 * shape.reduce(1, *)
        let numbers: [Float] = (0..<count).map { (place: Int) -> Float in Float((place * 37) % 19) / 8 - 1 }
        try IDXFile.bytes(shape: [2] + shape, values: numbers).write(to: URL(fileURLWithPath: folder + "/x"))
        try IDXFile.bytes(shape: [2], values: [0, 2] as [UInt8]).write(to: URL(fileURLWithPath: folder + "/y"))
        let run = try BuiltCommand.run("eval", path, "--data", folder + "/x", "--labels", folder + "/y", "--format", "tsv")
        #expect(run.status == 0, "\(words): \(run.errors)")
        return run.text.split(separator: "\n").dropFirst().map { $0.drop { $0 != "\t" } }
    }

    @Test(arguments: [
        ("3x8x8:a=relu,sigmoid,concat(a),conv1(4,3),relu,flatten,fc1(3)", [3, 8, 8]),
        ("3x8x8:bn0,a=relu,sigmoid,concat(a),conv1(4,3),relu,flatten,fc1(3)", [3, 8, 8]),
        ("3x8x8:instancenorm0,a=relu,sigmoid,concat(a),conv1(4,3),relu,flatten,fc1(3)", [3, 8, 8]),
        ("6:a=tanh,relu,concat(a),fc1(5),relu,fc2(3)", [6]), ("1x8x12:conv1(4,3),relu,flatten,fc1(3)", [1, 8, 12]),
        ("3x8x12:conv1(4,3),gn1(groups=2),relu,flatten,fc1(3)", [3, 8, 12]),
        ("3x8x8:maxpool(2),conv1(4,1),relu,flatten,fc1(3)", [3, 8, 8]),
    ]) func whatWordsAloneDoNotSayIsKept(spec: String, shape: [Int]) throws {
        try TemporaryFolder.with { folder in
            let (archive, graph) = (folder + "/m.tar", folder + "/m.onnx")
            #expect(try BuiltCommand.run("init", "cnn:" + spec, "-o", archive).status == 0)
            let input = "input(" + shape.map(String.init).joined(separator: "x") + "),"
            let words = try #require(try Self.words(archive))
            #expect(words.hasPrefix(input))
            #expect(try BuiltCommand.run("convert", archive, "-o", graph).status == 0)
            #expect(try BuiltCommand.run("info", "--arch", graph).text.hasPrefix(input))
            let own = try Self.check(spec, runsOnSamples: shape, in: archive, folder)
            let read = try Self.check(spec, runsOnSamples: shape, in: graph, folder)
            #expect(!own.isEmpty && own == read)
        }
    }

    @Test(arguments: ["6:fc1(5),relu,fc2(3)", "3x8x12:conv1(4,3),relu,globalavgpool,flatten,fc1(3)"]) func whatRunsOnAnySizeStaysOpen(
        spec: String
    ) throws {
        try TemporaryFolder.with { folder in
            #expect(try BuiltCommand.run("init", "cnn:" + spec, "-o", folder + "/m.tar").status == 0)
            let words = try Self.words(folder + "/m.tar")
            #expect(words?.contains("input") == false)
        }
    }

    @Test func wordsThatCannotKnowTheShapeSayWhatGivesIt() throws {
        try TemporaryFolder.with { folder in
            let graph = "a=relu,sigmoid,concat(a),conv1,relu,flatten,fc1"
            let spec = "cnn:3x8x8:a=relu,sigmoid,concat(a),conv1(4,3),relu,flatten,fc1(3)"
            #expect(try BuiltCommand.run("init", spec, "-o", folder + "/m.safetensors").status == 0)
            let run = try BuiltCommand.run("convert", folder + "/m.safetensors", "--arch", graph, "-o", folder + "/m.onnx")
            #expect(run.status == 1 && run.errors.contains("expected 6, found 12; the words leave the shape of samples open, which input("))
            #expect(!FileManager.default.fileExists(atPath: folder + "/m.onnx"))
            // 4 x 6 x 10 numbers are also those of other sizes.
            #expect(try BuiltCommand.run("init", "cnn:1x8x12:conv1(4,3),relu,flatten,fc1(3)", "-o", folder + "/n.safetensors").status == 0)
            let open = try BuiltCommand.run(
                "convert", folder + "/n.safetensors", "--arch", "conv1,relu,flatten,fc1", "-o", folder + "/n.onnx")
            #expect(open.status == 1 && open.errors.contains("leaves the shape of samples open"), "\(open.errors)")
            let given = try BuiltCommand.run(
                "convert", folder + "/n.safetensors", "--arch", "input(1x8x12),conv1,relu,flatten,fc1", "-o", folder + "/n.onnx")
            #expect(given.status == 0, "\(given.errors)")
        }
    }

    @Test func aModelWithoutWeightsIsRefused() throws {
        try TemporaryFolder.with { folder in
            let run = try BuiltCommand.run("init", "cnn:6:relu", "-o", folder + "/m.tar")
            #expect(run.status == 64 && run.errors.contains("cnn: has no module with weights"), "\(run.errors)")
        }
    }
}
