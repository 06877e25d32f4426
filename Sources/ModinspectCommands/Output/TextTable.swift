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
    ///
    /// Heads of several words are stacked, `null_` over `mean`, where the table would be wider than a terminal.
    func text(indent: Int = 0) -> String {
        var rows = rows
        var widths = Self.widths(rows, columns: alignments.count)
        if indent + widths.reduce(0, +) + 2 * (widths.count - 1) > Self.terminalWidth {
            rows.replaceSubrange(0...0, with: Self.stacked(rows[0]))
            widths = Self.widths(rows, columns: alignments.count)
        }
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

    private static let terminalWidth = 80

    private static func widths(_ rows: [[String]], columns: Int) -> [Int] {
        (0..<columns).map { column in rows.reduce(0) { max($0, width($1[column])) } }
    }

    /// The heads as several lines, each word on one of its own, the last on the last.
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

    /// The columns that a field takes, one for each character.
    private static func width(_ field: String) -> Int {
        field.utf8.allSatisfy { $0 < 0x80 } ? field.utf8.count : field.count
    }
}
