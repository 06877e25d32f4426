import Archives
import ArgumentParser
import Checkpoints
import Datasets
import Glibc
import Text

struct TokensCommand: FileCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Shows the tokens of a text, or of pairs of prompts.",
        usage: """
            modinspect tokens [<options>] <checkpoint> [<text>]
            modinspect tokens --pairs <file> [<options>] <checkpoint>
            """,
        discussion: """
            Encodes a text with a checkpoint's tokenizer.json, or with a tokenizer.json itself, and writes a row for each token: its id, \
            the characters of the text that it stands for, and how the vocabulary writes it. Control characters are written as escapes.

            With --pairs, the prompts of each pair are shown side by side, with their lengths and where they differ. Patching needs \
            prompts of the same length.
            """)

    @Argument(help: "The checkpoint, a directory with a tokenizer.json, or a tokenizer.json.", completion: .file())
    var checkpoint: String

    @Argument(help: "The text, or a file that holds it; - or no text is standard input.", completion: .file())
    var text: String?

    @Option(
        name: .customLong("pairs"),
        help: ArgumentHelp("Show the prompt pairs in FILE (JSON or CSV), as modinspect patch reads them.", valueName: "file"),
        completion: .file())
    var pairs: String?

    @Flag(name: .customLong("special"), help: "Add the special tokens that the tokenizer puts around a text; pairs always have them.")
    var addsSpecial = false

    @Option(help: ArgumentHelp("Show only the first N tokens, or pairs.", valueName: "n"))
    var limit: Int?

    @Option(help: "The format of the result.")
    var format = ReportFormat.text

    @Option(help: ArgumentHelp("The model to read from an archive that holds several.", valueName: "path"))
    var member: String?

    @OptionGroup var output: OutputOptions

    var fileUse: FileUse {
        let named = text.flatMap { $0 == "-" || FilePath.isFile($0) ? $0 : nil }
        return FileUse(
            reading: [
                ("the checkpoint", checkpoint), ("the text", named ?? (text == nil && pairs == nil ? "-" : nil)), ("--pairs", pairs),
            ],
            writing: [("--output", output.path)])
    }

    func validate() throws {
        if pairs != nil, text != nil { throw ValidationError("--pairs cannot be combined with a text") }
        if pairs != nil, addsSpecial { throw ValidationError("--special is for a text; pairs always have the special tokens") }
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1") }
    }

    func run() throws {
        let run = CheckpointRun(diagnostics: output.diagnostics)
        // Opened first: a result that can go nowhere is not worth computing.
        let stream = try output.resultStream()
        try run.forEach([checkpoint]) { path in
            let (file, name) = try tokenizerFile(path)
            let tokenizer = try Tokenizer(file, path: name)
            let hash = format.hasProvenance ? ByteRegion.sha256(of: [file]) { _ in } : nil
            func provenance(_ source: String?) -> Provenanced<TokensSetting> {
                Provenanced(
                    TokensSetting.schema, seed: nil, checkpoint: CheckpointSource(path: path, sha256: hash),
                    TokensSetting(source: source, vocabulary: tokenizer.vocabularySize))
            }
            if let pairs {
                try pairsReport(tokenizer, pairs, provenance(pairs)).write(format, to: stream)
            } else {
                let (text, source) = try givenText()
                let pieces = try tokenizer.pieces(of: text, addingSpecialTokens: addsSpecial ? .byTemplate : .never)
                let scalars = Array(text.unicodeScalars)
                let rows = pieces.prefix(limit ?? pieces.count).enumerated().map { TokenRow($0, $1, of: scalars) }
                try TokensReport(provenance: provenance(source), tokens: rows).write(format, to: stream)
            }
            try stream.finish()
        }
        try run.end()
    }

    /// The tokenizer's file and its name: beside the weights, or the argument itself.
    private func tokenizerFile(_ path: String) throws -> (ByteRegion, String) {
        let beside = path + (path.hasSuffix("/") ? "" : "/") + "tokenizer.json"
        if path != "-", FilePath.isDirectory(path), member == nil, FilePath.isFile(beside) {
            return (try contents(beside), beside)
        }
        if path != "-", path.hasSuffix(".json"), FilePath.isFile(path) {
            let file = try contents(path)
            // An index of shards is JSON too.
            if file.inMemory.withUnsafeBytes({ JSONCursor.member("model", of: $0) }) != nil { return (file, path) }
        }
        let opened = try Checkpoint.open(path, options: Checkpoint.Options(member: member))
        let found: ByteRegion?
        do throws(Problem) {
            found = try opened.tokenizerFile()
        } catch {
            throw error.at(path: path)
        }
        guard let file = found else {
            throw Problem(path: path, problem: "has no tokenizer.json", expected: "a checkpoint with a tokenizer, or a tokenizer.json")
        }
        return (file, path + "/tokenizer.json")
    }

    private func contents(_ path: String) throws -> ByteRegion {
        do {
            return try ByteRegion.contents(path: path)
        } catch {
            throw error.at(path: path)
        }
    }

    /// The text with the file that it is from.
    private func givenText() throws -> (text: String, source: String?) {
        if let text, text != "-", !FilePath.isFile(text) { return (text, nil) }
        let path = text ?? "-"
        let region: ByteRegion
        do {
            region = path == "-" ? try ByteRegion.standardInput(isKnown: { _ in true }) : try ByteRegion.contents(path: path)
        } catch {
            throw error.at(path: path)
        }
        guard let text = region.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw Problem(path: path, problem: "is not text", expected: "UTF-8")
        }
        return (text, path)
    }

    private func pairsReport(
        _ tokenizer: Tokenizer, _ path: String, _ provenance: Provenanced<TokensSetting>
    ) throws -> TokenizedPairsReport {
        func ids(_ piece: PromptPairs.Piece) throws -> [Int32] {
            switch piece {
            case .tokens(let ids): ids
            case .text(let text): try tokenizer.encode(text, addingSpecialTokens: .byTemplate)
            }
        }
        let all = try PromptPairs.open(path).pairs
        let pairs = try all.prefix(limit ?? all.count).enumerated().map { number, pair in
            TokenizedPair(number, try ids(pair.clean), try ids(pair.corrupted)) { token in
                // A part of a character has no text of its own.
                tokenizer.text(of: token).flatMap { $0.contains("\u{FFFD}") ? tokenizer.entry(of: token) : $0 }
            }
        }
        let unequal = pairs.count { $0.cleanLength != $0.corruptedLength }
        if unequal > 0 {
            output.diagnostics.note("\(path): the prompts of \(unequal) of \(pairs.count) pairs differ in length, which patching refuses")
        }
        return TokenizedPairsReport(provenance: provenance, pairs: pairs)
    }
}

extension FilePath {
    /// Whether the path leads to something other than a directory.
    fileprivate static func isFile(_ path: String) -> Bool { access(path, F_OK) == 0 && !isDirectory(path) }
}
