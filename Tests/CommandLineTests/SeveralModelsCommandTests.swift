import Foundation
import TestSupport
import Testing

/// Files that hold several models under different keys.
@Suite struct SeveralModelsCommandTests {
    /// A call of `posix.system`, as Python's pickle writes it.
    private static let call = Data("cposix\nsystem\np0\n(Vtrue\np1\ntp2\nRp3\n.".utf8)

    private func checkpoints(_ arguments: String...) throws -> [[String: Any]] {
        let result = try BuiltCommand.run(["info", "--format", "json"] + arguments)
        #expect(result.status == 0, "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        return try #require(document["checkpoints"] as? [[String: Any]])
    }

    @Test func infoDescribesEachAsItsKeyDoes() throws {
        let path = Fixtures.path("two-keys.pt")
        let both = try checkpoints(path)
        #expect(both.map { $0["key"] as? String } == ["model", "ema"])
        for (place, key) in ["model", "ema"].enumerated() {
            let alone = try checkpoints(path, "--key", key)
            #expect(alone.count == 1 && NSDictionary(dictionary: alone[0]) == NSDictionary(dictionary: both[place]))
        }
        let text = try BuiltCommand.run("info", path).text
        let alone = try ["model", "ema"].map { try BuiltCommand.run("info", path, "--key", $0).text }
        #expect(text == alone.joined(separator: "\n"))
        let rows = try BuiltCommand.run("info", path, "--format", "tsv").rows
        let column = try #require(rows[0].firstIndex(of: "key"))
        #expect(Set(rows.map(\.count)).count == 1)
        #expect(
            rows.dropFirst().map { $0[column] }
                == both.flatMap { model in ((model["tensors"] as? [Any]) ?? []).map { _ in model["key"] as? String } })
        #expect(try BuiltCommand.run("info", path, "--format", "jsonl").text.split(separator: "\n").count == 2)
        #expect(try BuiltCommand.run("score", path).errors.contains("several models in the file, found model, ema; --key KEY picks one"))
    }

    /// What loading a later object would call is said without a key, by `info` and by the error of other commands.
    @Test func callsOfEveryObjectAreNamed() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/several.pt"
            let saves = try ["mlp-legacy.pt", "torch/views_legacy.pth"].map {
                try Data(contentsOf: URL(fileURLWithPath: Fixtures.path($0)))
            }
            try (saves[0] + saves[1] + Self.call).write(to: URL(fileURLWithPath: path))
            let both = try checkpoints(path)
            #expect(both.map { $0["key"] as? String } == ["0", "1"])
            for model in both { #expect(model["foreignGlobals"] as? [String] == ["posix.system"]) }
            let warnings = try BuiltCommand.run("info", path).errors.split(separator: "\n").filter { $0.contains("posix.system") }
            #expect(warnings.count == 1)
            let refused = try BuiltCommand.run("score", path)
            #expect(refused.status == 1 && refused.errors.split(separator: "\n").count == 1)
            #expect(
                refused.errors.contains(
                    "several models in the file; loading its pickles in Python would import or call posix.system, found 0, 1"))
        }
    }
}
