import Archives
import Text

/// Aligned columns for display, no wider than the terminal.
struct TextTable {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private let keys: Int
    private var rows: [[String]]
    /// The lines of the heads: several words are stacked if the table would be too wide.
    private var heads = 1

    /// - Parameters:
    ///   - columns: the heads with their columns' alignments.
    ///   - keys: how many columns at the left identify a row. They are repeated if the table is too wide and is divided.
    init(_ columns: [(String, Alignment)], keys: Int = 1) {
        alignments = columns.map(\.1)
        self.keys = min(keys, columns.count)
        rows = [columns.map(\.0)]
    }

    /// Adds a row; control characters in its fields become escapes.
    mutating func add(_ fields: [String]) { rows.append(fields.map(\.singleLine)) }

    /// The lines, each after `indent` spaces, columns two spaces apart, without trailing spaces.
    ///
    /// A table wider than `width` is laid out differently, in this order: the middles of the first column's names are left out, if they stay
    /// distinct; the names go on separate lines; the columns go into several tables, one below another.
    func text(indent: Int = 0, width: Int = TextWidth.columns) -> String {
        var text = ""
        write(indent: indent, width: width) { text += $0 }
        return text
    }

    /// Calls `body` with the same, a line at a time.
    func write(indent: Int = 0, width: Int = TextWidth.columns, _ body: (String) throws -> Void) rethrows {
        let widths = alignments.indices.map { column in rows.reduce(0) { max($0, TextWidth.of($1[column])) } }
        let total = indent + widths.reduce(0, +) + 2 * (widths.count - 1)
        if total > width, heads == 1 {
            var table = self
            let heads = Self.stacked(rows[0])
            if heads.count > 1 {
                table.rows.replaceSubrange(0...0, with: heads)
                table.heads = heads.count
                return try table.write(indent: indent, width: width, body)
            }
        }
        if total <= width || widths.isEmpty { return try write(Array(alignments.indices), indent: indent, body) }
        if let table = cut(firstTo: widths[0] - (total - width)) {
            return try table.write(Array(alignments.indices), indent: indent, body)
        }
        if alignments[0] == .left, total - widths[0] <= width { return try writeWithOwnLines(indent: indent, width: width, body) }
        try writeParts(widths, indent: indent, width: width, body)
    }

    /// The fewest columns that a name is cut to.
    private static let shortestName = 16

    /// The table with the names of the first column cut to a width; nil if they would become too short, or the same.
    private func cut(firstTo width: Int) -> TextTable? {
        guard alignments[0] == .left, width >= Self.shortestName else { return nil }
        var table = self
        for place in table.rows.indices { table.rows[place][0] = TextWidth.cut(rows[place][0], to: width) }
        return Set(table.rows.map { $0[0] }).count == Set(rows.map { $0[0] }).count ? table : nil
    }

    /// The names of the first column on separate lines, with the other columns below them. The middle of a name longer than a line is left out.
    private func writeWithOwnLines(indent: Int, width: Int, _ body: (String) throws -> Void) rethrows {
        let table = cut(firstTo: width - indent) ?? self
        var place = 0
        try write(Array(alignments.indices.dropFirst()), indent: indent + 2) { line in
            let name = table.rows[place][0]
            place += 1
            if !name.isEmpty { try body(String(repeating: " ", count: indent) + name + "\n") }
            try body(line)
        }
    }

    /// The columns in as many tables as necessary, each with the key columns.
    private func writeParts(_ widths: [Int], indent: Int, width: Int, _ body: (String) throws -> Void) rethrows {
        var table = self
        var widths = widths
        let room = width - indent
        /// Names use up to half of the width.
        func narrow(_ column: Int, to limit: Int) {
            guard widths[column] > limit else { return }
            for place in rows.indices { table.rows[place][column] = TextWidth.cut(rows[place][column], to: limit) }
            widths[column] = limit
        }
        narrow(0, to: max(Self.shortestName, room / 2))
        let keyColumns = Array(0..<keys)
        let keyWidth = keyColumns.reduce(0) { $0 + widths[$1] } + 2 * (keys - 1)
        var parts: [[Int]] = []
        var used = 0
        for column in keys..<max(alignments.count, keys) {
            narrow(column, to: max(Self.shortestName, room - keyWidth - 2))
            if parts.isEmpty || used + 2 + widths[column] > room {
                parts.append(keyColumns)
                used = keyWidth
            }
            parts[parts.count - 1].append(column)
            used += 2 + widths[column]
        }
        for (place, columns) in parts.enumerated() {
            if place > 0 { try body("\n") }
            try table.write(columns, indent: indent, body)
        }
    }

    /// The given columns, a line at a time.
    private func write(_ columns: [Int], indent: Int, _ body: (String) throws -> Void) rethrows {
        let widths = columns.map { column in rows.reduce(0) { max($0, TextWidth.of($1[column])) } }
        for row in rows {
            var text = ""
            // Spaces are written when something follows them: lines do not end in any.
            var spaces = indent
            for (place, column) in columns.enumerated() {
                let field = row[column]
                let padding = widths[place] - TextWidth.of(field)
                if place > 0 { spaces += 2 }
                if alignments[column] == .right { spaces += padding }
                if !field.isEmpty {
                    text += String(repeating: " ", count: spaces)
                    text += field
                    spaces = 0
                }
                if alignments[column] == .left { spaces += padding }
            }
            try body(text + "\n")
        }
    }

    /// The heads as several lines, with one word on each, the last on the last line.
    private static func stacked(_ heads: [String]) -> [[String]] {
        let words = heads.map { head in
            let parts = head.split(separator: "_", omittingEmptySubsequences: false)
            return parts.enumerated().map { $0 < parts.count - 1 ? String($1) + "_" : String($1) }
        }
        let height = words.map(\.count).max() ?? 1
        return (0..<height).map { line in
            words.map { word in
                let place = line - (height - word.count)
                return place < 0 ? "" : word[place]
            }
        }
    }
}
