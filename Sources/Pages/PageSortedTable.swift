/// A table that readers sort by any column, without a script: each row states its place in every order, and the page's style puts rows
/// into the order that is chosen.
package struct PageSortedTable: Sendable {
    package struct Row: Sendable {
        /// One for each column; the first one names the row.
        package var cells: [PageTable.Cell]
        /// What is shown below the name when it is asked for.
        package var details: [PageBlock]

        package init(cells: [PageTable.Cell], details: [PageBlock] = []) {
            self.cells = cells
            self.details = details
        }
    }

    package var title: String
    /// Letters and hyphens; each table of a page has its own.
    package let id: String
    package let columns: [String]
    /// In the order in which they are shown first.
    package let rows: [Row]
    /// The places of the rows in the ascending order of each column: [columns, rows].
    let places: [[Int]]
    /// Whether a row has no number in a column of numbers, where it comes last in either order: [columns, rows].
    let isMissing: [[Bool]]
    /// What is left out of the rows; nil for nothing.
    package var remark: String?

    /// The most columns that the style has orders for.
    package static let mostColumns = 12
    /// More rows than this are left out.
    package static let mostRows = 20_000

    /// Numbers are sorted by the value that they stand for, before text, which is sorted by its bytes.
    package init(title: String, id: String, columns: [String], rows: [Row]) {
        precondition(columns.count <= Self.mostColumns && !columns.isEmpty, "\(columns.count) columns")
        precondition(!id.isEmpty && id.allSatisfy { ("a"..."z").contains($0) || $0 == "-" }, "id '\(id)'")
        precondition(rows.allSatisfy { $0.cells.count == columns.count }, "rows of other lengths than \(columns.count)")
        self.title = title
        self.id = id
        self.columns = columns
        self.rows = Array(rows.prefix(Self.mostRows))
        if rows.count > Self.mostRows { remark = "The first \(Self.mostRows) of \(rows.count) rows; the other formats have all of them." }
        let shown = self.rows
        let keys = columns.indices.map { column in shown.map { Key($0.cells[column]) } }
        isMissing = keys.map { keys in
            let isNumeric = keys.contains { $0.number != nil }
            return keys.map { isNumeric && $0.number == nil }
        }
        places = keys.map { keys in
            var places = [Int](repeating: 0, count: shown.count)
            for (place, row) in shown.indices.sorted(by: { (keys[$0], $0) < (keys[$1], $1) }).enumerated() { places[row] = place }
            return places
        }
    }

    /// The widths of the columns as CSS: all rows have the same, and the longest word of a heading is not broken.
    var widths: String {
        let others = columns.dropFirst().map { column in
            let longest = column.split { $0 == " " || $0 == "-" }.map(\.count).max() ?? 0
            return "minmax(\(max(8, longest + 1))ch,1fr)"
        }
        return (["minmax(13rem,3fr)"] + others).joined(separator: " ")
    }

    /// Whether a column holds numbers, which stand to the right.
    func isNumeric(_ column: Int) -> Bool {
        rows.contains { if case .number = $0.cells[column] { true } else { false } }
    }

    /// What a cell is sorted by: numbers by size, then text.
    private struct Key: Comparable {
        let number: Double?
        let text: String

        init(_ cell: PageTable.Cell) {
            switch cell {
            case .text(let text), .name(let text):
                number = nil
                self.text = text
            case .number(let shown, let value):
                number = Double(value).flatMap { $0.isNaN ? nil : $0 }
                text = shown
            }
        }

        static func < (a: Key, b: Key) -> Bool {
            switch (a.number, b.number) {
            case (let first?, let second?): first < second
            case (.some, nil): true
            case (nil, .some): false
            case (nil, nil): a.text.utf8.lexicographicallyPrecedes(b.text.utf8)
            }
        }

        static func == (a: Key, b: Key) -> Bool { !(a < b) && !(b < a) }
    }
}

extension PageStyle {
    /// The style of sorted tables: a grid whose rows have their order from the choice above it.
    static let sortedTables =
        """
        .sort{border:1px solid var(--line);border-radius:4px;margin:0 0 .75rem;padding:.3rem .6rem;font-size:.87rem;line-height:1.7}
        .sort legend{color:var(--faint);padding:0 .3rem}
        .sort span{white-space:nowrap;margin-right:.9rem}
        .sort label{padding:0 .15rem}
        .sort input{margin:0 .1rem 0 0;vertical-align:middle}
        .sort input:focus-visible{outline:2px solid var(--link);outline-offset:2px}
        .sorted{width:min(94vw,82rem);margin-left:calc(50% - min(47vw,41rem))}
        .rows table{display:block;min-width:46rem}
        .rows caption{display:block}
        .rows thead,.rows tbody{display:flex;flex-direction:column}
        .rows tr{display:grid;grid-template-columns:var(--columns);column-gap:.6rem;\
        border-bottom:1px solid var(--line)}
        .rows>table>tbody>tr{content-visibility:auto;contain-intrinsic-size:auto 1.9rem}
        .rows th,.rows td{border:0;padding:.2rem 0;overflow-wrap:break-word;min-width:0}
        .rows th bdi.name{overflow-wrap:anywhere}
        .rows thead th{white-space:normal}
        .rows th:has(>details[open]){grid-column:1/-1}
        .rows th:has(>details[open])+td{grid-column:2}
        .rows th details,.rows th summary{margin:0}
        .rows th table{display:table;min-width:0}
        .rows th caption{display:table-caption}
        .rows th thead{display:table-header-group}
        .rows th tbody{display:table-row-group}
        .rows th tr{display:table-row}
        .rows th th,.rows th td{padding:.2rem .7rem .2rem 0;border-bottom:1px solid var(--line)}
        @media print{.sort{display:none}.sorted{width:auto;margin-left:0}.rows table{min-width:0}}

        """
        + (0..<PageSortedTable.mostColumns).map { column in
            """
            .sorted:has(input[value="\(column)"]:checked) .rows>table>tbody>tr{order:var(--c\(column))}
            .sorted:has(input[value="-\(column)"]:checked) .rows>table>tbody>tr{order:calc(var(--m\(column),0)*1000000 - var(--c\(column)))}

            """
        }.joined()
}
