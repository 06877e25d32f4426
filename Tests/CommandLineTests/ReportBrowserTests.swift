import Foundation
import TestSupport
import Testing

/// A report in a real browser, where one is installed: chromium or google-chrome.
@Suite(.serialized, .enabled(if: Browser.path != nil, "no chromium or google-chrome is installed")) struct ReportBrowserTests {
    /// Two pages that together have every section.
    private static let reports: [[String]] = [
        [
            Fixtures.path("models/mnist-mlp.pt"), "--data", Fixtures.path("models/mnist-mlp.npz"), "--null", "5", "--control", "2",
            "--compare", Fixtures.path("models/mnist-mlp.pt"),
        ],
        [
            Fixtures.path("models/modular.pt"), "--data", Fixtures.path("models/modular.npz"), "--pairs", "by-class", "--compare",
            Fixtures.path("models/modular.pt"), "--null", "2", "--control", "2", "--limit", "40",
        ],
        [Fixtures.path("models/induction.safetensors"), "--pairs", Fixtures.path("models/induction.pairs.json"), "--null", "2"],
    ]

    /// Measures the page from inside and writes the result as text: each line is a fault or a count.
    private static let probe = """
        <script>
        window.addEventListener('load', () => {
          const wrong = [];
          const channel = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4); };
          const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
          const parse = text => { const n = text.match(/[0-9.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n; };
          const ground = element => {
            for (let e = element; e; e = e.parentElement) {
              const colour = parse(getComputedStyle(e).backgroundColor);
              if (colour) return colour;
            }
            return [255, 255, 255];
          };
          let texts = 0;
          for (const element of document.body.querySelectorAll('*')) {
            if (element.closest('svg') || element.tagName === 'SCRIPT') continue;
            if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
            const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            texts += 1;
            if (contrast < 4.5) wrong.push('contrast ' + contrast.toFixed(2) + ' of ' + element.tagName + ' ' + element.className);
          }
          let pictures = 0;
          for (const svg of document.querySelectorAll('svg')) {
            const box = svg.getBoundingClientRect();
            pictures += 1;
            if (!(box.width > 200 && box.height > 60)) wrong.push('a figure of ' + box.width + ' x ' + box.height);
            const ground = svg.querySelector('rect');
            for (const text of svg.querySelectorAll('text')) {
              const [a, b] = [light(parse(getComputedStyle(text).fill)), light(parse(getComputedStyle(ground).fill))];
              const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
              if (contrast < 4.5 && /mi-(title|caption|label)/.test(text.getAttribute('class') || '')) {
                wrong.push('contrast ' + contrast.toFixed(2) + ' of ' + text.textContent);
              }
            }
          }
          for (const link of document.querySelectorAll('a')) {
            const id = link.getAttribute('href');
            if (!id.startsWith('#') || !document.getElementById(id.slice(1))) wrong.push('a link to ' + id);
          }
          const requests = performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:'));
          for (const request of requests) wrong.push('a request of ' + request.name);
          const root = document.documentElement;
          if (root.scrollWidth > root.clientWidth) wrong.push('the page is ' + root.scrollWidth + ' wide in ' + root.clientWidth);
          const report = document.createElement('p');
          report.id = 'probe';
          report.textContent = 'probed ' + pictures + ' pictures, ' + texts + ' texts; wrong: ' + (wrong.join('; ') || 'nothing');
          document.body.append(report);
        });
        </script></body>
        """

    @Test(arguments: reports) func aBrowserHasNothingToSay(report: [String]) throws {
        try TemporaryFolder.with { folder in
            let page = folder + "/report.html"
            let written = try BuiltCommand.run(["report", "--quiet"] + report + ["-o", page])
            #expect(written.status == 0, "\(written.errors)")
            let shown = try Browser.run(folder, ["--dump-dom", "file://" + page])
            #expect(shown.status == 0 && shown.text.contains("</html>"))
            #expect(!shown.errors.contains("CONSOLE"), "\(shown.errors)")

            let text = try String(contentsOfFile: page, encoding: .utf8)
            let open = text.replacingOccurrences(of: "default-src 'none';", with: "default-src 'none'; script-src 'unsafe-inline';")
                .replacingOccurrences(of: "</body>", with: Self.probe)
            try Data(open.utf8).write(to: URL(fileURLWithPath: folder + "/probed.html"))
            for look in [["--window-size=1000,1200"], ["--window-size=500,1200"], ["--blink-settings=preferredColorScheme=0"]] {
                let result = try Browser.run(folder, look + ["--dump-dom", "file://" + folder + "/probed.html"])
                let line = try #require(
                    result.text.components(separatedBy: "<p id=\"probe\">").dropFirst().first?.components(separatedBy: "</p>").first)
                #expect(line.hasSuffix("wrong: nothing"), "\(look): \(line)")
                #expect(!line.hasPrefix("probed 0 pictures"))
                #expect(!result.errors.contains("CONSOLE"), "\(result.errors)")
            }
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
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr", "--v=0",
            "--user-data-dir=" + folder + "/profile",
        ]
        return try BuiltCommand.shell("exec timeout 120 \"$@\"", [path ?? ""] + words + arguments)
    }
}
