import Archives
import ArgumentParser

/// Where results and remarks go; shared by every subcommand.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Write the result to FILE, which appears complete or not at all and replaces an earlier one; - is standard output.",
            valueName: "file"),
        completion: .file())
    var output: String?

    @OptionGroup var remarks: RemarkOptions

    mutating func validate() throws {
        if output == "" { throw ValidationError("--output needs the name of a file, or -") }
    }

    /// Where the result goes; `-` is standard output.
    var path: String { output ?? "-" }

    /// Whether the result goes into a directory, which may not exist yet.
    var isDirectory: Bool { path != "-" && (path.hasSuffix("/") || FilePath.isDirectory(path)) }

    /// The file that the result goes to; nil for pictures that go into a directory.
    func path(ofPictures arePictures: Bool) -> String? { arePictures && isDirectory ? nil : path }

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

    /// The same format among those with pictures.
    var withPictures: PictureFormat {
        switch self {
        case .text: .text
        case .tsv: .tsv
        case .json: .json
        case .jsonl: .jsonl
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

/// The formats of results that have pictures.
enum PictureFormat: String, Choice {
    case text, tsv, json, jsonl, svg

    /// The format as a report's; nil for pictures.
    var report: ReportFormat? {
        switch self {
        case .text: .text
        case .tsv: .tsv
        case .json: .json
        case .jsonl: .jsonl
        case .svg: nil
        }
    }

    var documentation: String { report?.documentation ?? "A picture: one sheet, or in a directory a file for each." }

    /// Whether the format carries the checkpoints' hashes.
    var hasProvenance: Bool { report?.hasProvenance ?? false }
}
