import Foundation
import TestSupport
import Testing

@Suite struct UnreadableTensorCommandTests {
    private func info(_ name: String) throws -> [String: Any] {
        let result = try BuiltCommand.run("info", Fixtures.path(name), "--format", "json")
        #expect(result.status == 0, "\(result.errors)")
        let document = try #require(try JSONSerialization.jsonObject(with: result.output) as? [String: Any])
        return try #require((document["checkpoints"] as? [[String: Any]])?.first)
    }

    @Test func infoListsThem() throws {
        let listed = try #require(try info("unreadable/tensors.pt")["unreadable"] as? [[String: Any]])
        #expect(listed.count == 9)
        let sparse = try #require(listed.first { $0["tensor"] as? String == "csr" })
        #expect(sparse["dtype"] as? String == "sparse_csr f64" && sparse["shape"] as? [Int] == [5, 5])
        #expect((sparse["reason"] as? String)?.hasPrefix("a sparse tensor") == true)

        let text = try BuiltCommand.run("info", Fixtures.path("unreadable/tensors.pt")).text
        #expect(text.contains("2 tensors") && text.contains("9 tensors cannot be read"))
        #expect(text.contains("quint8") && text.contains("fc2.weight"))
        let rows = try BuiltCommand.run("info", Fixtures.path("unreadable/types.safetensors"), "--format", "tsv").rows
        #expect(rows.map { $0.last } == ["status", "ok", "ok", "unreadable", "unreadable", "unreadable"])
        #expect(rows[3][1...3] == ["packed", "F4", "3x8"] && Set(rows.map(\.count)).count == 1)
        #expect(try BuiltCommand.run("info", Fixtures.path("unreadable/only-sparse.pt")).status == 0)
    }

    @Test func otherCommandsLeaveThemOutUnlessTheyAreAskedFor() throws {
        let path = Fixtures.path("unreadable/tensors.pt")
        let scored = try BuiltCommand.run("score", path, "-k", "2", "--layers", "all", "--format", "tsv")
        #expect(scored.status == 0, "\(scored.errors)")
        #expect(scored.errors.contains("left out 9 tensors that cannot be read: 'complex' (complex64)"))
        #expect(Set(scored.rows.dropFirst().map { $0[1] }).isSuperset(of: ["fc1.weight", "fc2.weight"]))

        let asked = try BuiltCommand.run("score", path, "-k", "2", "--layers", "coo")
        #expect(asked.status == 1 && asked.errors.contains("tensor 'coo': a sparse tensor"))
        let nothing = try BuiltCommand.run("score", Fixtures.path("unreadable/only-sparse.pt"), "-k", "2")
        #expect(nothing.status == 1 && nothing.errors.contains("tensor 'only': a sparse tensor"))
        // One cause, one line.
        #expect(nothing.errors.split(separator: "\n").count == 1, "\(nothing.errors)")
        // A chain does not run if what cannot be read may be its biases.
        let run = try info("unreadable/types.safetensors")
        #expect((run["runProblem"] as? String)?.contains("are not supported") == true)
    }

    @Test func infoNamesTheGlobalsOfEveryPickle() throws {
        for name in ["sidecars.pt", "flagged.pt"] {
            let globals = try #require(try info("unreadable/" + name)["globals"] as? [[String: Any]])
            let foreign = globals.filter { $0["foreign"] as? Bool == true }
            #expect(foreign.contains { $0["global"] as? String == "os.system" && $0["member"] as? String == "archive/extra.pkl" })
            #expect(foreign.count == 7)
            let unscanned = try #require(try info("unreadable/" + name)["unscanned"] as? [[String: Any]])
            #expect(unscanned.map { $0["member"] as? String } == ["archive/cut.pkl"])
            let result = try BuiltCommand.run("info", Fixtures.path("unreadable/" + name))
            #expect(result.text.contains("7 beyond tensors and plain data"))
            #expect(result.errors.contains("would import or call") && result.errors.contains("os.system"))
        }
    }

    @Test func infoShowsTheMetadataOfGGUF() throws {
        let metadata = try #require(try info("gguf/types.gguf")["metadata"] as? [[String: Any]])
        #expect(metadata.first?["key"] as? String == "general.architecture" && metadata.first?["value"] as? String == "llama")
        let words = try #require(metadata.first { $0["key"] as? String == "words" })
        #expect(words["value"] as? [String] == ["a", "bc", ""])
        #expect(try BuiltCommand.run("info", Fixtures.path("gguf/types.gguf")).text.contains("general.architecture = llama"))
    }
}
