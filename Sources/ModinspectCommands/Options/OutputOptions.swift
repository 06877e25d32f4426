import ArgumentParser

/// Where results and remarks go; shared by every subcommand.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write the result to FILE, which appears complete or not at all; - is standard output.", valueName: "file"),
        completion: .file())
    var output: String?

    @OptionGroup var remarks: RemarkOptions

    mutating func validate() throws {
        if output == "" { throw ValidationError("--output needs the name of a file, or -") }
    }

    /// Where the result goes; `-` is standard output.
    var path: String { output ?? "-" }

    var diagnostics: Diagnostics { remarks.diagnostics }

    /// Opens where the result goes.
    func resultStream() throws -> ResultStream { ResultStream(try Destination(path: output)) }

    /// A bar that is shown if the options and the terminal ask for one.
    func progressBar(_ label: String, total: Int, unit: String) -> Progress {
        remarks.progressBar(label, total: total, unit: unit)
    }
}

/// The formats that every report has.
enum ReportFormat: String, Choice {
    case text, tsv, json, jsonl

    var documentation: String {
        switch self {
        case .text: "Rounded tables for people to read."
        case .tsv: "A header line, then one row per line, with tabs between the columns."
        case .json: "One document for all checkpoints."
        case .jsonl: "One line of JSON for each row or checkpoint."
        }
    }

    /// Whether the format carries the checkpoints' hashes.
    var hasProvenance: Bool {
        switch self {
        case .json, .jsonl: true
        case .text, .tsv: false
        }
    }
}
