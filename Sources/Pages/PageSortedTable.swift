/// A table that readers sort by any column, without a script: each row states its place in every order, and the page's style puts rows
/// into the order that is chosen.
package struct PageSortedTable: Sendable {
    package struct Row: Sendable {
        /// One for each column; the first one names the row.
        package var cells: [PageTable.Cell]
        /// What is shown below the row when it is asked for.
        package var details: [PageBlock]
        /// What makes the row one that the reader must not miss.
        package var alarm: Alarm?

        package init(cells: [PageTable.Cell], details: [PageBlock] = [], alarm: Alarm? = nil) {
            self.cells = cells
            self.details = details
            self.alarm = alarm
        }
    }

    /// What is said across a row in a colour, below its cells; it belongs to one of them.
    package struct Alarm: Sendable {
        package var column: Int
        /// Whether the cell has a mark and the colour too.
        package var isCellMarked: Bool
        /// Lines below the cells.
        package var notes: [[PageText]]

        package init(column: Int, isCellMarked: Bool, notes: [[PageText]]) {
            self.column = column
            self.isCellMarked = isCellMarked
            self.notes = notes
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
        precondition(rows.allSatisfy { $0.alarm.map { columns.indices.contains($0.column) } ?? true }, "an alarm in no column")
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

    /// The widths of the columns on a screen as CSS: all rows have the same, and the longest word of a heading is not broken.
    var widths: String {
        columns.indices.map { place in
            let share = share(place, atMost: place == 0 ? 60 : 18)
            return "minmax(\(place == 0 ? "13rem" : "\(max(6, share + 1))ch"),\(share)fr)"
        }.joined(separator: " ")
    }

    /// The widths of the columns on paper as CSS: shares of its width, of which those of numbers and short words have a least one.
    var paperWidths: String {
        columns.indices.map { place in
            let share = share(place, atMost: place == 0 ? 44 : 16)
            let least = isNumeric(place) ? share : share <= 12 ? share + 1 : 0
            return "minmax(\(least)ch,\(share + 1)fr)"
        }.joined(separator: " ")
    }

    /// The letters of the longest cell of a column, up to a limit, or of the longest word of its heading.
    private func share(_ column: Int, atMost most: Int) -> Int {
        let longest = rows.reduce(0) { longest, row in
            let mark = row.alarm.map { $0.isCellMarked && $0.column == column ? 2 : 0 } ?? 0
            return max(longest, min(most, row.cells[column].shown.count + mark))
        }
        return max(longest, Self.longestWord(columns[column]), 4)
    }

    private static func longestWord(_ heading: String) -> Int { heading.split { $0 == " " || $0 == "-" }.map(\.count).max() ?? 0 }

    /// What a link to a row leads to; nil for a row that is left out.
    package func rowID(_ row: Int) -> String? { rows.indices.contains(row) ? "\(id)-row-\(row)" : nil }

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
            case .strip(let values, _, let words):
                number = values.min()
                text = words
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
        .rows>table{display:block;min-width:46rem}
        .rows>table>caption{display:block}
        .rows>table>thead,.rows>table>tbody{display:flex;flex-direction:column}
        .rows>table>*>tr{display:grid;grid-template-columns:var(--columns);column-gap:1rem;padding-left:.6rem;\
        border-bottom:1px solid var(--line)}
        .rows>table>tbody>tr{content-visibility:auto;contain-intrinsic-size:auto 1.9rem}
        .rows>table>*>tr>*{grid-row:1;border:0;padding:.2rem 0;overflow-wrap:break-word;min-width:0}
        .rows>table>*>tr>.number{white-space:normal}
        .rows>table>thead th{white-space:normal}
        .rows>table>tbody>tr>th:has(>details),.rows th>details,.rows td.alarm{display:contents}
        .rows th>details>summary{grid-area:1/1;margin:0;padding:.2rem 0}
        .rows th>details::details-content{grid-row:3;grid-column:1/-1;padding:0 0 0 1rem}
        .rows th bdi.name{overflow-wrap:anywhere}
        .rows summary bdi.name{word-break:break-all}
        .rows .alarm>strong,.rows .alarm>.plain{grid-row:1;padding:.2rem 0}
        .rows .alarm>.plain{color:var(--ink)}
        .rows .alarm>.notes{grid-row:2;grid-column:1/-1;padding:0 0 .2rem 1rem;overflow-wrap:anywhere}
        .rows .notes>span{display:block}
        .rows .alarm{color:var(--bad)}
        .rows tr.alarmed{background:var(--hint);box-shadow:inset 4px 0 var(--bad)}
        .strip{display:block;max-width:100%}
        .strip path{fill:none;stroke:var(--link);stroke-width:1.5}
        .strip .base{stroke:var(--line);stroke-width:1}
        .rows tr:target{outline:2px solid var(--link);outline-offset:-2px}
        @supports not selector(::details-content){
        .rows th>details,.rows>table>tbody>tr>th:has(>details){display:block}
        .rows>table>tbody>tr>td:nth-child(2){grid-column:2}
        .rows tr:has(>th>details[open])>th{grid-column:1/-1}
        .rows tr:has(>th>details[open])>td,.rows tr:has(>th>details[open])>.alarm>:first-child{grid-row:2}
        .rows tr:has(>th>details[open])>.alarm>.notes{grid-row:3}
        }
        @media print{
        .sort,.rows th>details::details-content{display:none}
        .sorted{width:auto;margin-left:0}
        .rows>table{min-width:0;font-size:.7rem}
        .rows>table>*>tr{grid-template-columns:var(--paper);column-gap:.55rem}
        .rows>table>tbody>tr{content-visibility:visible;contain:none}
        .rows>table>*>tr>*,.rows th>details>summary{padding:.1rem 0;color:inherit}
        .rows>table>*>tr>.number{white-space:nowrap}
        }

        """
        + (0..<PageSortedTable.mostColumns).map { column in
            """
            .sorted:has(input[value="\(column)"]:checked) .rows>table>tbody>tr{order:var(--c\(column))}
            .sorted:has(input[value="-\(column)"]:checked) .rows>table>tbody>tr{order:calc(var(--m\(column),0)*1000000 - var(--c\(column)))}

            """
        }.joined()
}
