import Text

/// Prompt pairs in the format of EAP-IG's data sets: a header with `clean`, `corrupted`, `correct_idx` and `incorrect_idx` among its columns.
enum PromptPairsCSV {
    private enum Column: String, CaseIterable {
        case clean, corrupted
        case correct = "correct_idx"
        case incorrect = "incorrect_idx"
    }

    static func read(_ text: String, path: String) throws -> [PromptPairs.Pair] {
        var rows = CSVRows(text, path: path)
        let header = try rows.next()?.fields ?? []
        var places: [Column: Int] = [:]
        for (place, name) in header.enumerated() {
            guard let column = Column(rawValue: name.trimmed) else { continue }
            guard places.updateValue(place, forKey: column) == nil else {
                throw Problem(path: path, problem: "the column '\(name)' appears twice")
            }
        }
        guard let clean = places[.clean], let corrupted = places[.corrupted], let correct = places[.correct] else {
            let missing = Column.allCases.first { places[$0] == nil }?.rawValue ?? ""
            throw Problem(
                path: path, problem: "no column '\(missing)' in the CSV header",
                expected: Column.allCases.map(\.rawValue).joined(separator: ","),
                found: "'\(header.joined(separator: ",").prefix(60))'")
        }
        var pairs: [PromptPairs.Pair] = []
        while let row = try rows.next() {
            guard row.fields.count == header.count else {
                throw Problem(
                    path: path, problem: "line \(row.line) does not have as many fields as the header", expected: "\(header.count)",
                    found: "\(row.fields.count)")
            }
            func answers(_ column: Column, _ place: Int) throws -> [PromptPairs.Piece] {
                let field = row.fields[place]
                guard let ids = Int32(field.trimmed).map({ [$0] }) ?? list(field), ids.allSatisfy({ $0 >= 0 }) else {
                    throw Problem(
                        path: path, problem: "line \(row.line) has no token id as \(column.rawValue)",
                        expected: "an index or a list [1, 2]",
                        found: "'\(field.prefix(40))'")
                }
                return ids.map { .tokens([$0]) }
            }
            func prompt(_ place: Int) throws -> PromptPairs.Piece {
                guard let ids = list(row.fields[place]) else { return .text(row.fields[place]) }
                guard ids.allSatisfy({ $0 >= 0 }) else {
                    throw Problem(path: path, problem: "line \(row.line) has a negative token id", expected: "ids of at least 0")
                }
                return .tokens(ids)
            }
            pairs.append(
                PromptPairs.Pair(
                    clean: try prompt(clean), corrupted: try prompt(corrupted), answers: try answers(.correct, correct),
                    wrongAnswers: try places[.incorrect].map { try answers(.incorrect, $0) } ?? []))
        }
        return pairs
    }

    /// The numbers of a list as Python prints it, nil if the text is none.
    private static func list(_ text: String) -> [Int32]? {
        let text = text.trimmed
        guard text.hasPrefix("["), text.hasSuffix("]"), text.utf8.count >= 2 else { return nil }
        let inner = String(text.dropFirst().dropLast()).trimmed
        if inner.isEmpty { return [] }
        var numbers: [Int32] = []
        for field in inner.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int32(String(field).trimmed) else { return nil }
            numbers.append(number)
        }
        return numbers
    }
}

extension String {
    /// The text without spaces and tabs at its ends.
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}

/// The rows of a text with comma-separated values (RFC 4180): quoted fields may hold commas, line ends and doubled quotes.
/// Lines may end in LF only; empty ones are skipped.
private struct CSVRows {
    struct Row {
        let fields: [String]
        /// Where the row begins, counted from 1.
        let line: Int
    }

    private let bytes: [UInt8]
    private let path: String
    private var position = 0
    private var line = 1

    init(_ text: String, path: String) {
        bytes = Array(text.utf8)
        self.path = path
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next row, nil at the end.
    mutating func next() throws -> Row? {
        while let byte = peek, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { advance() }
        guard peek != nil else { return nil }
        let first = line
        var fields: [String] = []
        while true {
            fields.append(try field())
            guard let byte = peek else { break }
            advance()
            if byte == UInt8(ascii: ",") { continue }
            if byte == UInt8(ascii: "\r"), peek == UInt8(ascii: "\n") { advance() }
            break
        }
        return Row(fields: fields, line: first)
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func advance() {
        if bytes[position] == UInt8(ascii: "\n") { line += 1 }
        position += 1
    }

    /// One field, up to the comma, the line's end or the text's end.
    private mutating func field() throws -> String {
        guard peek == UInt8(ascii: "\"") else {
            let start = position
            while let byte = peek, !Self.isEnd(byte) { advance() }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }
        let first = line
        advance()
        var content: [UInt8] = []
        while true {
            guard let byte = peek else { throw Problem(path: path, problem: "the quotes in line \(first) are never closed") }
            advance()
            if byte != UInt8(ascii: "\"") {
                content.append(byte)
            } else if peek == byte {
                content.append(byte)
                advance()
            } else {
                break
            }
        }
        if let byte = peek, !Self.isEnd(byte) {
            throw Problem(path: path, problem: "text after the closing quotes in line \(line)", expected: "a comma or the line's end")
        }
        return String(decoding: content, as: UTF8.self)
    }

    private static func isEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }
}
