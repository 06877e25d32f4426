import Foundation
import TestSupport
import Testing

/// The words that `info --arch` has for graphs of ONNX: for those that `convert` writes, and for those of PyTorch with constants of the exporter's.
@Suite struct WrittenGraphWordsTests {
    /// Rows of `eval`'s tsv, but the file's name.
    private static func losses(_ path: String, _ data: [String], _ words: String? = nil) throws -> [Substring] {
        let run = try BuiltCommand.run(["eval", path, "--format", "tsv"] + data + (words.map { ["--arch", $0] } ?? []))
        #expect(run.status == 0, "\(words ?? ""): \(run.errors)")
        return run.text.split(separator: "\n").dropFirst().map { $0.drop { $0 != "\t" } }
    }

    private static func samples(_ shape: [Int], _ folder: String) throws -> [String] {
        let count: Int = 2 * shape.reduce(1, *)
        let numbers: [Float] = (0..<count).map { (place: Int) -> Float in Float((place * 37) % 19) / 8 - 1 }
        try IDXFile.bytes(shape: [2] + shape, values: numbers).write(to: URL(fileURLWithPath: folder + "/x"))
        try IDXFile.bytes(shape: [2], values: [0, 2] as [UInt8]).write(to: URL(fileURLWithPath: folder + "/y"))
        return ["--data", folder + "/x", "--labels", folder + "/y"]
    }

    @Test(arguments: [
        ("3x9x9:conv1(4,1),relu,adaptiveavgpool(2),flatten,fc1(3)", [3, 9, 9], "adaptiveavgpool(2xany),adaptiveavgpool(anyx2)"),
        ("3x8x12:adaptiveavgpool(4x3),conv1(4,1),relu,flatten,fc1(3)", [3, 8, 12], "adaptiveavgpool("),
        ("6:fc1(5),softplus(beta=2,threshold=1),fc2(3)", [6], "softplus(beta=2,threshold=1)"),
        ("6:fc1(5),softplus(threshold=0.5),fc2(3)", [6], "softplus(beta=1,threshold=0.5)"),
    ]) func whatIsWrittenHasWordsAgain(spec: String, shape: [Int], part: String) throws {
        try TemporaryFolder.with { folder in
            let (archive, graph) = (folder + "/m.tar", folder + "/m.onnx")
            let made = try BuiltCommand.run("init", "cnn:" + spec, "-o", archive)
            #expect(made.status == 0, "\(made.errors)")
            #expect(try BuiltCommand.run("convert", archive, "-o", graph).status == 0)
            let info = try BuiltCommand.run("info", "--arch", graph)
            #expect(info.status == 0, "\(info.errors)")
            let words = info.text.split(separator: "\n").joined()
            #expect(words.contains(part), "\(words)")
            let data = try Self.samples(shape, folder)
            let (own, again) = (try Self.losses(archive, data), try Self.losses(graph, data, words))
            // Rows and columns are pooled one after the other, so that the last digit may differ.
            let numbers = zip(own, again).map { zip(Self.numbers($0), Self.numbers($1)).map { abs($0 - $1) }.max() ?? 1 }
            #expect(!own.isEmpty && own.count == again.count && numbers.allSatisfy { $0 < 1e-6 }, "\(own), \(again)")
        }
    }

    private static func numbers(_ row: Substring) -> [Double] { row.split(separator: "\t").compactMap { Double($0) } }

    /// The file has the factors of a norm's operator as tensors, which are none of the model's.
    @Test func constantsOfNormsAreNamedAsUnread() throws {
        try TemporaryFolder.with { folder in
            let (graph, bare) = (Fixtures.path("roles/normed.script.onnx"), folder + "/m.safetensors")
            let words = try BuiltCommand.run("info", "--arch", graph).text.split(separator: "\n").joined()
            #expect(words.contains(",unread("), "\(words)")
            let converted = try BuiltCommand.run("convert", graph, "-o", bare)
            #expect(converted.status == 0 && !converted.errors.contains("does not run"), "\(converted.errors)")
            let run = try BuiltCommand.run("info", bare, "--arch", words)
            #expect(run.status == 0 && !run.text.contains("runs        no"), "\(run.text)\(run.errors)")
        }
    }

    @Test func noWordsAreSuggestedForAFileWithOperationsOfItsOwn() throws {
        for file in ["graphs/frozen-traced-sorted.pt", "graphs/program-sorted.pt2"] {
            let run = try BuiltCommand.run("eval", Fixtures.path(file), "--data", Fixtures.path("models/mnist-mlp.npz"))
            #expect(run.status == 1 && !run.errors.contains("would describe"), "\(run.errors)")
        }
    }
}
