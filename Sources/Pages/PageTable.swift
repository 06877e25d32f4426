/// Rows under named columns.
package struct PageTable: Hashable, Sendable {
    package enum Cell: Hashable, Sendable {
        case text(String)
        /// A name that comes from outside.
        case name(String)
        /// As it is shown, with the number that it stands for, digit for digit.
        case number(String, value: String)
        /// Values as ticks on a line from one end of the range to the other, said in words too; nothing for no values. Cells are sorted by the
        /// least of them.
        case strip([Double], range: ClosedRange<Double>, words: String)

        /// Without markup.
        var shown: String {
            switch self {
            case .text(let text), .name(let text), .number(let text, _): text
            case .strip: "         "
            }
        }
    }

    /// What the table holds.
    package var title: String
    package var columns: [String]
    /// As many cells each as there are columns.
    package var rows: [[Cell]]
    /// What is left out of the rows; nil for nothing.
    package var remark: String?

    /// More rows than this are left out, with a remark that counts them.
    package static let mostRows = 200

    package init(title: String, columns: [String], rows: [[Cell]]) {
        precondition(rows.allSatisfy { $0.count == columns.count }, "rows of other lengths than \(columns.count)")
        self.title = title
        self.columns = columns
        self.rows = Array(rows.prefix(Self.mostRows))
        if rows.count > Self.mostRows {
            remark = "The first \(Self.mostRows) of \(rows.count) rows; the command writes all of them."
        }
    }

    /// Whether a column holds numbers, which stand to the right.
    func isNumeric(_ column: Int) -> Bool {
        rows.contains { if case .number = $0[column] { true } else { false } }
    }
}
