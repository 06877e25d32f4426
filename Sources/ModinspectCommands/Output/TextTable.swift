import Archives

/// Aligned columns for eyes.
struct TextTable {
    enum Alignment { case left, right }

    private let alignments: [Alignment]
    private var rows: [[String]]

    /// - Parameter columns: the heads with their columns' alignments.
    init(_ columns: [(String, Alignment)]) {
        alignments = columns.map(\.1)
        rows = [columns.map(\.0)]
    }

    /// Adds a row; control characters in its fields become escapes.
    mutating func add(_ fields: [String]) { rows.append(fields.map(\.singleLine)) }

    /// The lines, each after `indent` spaces, columns two spaces apart, without trailing spaces.
    func text(indent: Int = 0) -> String {
        let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            var line = String(repeating: " ", count: indent)
            for (column, field) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - field.count)
                if column > 0 { line += "  " }
                line += alignments[column] == .left ? field + padding : padding + field
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }
}
