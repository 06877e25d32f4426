import Text

/// Texts, each with its label if the file has labels: JSON lines, or CSV or TSV with a header.
///
/// The text is under `text` or `sentence`, the label under `label` or `labels`; what else a record holds is not looked at.
struct LabelledText {
    /// How the file is written.
    enum Layout: Sendable {
        case lines
        case table(CSVRows.Separator)
    }

    struct Record {
        let text: String
        /// The label as it is written; nil if there is none.
        let label: String?
    }

    /// The names of texts and of labels, the preferred first.
    static let textNames = ["text", "sentence"]
    static let labelNames = ["label", "labels"]

    let path: String
    private(set) var records: [Record] = []
    /// Whether every label is a number of JSON, which is the class itself, rather than text that may be its name.
    private(set) var labelsAreNumbers = false
    /// The line of each record, counted from 1.
    private(set) var lines: [Int] = []

    private static let maximumSize = 1 << 30

    /// Reads a file.
    ///
    /// - Throws: ``Problem`` that names the first line that is no record.
    init(_ file: DataFile, _ layout: Layout) throws {
        path = file.path
        guard file.content.count <= Self.maximumSize else {
            throw Problem(
                path: path, problem: "too long for texts with labels", expected: "at most \(Self.maximumSize) bytes",
                found: "\(file.content.count)")
        }
        let text = try file.text()
        switch layout {
        case .lines: try readLines(text)
        case .table(let separator): try readTable(text, separator)
        }
        guard !records.isEmpty else { throw Problem(path: path, problem: "holds no texts") }
        guard let first = records.first(where: { $0.label != nil }) ?? records.first,
            let other = records.firstIndex(where: { ($0.label == nil) != (first.label == nil) })
        else { return }
        throw Problem(
            path: path, problem: "line \(lines[other]) has no label, and others have one", expected: "a label in each, or in none")
    }

    /// The labels; nil if the file has none.
    var labels: [String]? { records[0].label == nil ? nil : records.compactMap(\.label) }

    /// Whether a record's text begins with white space.
    func beginsWithSpace(_ record: Int) -> Bool { records[record].text.unicodeScalars.first?.properties.isWhitespace ?? false }

    /// How a message names a record.
    func place(_ record: Int) -> String { "line \(lines[record])" }

    private mutating func add(_ text: String, _ label: String?, line: Int) {
        records.append(Record(text: text, label: label))
        lines.append(line)
    }

    // MARK: - JSON lines

    private mutating func readLines(_ text: String) throws {
        var number = 0
        var areNumbers = true
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            var bytes = Array(line)
            if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
            if bytes.allSatisfy(DataFile.space.contains) { continue }
            do {
                let (text, label, isNumber) = try Self.record(bytes)
                add(text, label, line: number)
                areNumbers = areNumbers && isNumber
            } catch var problem as Problem {
                problem.what = "line \(number): " + problem.what
                throw problem.at(path: path)
            }
        }
        labelsAreNumbers = areNumbers && !records.isEmpty
    }

    private static func record(_ bytes: [UInt8]) throws -> (text: String, label: String?, isNumber: Bool) {
        let section = try bytes.withUnsafeBufferPointer { buffer in
            var cursor = JSONCursor(buffer, kind: "an object in JSON")
            let value = try cursor.value()
            try cursor.readEnd()
            return JSONSection(value: value, place: "the record")
        }
        guard case .object(let members) = section.value else {
            throw Problem("is not a record", expected: "an object in JSON", found: section.value.kind)
        }
        guard let name = textNames.first(where: { !section[$0].isNull }) else {
            throw Problem(
                "has no text", expected: textNames.map { "'\($0)'" }.joined(separator: " or "),
                found: members.isEmpty ? "an empty object" : members.map { $0.name.quotedInMessage }.listed())
        }
        guard case .string(let text) = section[name].value else {
            throw Problem("has a '\(name)' that is no text", expected: "a string", found: section[name].value.kind)
        }
        guard let labelName = labelNames.first(where: { !section[$0].isNull }) else { return (text, nil, false) }
        switch section[labelName].value {
        case .string(let label): return (text, label, false)
        case .integer(let label): return (text, "\(label)", true)
        case .number(let label): return (text, label == label.rounded() && abs(label) < 1e15 ? "\(Int(label))" : "\(label)", true)
        case .bool(let label): return (text, "\(label)", false)
        default:
            throw Problem("has a '\(labelName)' that is no label", expected: "a number or a name", found: section[labelName].value.kind)
        }
    }

    /// Whether the first line is an object with a text.
    static func begins(_ head: some Collection<UInt8>) -> Bool {
        let line = head.drop { DataFile.space.contains($0) || [0xEF, 0xBB, 0xBF].contains($0) }.prefix { $0 != UInt8(ascii: "\n") }
        guard line.first == UInt8(ascii: "{") else { return false }
        return textNames.contains { name in Array(line).withUnsafeBytes { JSONCursor.member(name, of: $0)?.text != nil } }
    }

    // MARK: - Tables

    private mutating func readTable(_ text: String, _ separator: CSVRows.Separator) throws {
        var rows = CSVRows(text, path: path, separator: separator)
        let header = (try rows.next()?.fields ?? []).map(\.trimmedOfSpaces)
        func column(_ names: [String]) throws -> Int? {
            guard let name = names.first(where: header.contains) else { return nil }
            guard header.count(where: { $0 == name }) == 1 else {
                throw Problem(path: path, problem: "the column '\(name)' appears twice")
            }
            return header.firstIndex(of: name)
        }
        guard let textColumn = try column(Self.textNames) else {
            throw Problem(
                path: path, problem: "no column of texts in the header", expected: Self.textNames.joined(separator: " or "),
                found: header.isEmpty ? "an empty file" : header.map(\.quotedInMessage).listed())
        }
        let labelColumn = try column(Self.labelNames)
        while let row = try rows.next() {
            guard row.fields.count == header.count else {
                throw Problem(
                    path: path, problem: "line \(row.line) does not have as many fields as the header", expected: "\(header.count)",
                    found: "\(row.fields.count)")
            }
            let label = labelColumn.map { row.fields[$0].trimmedOfSpaces }
            guard label?.isEmpty != true else {
                throw Problem(path: path, problem: "line \(row.line) has an empty label", expected: "a number or a name")
            }
            add(row.fields[textColumn], label, line: row.line)
        }
    }
}

extension String {
    /// The text without spaces and tabs at its ends.
    var trimmedOfSpaces: String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
