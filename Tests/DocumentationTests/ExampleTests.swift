import Foundation
import TestSupport
import Testing

@Suite struct ExampleTests {
    @Test(arguments: Document.paths) func commandsWriteWhatTheDocumentShows(path: String) throws {
        let examples = try Document(path).examples
        #expect(!examples.isEmpty)
        let run = examples.filter(\.canRun)
        try Session.with { session in
            let outputs = try session.outputs(of: run.map(\.command))
            try #require(outputs.count == run.count)
            for (example, output) in zip(run, outputs) {
                #expect(ShownOutput.matches(example.output, output), "\(path):\(example.line): \(example.command)\n\(output)")
            }
        }
    }

    private static let hasPythonModules =
        (try? BuiltCommand.shell("python3 -c 'import numpy, pandas, scipy, networkx'").status) == 0

    @Test(.enabled(if: hasPythonModules, "needs numpy, pandas, scipy and networkx"))
    func pythonSessionsPrintWhatTheTourShows() throws {
        let document = try Document("man/modinspect-tour.7")
        try Session.with { session in
            _ = try session.outputs(of: document.examples.filter { $0.command.contains(" -o ") }.map(\.command))
            for text in document.pythonSessions {
                try text.write(toFile: session.folder + "/session.txt", atomically: true, encoding: .utf8)
                let result = try BuiltCommand.shell("cd \"$1\" && python3 -m doctest session.txt", session.folder)
                #expect(result.status == 0, "\(result.text)\(result.errors)")
            }
        }
    }

    @Test func theTourHasAPythonSession() throws {
        #expect(try Document("man/modinspect-tour.7").pythonSessions.contains { $0.contains(">>> ") })
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completionScriptsParse(shell: String) throws {
        let script = try BuiltCommand.run("--generate-completion-script", shell)
        #expect(script.status == 0)
        #expect(script.text.contains("modinspect"))
        guard Example.isInstalled(shell) else { return }
        let check = try BuiltCommand.shell("\(shell) -n", input: script.output)
        #expect(check.status == 0, "\(check.errors)")
    }

    @Test func shownOutputIsComparedExactlyButForLongNumbers() {
        #expect(ShownOutput.matches(["a 0.8416512246793204 b"], "a 0.8416512246793199 b\n"))
        #expect(!ShownOutput.matches(["a 0.8416512246793204 b"], "a 0.8416602246793199 b\n"))
        #expect(!ShownOutput.matches(["a 0.8416"], "a 0.8417\n"))
        #expect(!ShownOutput.matches(["a"], "a\nb\n"))
        #expect(!ShownOutput.matches(["a", "b"], "a\n"))
        #expect(!ShownOutput.matches(["a  b"], "a b\n"))
        #expect(ShownOutput.matches([], ""))
    }
}
