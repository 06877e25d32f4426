import Archives
import Text

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
        let widths = alignments.indices.map { column in rows.reduce(0) { max($0, Self.width($1[column])) } }
        var text = ""
        for row in rows {
            // Spaces are written when something follows them: lines do not end in any.
            var spaces = indent
            for (column, field) in row.enumerated() {
                let padding = widths[column] - Self.width(field)
                if column > 0 { spaces += 2 }
                if alignments[column] == .right { spaces += padding }
                if !field.isEmpty {
                    text += String(repeating: " ", count: spaces)
                    text += field
                    spaces = 0
                }
                if alignments[column] == .left { spaces += padding }
            }
            text += "\n"
        }
        return text
    }

    /// The columns that a field takes, one for each character.
    private static func width(_ field: String) -> Int {
        field.utf8.allSatisfy { $0 < 0x80 } ? field.utf8.count : field.count
    }
}
