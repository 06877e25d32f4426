import Foundation
import Pages
import TestSupport
import Testing

/// A table that is sorted by its style alone, in a real browser, where one is installed.
@Suite(.enabled(if: Browser.path != nil, "no chromium or google-chrome is installed")) struct SortedTableBrowserTests {
    /// Chooses every order in turn and leaves the names from top to bottom as text, then what is too wide.
    private static let probe = """
        <script>
        window.addEventListener('load', () => {
          const rows = [...document.querySelectorAll('.rows > table > tbody > tr')];
          const order = () => rows.map(r => [r.getBoundingClientRect().top, r.querySelector('bdi').textContent])
            .sort((a, b) => a[0] - b[0]).map(r => r[1]).join('');
          const found = [order()];
          for (const input of document.querySelectorAll('.sort input')) { input.checked = true; found.push(order()); }
          const first = rows[0];
          first.querySelector('details').open = true;
          const box = e => e.getBoundingClientRect();
          const inside = box(first.querySelector('details p'));
          // An opened row keeps its cells in one line and its columns, and what is opened takes the width of the row below them.
          const cells = [first.querySelector('summary'), ...first.querySelectorAll('td')].map(box);
          if (cells.some(c => Math.abs(c.top - cells[0].top) > 1 || c.bottom > inside.top + 1)) found.push('moved');
          if (inside.width < 0.9 * box(first).width) found.push('narrow ' + inside.width);
          const columns = [...document.querySelectorAll('.rows thead th')].map(box);
          if (cells.some((c, n) => c.left < columns[n].left - 1 || c.right > columns[n].right + 1)) found.push('outside');
          const note = box(document.querySelector('.alarm > .notes'));
          if (note.width < 0.9 * box(first).width) found.push('narrow note ' + note.width);
          const root = document.documentElement;
          found.push(root.scrollWidth > root.clientWidth ? 'wide' : 'fits');
          const report = document.createElement('p');
          report.id = 'probe';
          report.textContent = found.join(' ');
          document.body.append(report);
        });
        </script></body>
        """

    private static func page(rows: Int) -> Page {
        let values: [(name: String, value: Double?)] = [("b", 10), ("d", nil), ("a", -1), ("c", 9.5)]
        let table = PageSortedTable(
            title: "Values", id: "values", columns: ["name", "value"],
            rows: (0..<rows).map { row in
                let (name, value) = values[row % values.count]
                let cell = value.map { PageTable.Cell.number("\($0)", value: "\($0)") } ?? .text("")
                return .init(
                    cells: [.name(name), cell], details: (0..<9).map { _ in .paragraph([.plain("More of \(name).")]) },
                    alarm: row == 1 ? .init(column: 1, isCellMarked: true, notes: [["It was not read."]]) : nil)
            })
        return Page(
            title: "Values", heading: ["Values"], sections: [PageSection(id: "values", title: "Values", blocks: [.sorted(table)])],
            generator: "test")
    }

    @Test func paperHasTheRowsWithoutWhatIsClosed() throws {
        try TemporaryFolder.with { folder in
            try Data(Self.page(rows: 60).bytes).write(to: URL(fileURLWithPath: folder + "/page.html"))
            _ = try Browser.run(
                folder, ["--no-pdf-header-footer", "--print-to-pdf=" + folder + "/page.pdf", "file://" + folder + "/page.html"])
            let pdf = String(decoding: try Data(contentsOf: URL(fileURLWithPath: folder + "/page.pdf")), as: UTF8.self)
            let pages = pdf.components(separatedBy: "/Type /Page").count - 1 - (pdf.components(separatedBy: "/Type /Pages").count - 1)
            // Sixty rows of a line each; open ones would fill a page for every few of them.
            #expect((1...3).contains(pages), "\(pages)")
        }
    }

    @Test(arguments: [400, 1000]) func everyOrderIsShownWithoutAScriptOfThePage(width: Int) throws {
        let text = String(decoding: Self.page(rows: 4).bytes, as: UTF8.self)
        let open = text.replacingOccurrences(of: "default-src 'none';", with: "default-src 'none'; script-src 'unsafe-inline';")
            .replacingOccurrences(of: "</body>", with: Self.probe)
        try TemporaryFolder.with { folder in
            try Data(open.utf8).write(to: URL(fileURLWithPath: folder + "/page.html"))
            let result = try Browser.run(folder, ["--window-size=\(width),900", "--dump-dom", "file://" + folder + "/page.html"])
            let line = try #require(
                result.text.components(separatedBy: "<p id=\"probe\">").dropFirst().first?.components(separatedBy: "</p>").first)
            // As given, by name up and down, by value up and down, where what has none comes last.
            #expect(line == "bdac abcd dcba acbd bcad fits")
        }
    }
}

/// The browser of this machine.
private enum Browser {
    static let path: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Runs it without a window, with its own profile and a time limit.
    static func run(_ folder: String, _ arguments: [String]) throws -> CommandResult {
        let words = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--user-data-dir=" + folder + "/profile",
        ]
        return try BuiltCommand.shell("exec timeout 120 \"$@\"", [path ?? ""] + words + arguments)
    }
}
