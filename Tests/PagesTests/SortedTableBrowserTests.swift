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
          rows[0].querySelector('details').open = true;
          const root = document.documentElement;
          found.push(root.scrollWidth > root.clientWidth ? 'wide' : 'fits');
          const report = document.createElement('p');
          report.id = 'probe';
          report.textContent = found.join(' ');
          document.body.append(report);
        });
        </script></body>
        """

    @Test(arguments: [400, 1000]) func everyOrderIsShownWithoutAScriptOfThePage(width: Int) throws {
        let values: [(name: String, value: Double?)] = [("b", 10), ("d", nil), ("a", -1), ("c", 9.5)]
        let table = PageSortedTable(
            title: "Values", id: "values", columns: ["name", "value"],
            rows: values.map { name, value in
                let cell = value.map { PageTable.Cell.number("\($0)", value: "\($0)") } ?? .text("")
                return .init(cells: [.name(name), cell], details: [.paragraph([.plain("More of \(name).")])])
            })
        let page = Page(
            title: "Values", heading: ["Values"], sections: [PageSection(id: "values", title: "Values", blocks: [.sorted(table)])],
            generator: "test")
        let text = String(decoding: page.bytes, as: UTF8.self)
        let open = text.replacingOccurrences(of: "default-src 'none';", with: "default-src 'none'; script-src 'unsafe-inline';")
            .replacingOccurrences(of: "</body>", with: Self.probe)
        try TemporaryFolder.with { folder in
            try Data(open.utf8).write(to: URL(fileURLWithPath: folder + "/page.html"))
            let result = try BuiltCommand.shell(
                "exec timeout 120 \"$@\"",
                [
                    Browser.path ?? "", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                    "--user-data-dir=" + folder + "/profile", "--window-size=\(width),900", "--dump-dom", "file://" + folder + "/page.html",
                ])
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
}
