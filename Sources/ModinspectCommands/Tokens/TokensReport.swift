import Datasets
import Text

/// Whose tokens they are, and of what: the head of json and of every line of jsonl.
struct TokensSetting: Encodable {
    static let schema = "modinspect.tokens/1"

    /// The file that the text or the pairs are from; nil for a text that was given itself.
    let source: String?
    /// The number of tokens that the tokenizer knows.
    let vocabulary: Int
}

/// A token of a text.
struct TokenRow: ColumnRow {
    let index: Int
    let id: Int
    let piece: String
    let text: String?
    let start: Int?
    let end: Int?
    let special: Bool

    static let columns: [Column<TokenRow>] = [
        .whole("index", "The token's place, from 0.") { $0.index },
        .whole("id", "Its number in the vocabulary.") { $0.id },
        .whole(
            "start",
            "The first character of the text that it stands for, counted in Unicode scalars; missing where the tokenizer added it."
        ) { $0.start },
        .whole("end", "The character after the last one.") { $0.end },
        .flag("special", "Whether it is a special token.") { $0.special },
        .text("piece", "As the vocabulary writes it.") { $0.piece },
        .text("text", "The characters of the text; missing where the tokenizer added it.") { $0.text },
    ]

    init(_ index: Int, _ piece: TokenPiece, of scalars: [Unicode.Scalar]) {
        self.index = index
        id = Int(piece.id)
        self.piece = piece.entry
        text = piece.range.map { range in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[range])
            return String(text)
        }
        start = piece.range?.lowerBound
        end = piece.range?.upperBound
        special = piece.isSpecial
    }
}

/// The tokens of a text, as one json document.
struct TokensReport: HeadedReport {
    let provenance: Provenanced<TokensSetting>
    let tokens: [TokenRow]

    var head: Provenanced<TokensSetting> { provenance }

    static let members: [Column<TokensReport>] = [.json("tokens", "In the order of the text.") { $0.tokens }]

    func write(_ format: ReportFormat, to stream: ResultStream) throws {
        switch format {
        case .text:
            // What may have any width comes last.
            var table = TextTable([
                ("index", .right), ("id", .right), ("start", .right), ("end", .right), ("special", .left), ("text", .left),
            ])
            for row in tokens {
                let shown = row.special || row.text == nil ? row.piece : "'\(row.text ?? "")'"
                table.add([
                    "\(row.index)", "\(row.id)", row.start.map(String.init) ?? "-", row.end.map(String.init) ?? "-",
                    row.special ? "yes" : "", shown,
                ])
            }
            try table.write { try stream.write($0) }
        case .tsv:
            try stream.write(TokenRow.columns.header())
            for row in tokens { try stream.write(TokenRow.columns.tsv(row)) }
        case .json: try ReportEncoder.write(self, isIndented: true, to: stream)
        case .jsonl:
            for row in tokens { try stream.write(try ReportEncoder.bytes(of: Joined(provenance, row), isIndented: false)) }
        }
    }
}

/// A position of a pair of prompts.
struct PairedTokenRow: ColumnRow {
    let pair: Int
    let position: Int
    let cleanID: Int?
    let clean: String?
    let corruptedID: Int?
    let corrupted: String?
    let differs: Bool

    static let columns: [Column<PairedTokenRow>] = [
        .whole("pair", "The pair, from 0.") { $0.pair },
        .whole("position", "The position, from 0.") { $0.position },
        .whole("cleanId", "The clean prompt's token; missing where the prompt has ended.") { $0.cleanID },
        .whole("corruptedId", "The corrupted prompt's, likewise.") { $0.corruptedID },
        .flag("differs", "Whether the tokens differ.") { $0.differs },
        .text("clean", "The clean token's text.") { $0.clean },
        .text("corrupted", "The corrupted token's.") { $0.corrupted },
    ]
}

/// Two prompts as tokens, position by position.
struct TokenizedPair: Encodable {
    let pair: Int
    let cleanLength: Int
    let corruptedLength: Int
    /// The positions where the tokens differ, those that only one prompt has among them.
    let differences: [Int]
    let tokens: [PairedTokenRow]

    init(_ pair: Int, _ clean: [Int32], _ corrupted: [Int32], text: (Int32) -> String?) {
        self.pair = pair
        cleanLength = clean.count
        corruptedLength = corrupted.count
        tokens = (0..<max(clean.count, corrupted.count)).map { position in
            let (a, b) = (position < clean.count ? clean[position] : nil, position < corrupted.count ? corrupted[position] : nil)
            return PairedTokenRow(
                pair: pair, position: position, cleanID: a.map(Int.init), clean: a.flatMap(text), corruptedID: b.map(Int.init),
                corrupted: b.flatMap(text), differs: a != b)
        }
        differences = tokens.filter(\.differs).map(\.position)
    }

    /// The pair as text: a line that sums it up, and a table.
    var shown: String {
        let lengths = cleanLength == corruptedLength ? "\(cleanLength) tokens each" : "\(cleanLength) and \(corruptedLength) tokens"
        let places = differences.isEmpty ? "no difference" : "differ at " + differences.map(String.init).listed(atMost: 4)
        func quoted(_ text: String?, _ id: Int?) -> String { id.map { text.map { "'\($0)'" } ?? "\($0)" } ?? "-" }
        var table = TextTable([
            ("position", .right), ("clean_id", .right), ("corrupted_id", .right), ("", .left), ("clean", .left), ("corrupted", .left),
        ])
        for row in tokens {
            table.add([
                "\(row.position)", row.cleanID.map(String.init) ?? "-", row.corruptedID.map(String.init) ?? "-", row.differs ? "*" : "",
                quoted(row.clean, row.cleanID), quoted(row.corrupted, row.corruptedID),
            ])
        }
        return LabelledLine.sentence("pair \(pair): \(lengths), \(places)", indent: 0) + table.text(indent: 2)
    }
}

/// Pairs of prompts as tokens, as one json document.
struct TokenizedPairsReport: HeadedReport {
    let provenance: Provenanced<TokensSetting>
    let pairs: [TokenizedPair]

    var head: Provenanced<TokensSetting> { provenance }

    static let members: [Column<TokenizedPairsReport>] = [.json("pairs", "In the order of the file.") { $0.pairs }]

    func write(_ format: ReportFormat, to stream: ResultStream) throws {
        switch format {
        case .text: try stream.write(pairs.map(\.shown).joined(separator: "\n"))
        case .tsv:
            try stream.write(PairedTokenRow.columns.header())
            for row in pairs.flatMap(\.tokens) { try stream.write(PairedTokenRow.columns.tsv(row)) }
        case .json: try ReportEncoder.write(self, isIndented: true, to: stream)
        case .jsonl:
            for pair in pairs { try stream.write(try ReportEncoder.bytes(of: Joined(provenance, pair), isIndented: false)) }
        }
    }
}
