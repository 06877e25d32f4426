import Archives
import ArgumentParser
import Plots
import Text

/// The formats of pictures.
enum PlotFormat: String, Choice {
    case svg

    var documentation: String { PictureFormat.svg.documentation }
}

struct PlotCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draws results that a subcommand wrote earlier.",
        usage: "modinspect plot [<options>] <files> ...",
        discussion: """
            A FILE is the json, jsonl or tsv of score, cluster, ablate, patch, circuit, compare, eval or audit, or the log of finetune. Nothing \
            is computed again: the picture is that of the subcommand's --format svg.

            Several files of scores, of audits, or of eval on the same data, become one picture, and so do two or more files of circuits by label; \
            all others have pictures of their own. Several pictures are placed below each other on one sheet, or in a directory, one file each.
            """)

    @Argument(help: "Files that a subcommand wrote; - is standard input.", completion: .file())
    var files: [String]

    @Option(help: "The format of the picture.")
    var format = PlotFormat.svg

    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        FileUse(reading: files.map { ("the result", $0) }, writing: [("--output", output.path(ofPictures: true))])
    }

    func run() throws {
        // Opened first: a result that can go nowhere is not worth reading.
        let pictures = try PictureOutput(output, fileUse)
        let run = CheckpointRun(diagnostics: output.diagnostics)
        var results: [PlottedResult] = []
        for path in files { try run.attempt(path, { results.append(try Self.read(path)) }, failed: { _ in }) }
        for result in results {
            if let leftOut = result.leftOut { output.diagnostics.warning("\(result.path): \(leftOut)") }
        }
        if !results.isEmpty { try pictures.write(PlottedResult.figures(of: results)) }
        try run.end()
    }

    private static func read(_ path: String) throws -> PlottedResult {
        do {
            let content =
                path == "-"
                ? try ByteRegion.standardInput(limit: PlottedResult.maximumLength)
                : try ByteRegion.contents(path: path, limit: PlottedResult.maximumLength)
            return try content.withUnsafeBytes { try PlottedResult($0, path: path == "-" ? "standard input" : path) }
        } catch let problem as Problem {
            // A pipe and a file without a byte are refused before they are read.
            throw problem.at(path: path == "-" ? "standard input" : path)
        }
    }
}
