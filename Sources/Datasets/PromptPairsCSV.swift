import Text

/// Prompt pairs in the format of EAP-IG's data sets: a header with `clean`, `corrupted`, `correct_idx` and `incorrect_idx` among its columns.
enum PromptPairsCSV {
    private enum Column: String, CaseIterable {
        case clean, corrupted
        case correct = "correct_idx"
        case incorrect = "incorrect_idx"
    }

    /// Whether a header has one of the columns.
    static func isHeader(_ fields: [String]) -> Bool { fields.contains { Column(rawValue: $0.trimmedOfSpaces) != nil } }

    static func read(_ text: String, path: String) throws -> [PromptPairs.Pair] {
        var rows = CSVRows(text, path: path)
        let header = try rows.next()?.fields ?? []
        var places: [Column: Int] = [:]
        for (place, name) in header.enumerated() {
            guard let column = Column(rawValue: name.trimmedOfSpaces) else { continue }
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
            func checkRange(_ ids: [Int32], line: Int) throws {
                guard let negative = ids.first(where: { $0 < 0 }) else { return }
                throw Problem(
                    path: path, problem: "a token id in line \(line) is out of range", expected: "0 to \(Int32.max)", found: "\(negative)")
            }
            func answers(_ column: Column, _ place: Int) throws -> [PromptPairs.Piece] {
                let field = row.fields[place]
                guard let ids = Int32(field.trimmedOfSpaces).map({ [$0] }) ?? list(field) else {
                    throw Problem(
                        path: path, problem: "line \(row.line) has no token id as \(column.rawValue)",
                        expected: "an index or a list [1, 2]",
                        found: "'\(field.prefix(40))'")
                }
                try checkRange(ids, line: row.line)
                return ids.map { .tokens([$0]) }
            }
            func prompt(_ place: Int) throws -> PromptPairs.Piece {
                guard let ids = list(row.fields[place]) else { return .text(row.fields[place]) }
                try checkRange(ids, line: row.line)
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
        let text = text.trimmedOfSpaces
        guard text.hasPrefix("["), text.hasSuffix("]"), text.utf8.count >= 2 else { return nil }
        let inner = String(text.dropFirst().dropLast()).trimmedOfSpaces
        if inner.isEmpty { return [] }
        var numbers: [Int32] = []
        for field in inner.split(separator: ",", omittingEmptySubsequences: false) {
            guard let number = Int32(String(field).trimmedOfSpaces) else { return nil }
            numbers.append(number)
        }
        return numbers
    }
}
