import ArgumentParser
import Glibc

/// Where results and remarks go; shared by every subcommand.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write the result to FILE, which appears complete or not at all; - is standard output.", valueName: "file"),
        completion: .file())
    var output: String?

    @Flag(help: "Keep notes and progress off standard error.")
    var quiet = false

    @Flag(help: "Show progress even where standard error is no terminal.")
    var progress = false

    mutating func validate() throws {
        if quiet, progress { throw ValidationError("--quiet and --progress exclude each other") }
        if output == "" { throw ValidationError("--output needs the name of a file, or -") }
    }

    var diagnostics: Diagnostics { Diagnostics(isQuiet: quiet) }

    /// Opens where the result goes.
    func resultStream() throws -> ResultStream { ResultStream(try Destination(path: output)) }

    /// A bar that is shown where the options and the terminal ask for one.
    func progressBar(_ label: String, total: Int, unit: String) -> Progress {
        Progress(label, total: total, unit: unit, isShown: progress || (!quiet && isatty(STDERR_FILENO) == 1))
    }
}

/// The formats that every report has.
enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
    case text, tsv, json, jsonl

    /// Whether the format carries the checkpoints' hashes.
    var hasProvenance: Bool { self == .json || self == .jsonl }
}
