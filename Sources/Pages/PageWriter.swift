import Pictures
import Text

extension Page {
    /// The page as HTML that is well-formed XML too. The same page gives the same bytes.
    package var bytes: [UInt8] {
        var writer = PageWriter()
        writer.append(self)
        return writer.text.bytes
    }
}

/// Collects the markup of a page and counts its figures.
private struct PageWriter {
    var text = ByteText()
    private var figureCount = 0

    private mutating func line(_ markup: String) {
        text.append(text: markup)
        text.append("\n")
    }

    mutating func append(_ page: Page) {
        let ids = page.sections.map(\.id)
        precondition(Set(ids).count == ids.count, "two sections with one id among \(ids)")
        line("<!DOCTYPE html>")
        line("<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">")
        line("<head>")
        line("<meta charset=\"utf-8\" />")
        // Whatever a name in a file may try, the page loads nothing and runs nothing.
        line(
            "<meta http-equiv=\"Content-Security-Policy\""
                + " content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\" />")
        line("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />")
        line("<meta name=\"color-scheme\" content=\"light dark\" />")
        line("<meta name=\"generator\" content=\"\(XMLText.escaped(page.generator))\" />")
        line("<link rel=\"icon\" href=\"data:,\" />")
        line("<title>\(XMLText.escaped(page.title))</title>")
        line("<style>\n\(PageStyle.text)\(hasSortedTable(page) ? PageStyle.sortedTables : "")</style>")
        line("</head>")
        line("<body>")
        line("<a class=\"skip\" href=\"#content\">Skip to the content</a>")
        line("<header>")
        line("<h1>\(page.heading.html)</h1>")
        for block in page.lead { append(block) }
        line("</header>")
        appendContents(page.sections)
        line("<main id=\"content\">")
        for section in page.sections {
            line("<section id=\"\(section.id)\" aria-labelledby=\"\(section.id)-heading\">")
            line("<h2 id=\"\(section.id)-heading\">\(XMLText.escaped(section.title))</h2>")
            for block in section.blocks { append(block) }
            line("</section>")
        }
        line("</main>")
        if !page.footer.isEmpty { line("<footer><p>\(page.footer.html)</p></footer>") }
        line("</body>")
        line("</html>")
    }

    private mutating func appendContents(_ sections: [PageSection]) {
        guard !sections.isEmpty else { return }
        line("<nav aria-labelledby=\"contents-heading\">")
        line("<h2 id=\"contents-heading\">Contents</h2>")
        line("<ol>")
        for section in sections { line("<li><a href=\"#\(section.id)\">\(XMLText.escaped(section.title))</a></li>") }
        line("</ol>")
        line("</nav>")
    }

    private mutating func append(_ block: PageBlock) {
        switch block {
        case .heading(let title): line("<h3>\(XMLText.escaped(title))</h3>")
        case .paragraph(let text): line("<p>\(text.html)</p>")
        case .notice(let text): line("<p class=\"notice\">\(text.html)</p>")
        case .list(let items):
            guard !items.isEmpty else { return }
            line("<ul>")
            for item in items { line("<li>\(item.html)</li>") }
            line("</ul>")
        case .facts(let facts):
            guard !facts.isEmpty else { return }
            line("<dl>")
            for fact in facts { line("<div><dt>\(XMLText.escaped(fact.name))</dt><dd>\(fact.text.html)</dd></div>") }
            line("</dl>")
        case .table(let table): append(table)
        case .folded(let table): append(folded: table, of: nil)
        case .sorted(let table): append(table)
        case .figure(let figure): append(figure)
        case .commands(let commands): append(commands)
        }
    }

    private mutating func append(_ figure: PageFigure) {
        figureCount += 1
        let id = "figure-\(figureCount)"
        line("<figure id=\"\(id)\" aria-labelledby=\"\(id)-caption\">")
        // A picture that is wider than a small screen is scrolled, by keyboard too.
        line("<div class=\"picture\" tabindex=\"0\" role=\"group\" aria-label=\"Figure \(figureCount), scrollable\">")
        text.append(bytes: SVG.bytes(figure.drawing, prefix: "f\(figureCount)", isStandalone: false))
        line("</div>")
        line("<figcaption id=\"\(id)-caption\"><strong>Figure \(figureCount).</strong> \(figure.caption.html)</figcaption>")
        line("</figure>")
        append(figure.commands)
        for table in figure.tables { append(folded: table, of: figureCount) }
    }

    private mutating func append(_ commands: [String]) {
        guard !commands.isEmpty else { return }
        let lines = commands.map { "<code>\(Self.html(command: $0))</code>" }.joined(separator: "\n")
        line("<pre class=\"command\" dir=\"ltr\">\(lines)</pre>")
    }

    /// A command whose short words, such as the name of an option, do not end a line in their middle.
    private static func html(command: String) -> String {
        command.split(separator: " ", omittingEmptySubsequences: false).map { word in
            let text = XMLText.escaped(String(word))
            return word.contains("-") && word.count <= 24 ? "<span>\(text)</span>" : text.breakingAtCommas
        }.joined(separator: " ")
    }

    /// Tables of more columns have smaller letters on paper, so that it has room for all.
    private static let mostPlainColumns = 11

    private mutating func append(folded table: PageTable, of figure: Int?) {
        let isLong = table.rows.count > 40
        line(isLong ? "<details class=\"long\">" : "<details>")
        line("<summary>\(XMLText.escaped(table.title))\(figure.map { " (numbers of figure \($0))" } ?? "")</summary>")
        append(table, isNamed: false)
        line("</details>")
        if isLong {
            line("<p class=\"remark paper\">\(XMLText.escaped(table.title)): \(table.rows.count) rows, which are not printed.</p>")
        }
    }

    private mutating func append(_ table: PageTable, isNamed: Bool = true) {
        line("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"\(XMLText.escaped(table.title))\">")
        line(table.columns.count > Self.mostPlainColumns ? "<table class=\"wide\">" : "<table>")
        if isNamed { line("<caption>\(XMLText.escaped(table.title))</caption>") }
        let classes = table.columns.indices.map { table.isNumeric($0) ? " class=\"number\"" : "" }
        // On paper headings break where their words are joined.
        let head = zip(table.columns, classes).map { column, attribute in
            "<th scope=\"col\"\(attribute)>\(XMLText.escaped(column).replacing("_", with: "_<wbr />"))</th>"
        }.joined()
        line("<thead><tr>\(head)</tr></thead>")
        line("<tbody>")
        for row in table.rows {
            text.append(text: "<tr>")
            for (place, cell) in row.enumerated() {
                let element = place == 0 ? "th scope=\"row\"" : "td"
                text.append(text: "<\(element)\(classes[place])>\(Self.html(cell))</\(element.prefix(2))>")
            }
            line("</tr>")
        }
        line("</tbody>")
        line("</table>")
        line("</div>")
        if let remark = table.remark { line("<p class=\"remark\">\(XMLText.escaped(remark))</p>") }
    }

    private func hasSortedTable(_ page: Page) -> Bool {
        (page.lead + page.sections.flatMap(\.blocks)).contains { if case .sorted = $0 { true } else { false } }
    }

    private mutating func append(_ table: PageSortedTable) {
        line("<div class=\"sorted\">")
        line("<fieldset class=\"sort\"><legend>Sort by</legend>")
        for (place, column) in table.columns.enumerated() {
            let name = XMLText.escaped(column)
            let (up, down) = ("\(table.id)-up-\(place)", "\(table.id)-down-\(place)")
            func choice(_ id: String, _ value: String, _ text: String, _ direction: String) -> String {
                "<input type=\"radio\" name=\"\(table.id)-sort\" id=\"\(id)\" value=\"\(value)\" />"
                    + "<label for=\"\(id)\" title=\"\(name), \(direction)\">\(text)</label>"
            }
            line("<span>\(choice(up, "\(place)", name + " ↑", "ascending")) \(choice(down, "-\(place)", "↓", "descending"))</span>")
        }
        line("</fieldset>")
        let title = XMLText.escaped(table.title)
        line("<div class=\"scroll rows\" tabindex=\"0\" role=\"group\" aria-label=\"\(title)\">")
        // Rows that are laid out as grids are tables for a screen reader only if they say so.
        line("<table role=\"table\" style=\"--columns:\(table.widths);--paper:\(table.paperWidths)\">")
        line("<caption>\(title)</caption>")
        let classes = table.columns.indices.map { table.isNumeric($0) ? " class=\"number\"" : "" }
        let head = zip(table.columns, classes).map { "<th scope=\"col\" role=\"columnheader\"\($1)>\(XMLText.escaped($0))</th>" }.joined()
        line("<thead role=\"rowgroup\"><tr role=\"row\">\(head)</tr></thead>")
        line("<tbody role=\"rowgroup\">")
        for (number, row) in table.rows.enumerated() {
            let order = zip(table.places, table.isMissing).enumerated().map { column, places in
                "--c\(column):\(places.0[number])" + (places.1[number] ? ";--m\(column):1" : "")
            }.joined(separator: ";")
            let alarmed = row.alarm == nil ? "" : " class=\"alarmed\" id=\"\(table.rowID(number) ?? "")\""
            text.append(text: "<tr role=\"row\"\(alarmed) style=\"\(order)\">")
            for (place, cell) in row.cells.enumerated() {
                guard place == 0 else {
                    if let alarm = row.alarm, alarm.column == place {
                        let notes = alarm.notes.map { "<span>\($0.html)</span>" }.joined(separator: " ")
                        let shown =
                            alarm.isCellMarked ? "<strong>✗ \(Self.html(cell))</strong>" : "<span class=\"plain\">\(Self.html(cell))</span>"
                        line(
                            "<td role=\"cell\" class=\"alarm\">\(shown)\(notes.isEmpty ? "" : " <span class=\"notes\">\(notes)</span>")</td>"
                        )
                    } else {
                        text.append(text: "<td role=\"cell\"\(classes[place])>\(Self.html(cell))</td>")
                    }
                    continue
                }
                text.append(text: "<th scope=\"row\" role=\"rowheader\"\(classes[place])>")
                if row.details.isEmpty {
                    text.append(text: Self.html(cell))
                } else {
                    line("<details><summary>\(Self.html(cell))</summary>")
                    for block in row.details { append(block) }
                    text.append("</details>")
                }
                text.append("</th>")
            }
            line("</tr>")
        }
        line("</tbody>")
        line("</table>")
        line("</div>")
        if let remark = table.remark { line("<p class=\"remark\">\(XMLText.escaped(remark))</p>") }
        line("</div>")
    }

    private static func html(_ cell: PageTable.Cell) -> String {
        switch cell {
        case .text(let text): XMLText.escaped(text)
        case .name(let name): PageText.name(name).html
        case .number(let shown, let value): "<data value=\"\(XMLText.escaped(value))\">\(XMLText.escaped(shown))</data>"
        case .strip(let values, let range, let words): values.isEmpty ? "" : html(strip: values, range, words)
        }
    }

    /// A line of 80 units with a tick for each value; ticks that would lie upon each other are drawn once.
    private static func html(strip values: [Double], _ range: ClosedRange<Double>, _ words: String) -> String {
        let width = range.upperBound - range.lowerBound
        let places = Set(
            values.filter(\.isFinite).map { value in
                width > 0 ? Int((min(max((value - range.lowerBound) / width, 0), 1) * 160).rounded()) : 80
            })
        let ticks = places.sorted().map { "M\(2 + $0 / 2)\($0 % 2 == 0 ? "" : ".5") 2v10" }.joined()
        return
            "<svg class=\"strip\" width=\"84\" height=\"14\" viewBox=\"0 0 84 14\" role=\"img\" aria-label=\"\(XMLText.escaped(words))\">"
            + "<path class=\"base\" d=\"M2 4v8h80v-8\" /><path d=\"\(ticks)\" /></svg>"
    }
}
