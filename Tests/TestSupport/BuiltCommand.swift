import Foundation

/// The result of a run of the built `modinspect`.
package struct CommandResult: Sendable {
    package let output: Data
    package let errors: String
    /// The exit status, or the negated number of the signal that ended the process.
    package let status: Int32

    package var text: String { String(decoding: output, as: UTF8.self) }

    /// The rows of a result in tsv, its header first.
    package var rows: [[String]] {
        text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
    }
}

/// Runs the `modinspect` that was built beside the tests.
package enum BuiltCommand {
    /// The binary, which is in the same folder as the test bundle.
    package static let path: String = {
        let test = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent("modinspect").path
    }()

    /// Runs the command with the arguments.
    package static func run(_ arguments: String..., input: Data = Data()) throws -> CommandResult {
        try run(arguments, input: input)
    }

    /// Runs the command with the arguments.
    package static func run(_ arguments: [String], input: Data = Data()) throws -> CommandResult {
        try start(path, arguments, input: input)
    }

    /// Runs a line of shell in which `$M` is the command; the arguments are `$1`, `$2`, ...
    package static func shell(_ line: String, _ arguments: String..., input: Data = Data()) throws -> CommandResult {
        try shell(line, arguments, input: input)
    }

    /// Runs a line of shell in which `$M` is the command; the arguments are `$1`, `$2`, ...
    package static func shell(_ line: String, _ arguments: [String], input: Data = Data()) throws -> CommandResult {
        // Signals that this process ignores, as one that has workers does SIGPIPE, would be ignored there too.
        try start("/usr/bin/env", ["--default-signal", "/bin/bash", "-c", line, "bash"] + arguments, input: input)
    }

    private static func start(_ program: String, _ arguments: [String], input: Data) throws -> CommandResult {
        try TemporaryFolder.with { folder in
            let names = ["in", "out", "err"].map { folder + "/" + $0 }
            try input.write(to: URL(fileURLWithPath: names[0]))
            for name in names[1...] { try Data().write(to: URL(fileURLWithPath: name)) }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(["M": path]) { $1 }
            process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: names[0]))
            process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: names[1]))
            process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: names[2]))
            try process.run()
            process.waitUntilExit()
            return CommandResult(
                output: try Data(contentsOf: URL(fileURLWithPath: names[1])),
                errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: names[2])), as: UTF8.self),
                status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus)
        }
    }
}

/// A folder that exists for as long as a test needs it.
package enum TemporaryFolder {
    package static func with<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("modinspect-test-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }
}

/// The files of `fixtures/`.
package enum Fixtures {
    package static let folder: String = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("fixtures").path

    package static func path(_ name: String) -> String { folder + "/" + name }

    /// A published checkpoint in the folder `shared/checkpoints` beside the repository; nil where it is absent.
    package static func published(_ name: String) -> String? {
        var parent = URL(fileURLWithPath: folder).deletingLastPathComponent()
        while parent.path != "/" {
            parent.deleteLastPathComponent()
            let path = parent.appendingPathComponent("shared/checkpoints/" + name).path
            if FileManager.default.fileExists(atPath: path) { return path }
        }
        return nil
    }
}
