import Foundation
import TestSupport

/// The README and the manual pages as lines.
struct Document: Sendable {
    /// The path below the repository.
    let path: String
    let lines: [String]

    init(_ path: String) throws {
        self.path = path
        lines = try String(contentsOfFile: Self.root + "/" + path, encoding: .utf8).components(separatedBy: "\n")
    }

    /// The repository's folder.
    static let root = URL(fileURLWithPath: Fixtures.folder).deletingLastPathComponent().path

    static let paths = [
        "README.md", "man/modinspect.1", "man/modinspect-info.1", "man/modinspect-graph.1", "man/modinspect-cluster.1",
        "man/modinspect-score.1", "man/modinspect-compare.1", "man/modinspect-eval.1", "man/modinspect-tokens.1",
        "man/modinspect-record.1", "man/modinspect-ablate.1",
        "man/modinspect-patch.1", "man/modinspect-circuit.1", "man/modinspect-init.1", "man/modinspect-finetune.1",
        "man/modinspect-permute.1", "man/modinspect-extract.1", "man/modinspect-convert.1", "man/modinspect-plot.1",
        "man/modinspect-report.1", "man/modinspect-audit.1",
        "man/modinspect-formats.5", "man/modinspect-tour.7", "man/modinspect-methods.7", "man/modinspect-models.7",
    ]

    /// The blocks between a line that `opens` and one that is `close`, without these.
    private func blocks(opening opens: (String) -> Bool, close: String) -> [[(line: Int, text: String)]] {
        var blocks: [[(line: Int, text: String)]] = []
        var current: [(line: Int, text: String)]?
        for (place, line) in lines.enumerated() {
            if let block = current {
                if line == close {
                    blocks.append(block)
                    current = nil
                } else {
                    current = block + [(place + 1, line)]
                }
            } else if opens(line) {
                current = []
            }
        }
        return blocks
    }

    /// The commands that the document shows, each with the output shown below it.
    var examples: [Example] {
        if path.hasSuffix(".md") { return blocks(opening: { $0 == "```console" }, close: "```").flatMap(Example.all) }
        return blocks(opening: { $0.hasPrefix(".Bd -literal") }, close: ".Ed").flatMap { block in
            Example.all(block.map { ($0.line, Document.plain(mdoc: $0.text)) })
        }
    }

    /// The Python sessions that a manual page shows: literal blocks that begin with a prompt.
    var pythonSessions: [String] {
        blocks(opening: { $0.hasPrefix(".Bd -literal") }, close: ".Ed").filter { $0.first?.text.hasPrefix(">>> ") ?? false }.map {
            $0.map { Document.plain(mdoc: $0.text) }.joined(separator: "\n") + "\n"
        }
    }

    /// A line of a literal block without the escapes of roff.
    static func plain(mdoc line: String) -> String {
        line.replacingOccurrences(of: "\\&", with: "").replacingOccurrences(of: "\\e", with: "\\")
    }
}

/// A command as a document shows it: `$ command`, with a `\` at the end of lines that go on or `> ` before those that
/// continue it, then its output.
struct Example: Sendable {
    let line: Int
    let command: String
    let output: [String]

    static func all(_ block: [(line: Int, text: String)]) -> [Example] {
        var examples: [Example] = []
        var command: (line: Int, text: String)?
        var output: [String] = []
        func close() {
            if let command { examples.append(Example(line: command.line, command: command.text, output: output)) }
            output = []
        }
        for (line, text) in block {
            if text.hasPrefix("$ ") {
                close()
                command = (line, String(text.dropFirst(2)))
            } else if let open = command, output.isEmpty, open.text.hasSuffix("\\") {
                command = (open.line, open.text + "\n" + text)
            } else if let open = command, output.isEmpty, text.hasPrefix("> ") {
                command = (open.line, open.text + "\n" + text.dropFirst(2))
            } else if command != nil {
                output.append(text)
            }
        }
        close()
        return examples
    }

    /// Programs in examples that a machine may lack.
    private static let optionalPrograms = ["jq"]

    /// Whether this machine has the programs that the command needs.
    var canRun: Bool {
        Self.optionalPrograms.allSatisfy { program in
            !command.contains(program + " ") || Example.isInstalled(program)
        }
    }

    static func isInstalled(_ program: String) -> Bool {
        (try? BuiltCommand.shell("command -v \(program)").status) == 0
    }
}

/// The folder in which a document's commands run one after the other: it holds the fixtures, and `fixtures` itself.
struct Session {
    let folder: String

    static func with<Result>(_ body: (Session) throws -> Result) throws -> Result {
        try TemporaryFolder.with { folder in
            let manager = FileManager.default
            try manager.createSymbolicLink(atPath: folder + "/fixtures", withDestinationPath: Fixtures.folder)
            for name in try manager.contentsOfDirectory(atPath: Fixtures.folder) {
                try manager.createSymbolicLink(atPath: folder + "/" + name, withDestinationPath: Fixtures.path(name))
            }
            return try body(Session(folder: folder))
        }
    }

    /// What the commands write to both standard streams, one after the other in one shell.
    func outputs(of commands: [String]) throws -> [String] {
        let mark = "\u{1E}"
        var script = "cd \"$1\"\nPATH=\(BuiltCommand.path.dropLast("/modinspect".count)):$PATH\nset -o pipefail\nexec 2>&1\n"
        for command in commands {
            script += "(exit ${status:-0})\n\(command)\nstatus=$?\nprintf '\(mark)'\n"
        }
        let text = try BuiltCommand.shell(script, folder).text
        return text.components(separatedBy: mark).dropLast()
    }
}
