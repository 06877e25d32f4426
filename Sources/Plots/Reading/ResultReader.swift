import Text

/// Reads what a subcommand wrote, whichever of json, jsonl and tsv it is, record by record.
struct ResultReader {
    /// The longest text that is read.
    static let maximumLength = 1 << 28
    /// The most records: lines of jsonl, rows of tsv.
    static let maximumRecords = 2_000_000

    /// What is given each record; `line` is where it begins.
    typealias Body = (_ record: ResultRow, _ line: Int) throws -> Void

    /// Calls `begin` with the kind of the result, then `body` with each record.
    ///
    /// - Returns: what of the text was left out, in words; nil where all was read.
    static func read(_ bytes: UnsafeRawBufferPointer, begin: (ResultKind) throws -> Void, _ body: Body) throws -> String? {
        guard bytes.count <= maximumLength else {
            throw Problem("is too long", expected: "at most \(maximumLength) bytes", found: "\(bytes.count)")
        }
        let text = bytes.bindMemory(to: UInt8.self)
        guard let first = text.first(where: { ![0x20, 0x0A, 0x0D, 0x09].contains($0) }) else {
            throw Problem("is empty", expected: ResultKind.expectation, found: bytes.isEmpty ? "no bytes" : "white space")
        }
        return first == UInt8(ascii: "{") ? try readObjects(text, begin, body) : try readTable(text, begin, body)
    }

    // MARK: - JSON

    private static func readObjects(
        _ text: UnsafeBufferPointer<UInt8>, _ begin: (ResultKind) throws -> Void, _ body: Body
    ) throws -> String? {
        var offset = 0
        var line = 1
        var known: ResultKind?
        var count = 0
        while offset < text.count {
            var cursor = JSONCursor(UnsafeBufferPointer(rebasing: text[offset...]))
            guard cursor.peek() != nil else { break }
            let start = offset + cursor.position
            line += text[offset..<start].count { $0 == 0x0A }
            let value: ResultValue
            do {
                guard cursor.peek() == UInt8(ascii: "{") else { throw Problem("is not JSON", expected: "an object") }
                var budget = ReadingBudget()
                value = try cursor.resultValue(&budget)
            } catch {
                let isLastLine = !text[start...].contains(0x0A)
                if isLastLine, count > 0 { return "line \(line) is cut short and left out" }
                throw located(Problem(error), line: line, isCut: text.last != 0x0A && Problem(error).found == "the end of the file")
            }
            try note(value, line: line, known: &known, begin)
            try body(ResultRow(value), line)
            count += 1
            guard count <= maximumRecords else { throw Problem("holds too many lines", expected: "at most \(maximumRecords)") }
            let end = offset + cursor.position
            line += text[start..<end].count { $0 == 0x0A }
            offset = end
        }
        return nil
    }

    /// Checks that all records are of one kind: each says its schema, but for the steps of a log, of which the first line does.
    private static func note(_ value: ResultValue, line: Int, known: inout ResultKind?, _ begin: (ResultKind) throws -> Void) throws {
        guard case .text(let schema)? = value["schema"] else {
            if known == .finetune { return }
            throw Problem("line \(line) has no schema", expected: ResultKind.expectation, found: "an object without \"schema\"")
        }
        let kind = try ResultKind(schema: schema)
        if let known {
            guard known == kind else {
                throw Problem("line \(line) is of another result", expected: known.schema, found: kind.schema)
            }
        } else {
            known = kind
            try begin(kind)
        }
    }

    private static func located(_ problem: Problem, line: Int, isCut: Bool) -> Problem {
        var problem = problem
        problem.what = isCut ? "is cut short in the part that begins in line \(line)" : "line \(line) \(problem.what)"
        return problem
    }

    // MARK: - Tables

    private static func readTable(
        _ text: UnsafeBufferPointer<UInt8>, _ begin: (ResultKind) throws -> Void, _ body: Body
    ) throws -> String? {
        var lines = Lines(text)
        guard let first = lines.next() else { return nil }
        let names = String(decoding: first.bytes.prefix(1 << 16), as: UTF8.self).split(separator: "\t", omittingEmptySubsequences: false)
        let header = ResultRow.Header(names.enumerated().map { (String($1), $0) }, uniquingKeysWith: { first, _ in first })
        try begin(try ResultKind(header: header))
        var line = 1
        while let next = lines.next() {
            line += 1
            if next.bytes.isEmpty { continue }
            let fields = String(decoding: next.bytes, as: UTF8.self).split(separator: "\t", omittingEmptySubsequences: false)
            if !next.isEnded, names.last != "status" || fields.last != "ok" { return "line \(line) is cut short and left out" }
            guard fields.count == names.count else {
                throw Problem("line \(line) has another number of columns", expected: "\(names.count)", found: "\(fields.count)")
            }
            guard line <= maximumRecords else { throw Problem("holds too many lines", expected: "at most \(maximumRecords)") }
            try body(ResultRow(header, fields), line)
        }
        return nil
    }

    /// The lines of a text.
    private struct Lines {
        let text: UnsafeBufferPointer<UInt8>
        private var position = 0

        init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

        /// The next line without its end, and whether it has one.
        mutating func next() -> (bytes: Slice<UnsafeBufferPointer<UInt8>>, isEnded: Bool)? {
            guard position < text.count else { return nil }
            let rest = text[position...]
            let end = rest.firstIndex(of: 0x0A)
            var line = rest[..<(end ?? text.count)]
            position = (end ?? text.count) + 1
            if line.last == 0x0D { line = line.dropLast() }
            return (line, end != nil)
        }
    }
}
