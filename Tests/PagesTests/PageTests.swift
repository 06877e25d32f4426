import Foundation
import FoundationXML
import Pictures
import Testing

@testable import Pages

/// A page read back by a strict XML parser.
private final class ReadPage: NSObject, XMLParserDelegate {
    private(set) var elements: [(name: String, attributes: [String: String])] = []
    private(set) var texts: [String: String] = [:]
    private(set) var failure: String?
    private var open: [String] = []

    init(_ page: Page) {
        super.init()
        let parser = XMLParser(data: Data(page.bytes))
        parser.delegate = self
        if !parser.parse() { failure = parser.parserError.map { "\($0) in line \(parser.lineNumber)" } ?? "unknown" }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
    ) {
        elements.append((name, attributes))
        open.append(name)
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) { open.removeLast() }
    func parser(_ parser: XMLParser, foundCharacters string: String) { if let name = open.last { texts[name, default: ""] += string } }

    func values(_ attribute: String) -> [String] { elements.compactMap { $0.attributes[attribute] } }
}

@Suite struct PageTests {
    private static let hostile = "</style><script>alert(1)</script> & \"x\" 'y' \u{202E}gnp.exe \u{5D0}\u{5D1} \u{0}\u{1F}"

    @Test func wordsBreakBehindTheirCommas() {
        #expect(PageText.code("--arch linear:4-5,relu,<x>").html == "<code>--arch linear:4-5,<wbr />relu,<wbr />&lt;x&gt;</code>")
        #expect(PageText.name("a, b,").html == "<bdi class=\"name\">a, b,</bdi>")
        #expect(PageText.plain("1,000").html == "1,000")
    }

    private static func page(_ name: String) -> Page {
        let bars = BarChart(title: name, alternative: name, categories: [name], series: [])
        let table = PageTable(title: name, columns: [name, "score"], rows: [[.name(name), .number("0.5", value: "0.50001")]])
        let figure = PageFigure(Figure(bars).drawing(), caption: [.name(name)], commands: [name], tables: [table])
        return Page(
            title: name, heading: [.name(name)], lead: [.facts([(name, [.code(name)])])],
            sections: [
                PageSection(
                    id: "first", title: name,
                    blocks: [
                        .heading(name), .paragraph([.plain(name), .strong(name), .link(name, id: "second")]), .list([[.plain(name)]]),
                        .figure(figure), .figure(figure), .table(table), .notice([.name(name)]),
                    ]), PageSection(id: "second", title: "Second", blocks: [.commands([name, name]), .folded(table)]),
            ], footer: [.plain(name)], generator: name)
    }

    @Test(arguments: ["fc2.weight", hostile, String(repeating: "long", count: 100)]) func pagesAreWellFormedWhateverTheNames(name: String) {
        let page = ReadPage(Self.page(name))
        #expect(page.failure == nil)
        #expect(!page.elements.contains { $0.name == "script" })
        let ids = page.values("id")
        #expect(ids.count == Set(ids).count)
        for link in page.values("href") where link.hasPrefix("#") { #expect(ids.contains(String(link.dropFirst())), "\(link)") }
        for name in page.values("aria-labelledby").flatMap({ $0.split(separator: " ") }) { #expect(ids.contains(String(name)), "\(name)") }
    }

    @Test func whatANameHoldsIsText() {
        let page = ReadPage(Self.page(Self.hostile))
        let shown = Self.hostile.replacingOccurrences(of: "\u{0}", with: "\u{FFFD}").replacingOccurrences(of: "\u{1F}", with: "\u{FFFD}")
        #expect(page.texts["h1"] == nil)
        #expect(page.texts["bdi"]?.hasPrefix(shown) == true)
        #expect(page.texts["title"]?.contains(shown) == true)
    }

    @Test func headingsAreInOrder() {
        let levels = ReadPage(Self.page("x")).elements.compactMap { element in
            element.name.count == 2 && element.name.first == "h" ? Int(element.name.dropFirst()) : nil
        }
        #expect(levels.first == 1 && levels.count { $0 == 1 } == 1)
        for (before, after) in zip(levels, levels.dropFirst()) { #expect(after <= before + 1) }
    }

    @Test func numbersKeepTheirDigitsBesideWhatIsShown() {
        let page = ReadPage(Self.page("x"))
        #expect(page.values("value").contains("0.50001"))
        #expect(page.texts["data"]?.contains("0.5") == true)
    }

    @Test func longTablesSayWhatIsLeftOut() {
        let table = PageTable(title: "t", columns: ["a"], rows: (0..<1000).map { [.number("\($0)", value: "\($0)")] })
        #expect(table.rows.count == PageTable.mostRows)
        #expect(table.remark?.contains("of 1000 rows") == true)
    }

    @Test func pagesLoadNothing() {
        let page = ReadPage(Self.page(Self.hostile))
        for attribute in ["src", "href", "xlink:href", "action", "data"] {
            for address in page.values(attribute) { #expect(address.hasPrefix("#") || address.hasPrefix("data:"), "\(address)") }
        }
        let style = page.texts["style"] ?? ""
        #expect(!style.contains("url(") && !style.contains("@import"))
    }
}

@Suite struct SortedTableTests {
    @Test func rowsHaveTheirPlaceInEveryOrder() {
        let table = PageSortedTable(
            title: "t", id: "t", columns: ["name", "value"],
            rows: [("b", "10"), ("a", "-1"), ("c", nil), ("d", "9.5"), ("é", "nan")].map { name, value in
                .init(cells: [.name(name), value.map { .number($0, value: $0) } ?? .text("")])
            })
        let page = Page(title: "t", heading: ["t"], sections: [PageSection(id: "s", title: "s", blocks: [.sorted(table)])], generator: "g")
        let text = String(decoding: page.bytes, as: UTF8.self)
        let styles = text.components(separatedBy: "<tr role=\"row\" style=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        // By name: a b c d é; by value: -1, 9.5, 10, then what has no number, by its text.
        #expect(styles == ["--c0:1;--c1:2", "--c0:0;--c1:0", "--c0:2;--c1:3;--m1:1", "--c0:3;--c1:1", "--c0:4;--c1:4;--m1:1"])
        #expect(ReadPage(page).failure == nil)
    }

    @Test func onlyAPageWithASortedTableHasItsStyle() {
        let table = PageSortedTable(title: "t", id: "t", columns: ["a"], rows: [])
        func text(_ blocks: [PageBlock]) -> String {
            String(
                decoding: Page(title: "t", heading: ["t"], sections: [PageSection(id: "s", title: "s", blocks: blocks)], generator: "g")
                    .bytes, as: UTF8.self)
        }
        #expect(text([.sorted(table)]).contains(".sorted:has("))
        #expect(!text([]).contains(".sorted:has("))
    }
}
