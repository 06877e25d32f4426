import Auditing
import Foundation
import FoundationXML
import Modularity
import Testing
import Text

@testable import ModinspectCommands

/// An XML document as a tree.
private final class Element {
    let name: String
    let attributes: [String: String]
    var children: [Element] = []
    var text = ""

    init(_ name: String, _ attributes: [String: String]) {
        self.name = name
        self.attributes = attributes
    }

    func named(_ name: String) -> [Element] { children.filter { $0.name == name } }
    var all: [Element] { [self] + children.flatMap(\.all) }
}

private final class Document: NSObject, XMLParserDelegate {
    private(set) var root: Element?
    private(set) var failure: String?
    private var open: [Element] = []

    init(_ bytes: [UInt8]) {
        super.init()
        let parser = XMLParser(data: Data(bytes))
        parser.delegate = self
        if !parser.parse() { failure = parser.parserError.map { "\($0) in line \(parser.lineNumber)" } ?? "unknown" }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
    ) {
        let element = Element(name, attributes)
        if let parent = open.last { parent.children.append(element) } else { root = element }
        open.append(element)
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) { open.removeLast() }
    func parser(_ parser: XMLParser, foundCharacters string: String) { open.last?.text += string }
}

@Suite struct AuditReportTests {
    private static let hostile = [
        "a<b>&\"'.pt", "line\nend.pt", "tab\there.pt", "\u{202E}gnp.exe", "\u{5E9}\u{5DC}\u{5D5}\u{5DD}.pt", "]]>.pt", "nul\u{0}\u{1B}.pt",
        String(repeating: "folder/", count: 40) + "long.pt", "\u{FFFD}\u{FFFE}.pt",
    ]

    /// A row as the journal has it.
    private static func row(
        _ name: String, _ value: Double?, status: String = "ok", reason: String? = nil, findings: String = "", weights: String = "w"
    ) throws -> AuditRow {
        let measures = Measure.allCases.map { "\"\($0.rawValue)\":\(value.map(JSONText.number) ?? "null")" }.joined(separator: ",")
        let null = "\"null\":{\"samples\":9,\"mean\":0.3,\"sd\":0.1,\"z\":2,\"p\":0.1,\"q\":0.2}"
        let results =
            status == "ok"
            ? "{\"k\":4,\"layers\":[{\"layer\":\(JSONText.string(name)),\"k\":4,\(measures),\(null)}],\"mean\":{\"layer\":null,\"k\":4,\(measures),\(null)},\"networkNcut\":null}"
            : ""
        let line =
            "{\"schema\":\"modinspect.audit/1\",\"path\":\(JSONText.string(name)),\"status\":\"\(status)\",\"reason\":\(reason.map(JSONText.string) ?? "null"),"
            + "\"size\":10,\"modified\":5,\"fingerprint\":\"f\",\"sha256\":\"00\",\"weightsSha256\":\(JSONText.string(weights)),\"container\":\"npz\",\"family\":\"chain\","
            + "\"parameters\":1234,\"dtypes\":[\"f32\"],\"encodings\":[],\"leftOut\":[{\"reason\":\"vector\",\"count\":2}],\"findings\":[\(findings)],\"results\":[\(results)]}"
        return try AuditRow(line: Array(line.utf8))
    }

    private static func rows() throws -> [AuditRow] {
        var rows: [AuditRow] = []
        for (place, name) in hostile.enumerated() { rows.append(try row(name, Double(place) / 10, weights: name)) }
        for place in 0..<20 { rows.append(try row("run/step-\(place * 10).pt", 0.3 + Double(place) / 100, weights: "\(place)")) }
        rows.append(try row("undefined.pt", nil))
        rows.append(try row("bad<&>\n.pt", nil, status: "failed", reason: "unknown format, expected x,\nfound '<&>'"))
        rows.append(try row("slow.pt", nil, status: "timeout", reason: "took longer than 10 s"))
        let finding = "{\"finding\":\"unsafe\",\"subject\":null,\"side\":null,\"count\":1,\"detail\":\"os.system <&>\"}"
        rows.append(try row("pickle.pt", 0.01, findings: finding, weights: "0"))
        return AuditRow.completed(rows)
    }

    private static func report() throws -> AuditReport {
        let rows = try rows()
        var report = AuditReport(rows: rows, settings: AuditSettings(version: "1", nullSamples: 9))
        let comparison = AuditComparison(old: Array(rows.dropFirst(3)) + [try row("gone\n<.pt", 0.5)], new: rows)
        report.comparison = comparison
        report.breaches = try FailConditions("unreadable,unsafe,adjusted<0.1,gone").breaches(rows, against: comparison)
        return report
    }

    // MARK: - Text

    @Test(arguments: [40, 80, 120]) func theSummaryFitsTheWidth(width: Int) throws {
        let text = try Self.report().text(width: width)
        for line in text.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
        #expect(!text.unicodeScalars.contains { $0.breaksLine && $0 != "\n" })
    }

    @Test func theSummaryCountsAndNames() throws {
        let text = try Self.report().text(width: 80)
        #expect(text.hasPrefix("33 checkpoints\n  status       ok 31, failed 1, timeout 1\n"))
        for words in [
            "families", "chain 33", "unsafe 1", "same weights", "baseline", "3 new, 1 gone, 0 changed", "best\n", "worst\n", "not ok\n",
            "took longer than 10 s", "conditions that hold\n",
        ] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test func fewRowsAreOneTable() throws {
        let report = AuditReport(rows: [try Self.row("a.pt", 0.5)], settings: AuditSettings(version: "1"))
        #expect(report.text(width: 80).contains("best first\n"))
        #expect(AuditReport(rows: [], settings: AuditSettings(version: "1")).text(width: 80) == "0 checkpoints\n")
    }

    // MARK: - Rows

    @Test func tsvHasALineForEachCheckpointAndOneForEachThatIsGone() throws {
        let report = try Self.report()
        let lines = report.tsv.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count == 1 + report.rows.count + 1)
        let header = lines[0].split(separator: "\t").map(String.init)
        for line in lines { #expect(line.split(separator: "\t", omittingEmptySubsequences: false).count == header.count) }
        #expect(header.prefix(6) == ["path", "status", "reason", "change", "k", "clusterability"])
        #expect(header.contains("null_q") && header.contains("weights_sha256") && header.contains("unsafe"))
        let names = lines.dropFirst().map { TSV.unescaped($0.split(separator: "\t")[0]) }
        #expect(names == report.rows.map(\.name) + ["gone\n<.pt"])
        #expect(lines.last?.split(separator: "\t", omittingEmptySubsequences: false)[1] == "-")
    }

    /// What was found in a file that could not be opened is in tsv as it is in the summary; of other kinds nobody looked for any.
    @Test func tsvHasTheFindingsOfFilesThatCouldNotBeOpened() throws {
        let finding = "{\"finding\":\"unscanned\",\"subject\":null,\"side\":null,\"count\":3,\"detail\":\"damaged\"}"
        let opened = String(
            decoding: try Self.row("bad.pt", nil, status: "failed", reason: "damaged", findings: finding).line, as: UTF8.self)
        let line = opened.replacingOccurrences(
            of: "\"container\":\"npz\",\"family\":\"chain\",\"parameters\":1234",
            with: "\"container\":null,\"family\":null,\"parameters\":null")
        let row = try AuditRow(line: Array(line.utf8))
        #expect(row.model == nil)
        let report = AuditReport(rows: AuditRow.completed([row]), settings: AuditSettings(version: "1"))
        #expect(report.text(width: 80).contains("unscanned 1"))
        let rows = report.tsv.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        let cells = Dictionary(uniqueKeysWithValues: zip(rows[0], rows[1]))
        #expect(cells["unscanned"] == "3" && cells["nan"] == "")
    }

    @Test func tsvHasTheDifferencesToTheEarlierAudit() throws {
        let new = [try Self.row("a", 0.5), try Self.row("b", 0.25), try Self.row("c", nil)]
        var report = AuditReport(rows: new, settings: AuditSettings(version: "1"))
        report.comparison = AuditComparison(old: [try Self.row("a", 0.25), try Self.row("c", 0.5)], new: new)
        let rows = report.tsv.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        let column = try #require(rows[0].firstIndex(of: "adjusted_change"))
        #expect(rows.map { $0[column] } == ["adjusted_change", "0.25", "nan", "nan"])
        #expect(!rows[0].contains("null_z"))
        report.comparison = nil
        #expect(!report.tsv.prefix { $0 != "\n" }.contains("change"))
    }

    @Test func jsonLinesAreTheRows() throws {
        let report = try Self.report()
        let lines = report.jsonl.split(separator: 10)
        #expect(try lines.map { try AuditRow(line: Array($0)) } == report.rows)
    }

    // MARK: - JUnit

    /// The rules of Jenkins' and Surefire's schemas for what is written here.
    @Test func junitObeysTheSchemas() throws {
        let report = try Self.report()
        let document = Document(report.junit)
        #expect(document.failure == nil)
        let root = try #require(document.root)
        #expect(root.name == "testsuites")
        #expect(root.children.map(\.name) == ["testsuite"])
        let suite = root.children[0]
        for element in [root, suite] {
            for count in ["tests", "failures", "errors"] { #expect(Int(element.attributes[count] ?? "") != nil) }
            #expect(Double(element.attributes["time"] ?? "") != nil)
            #expect(element.attributes["name"]?.isEmpty == false)
        }
        // A sequence: properties, then test cases.
        #expect(suite.children.first?.name == "properties")
        #expect(suite.children.dropFirst().allSatisfy { $0.name == "testcase" })
        let cases = suite.named("testcase")
        #expect(cases.count == Int(suite.attributes["tests"] ?? ""))
        #expect(cases.count { !$0.named("failure").isEmpty } == Int(suite.attributes["failures"] ?? ""))
        #expect(cases.count { !$0.named("error").isEmpty } == Int(suite.attributes["errors"] ?? ""))
        let allowed: [String: Set<String>] = [
            "testsuites": ["name", "tests", "failures", "errors", "time"],
            "testsuite": ["name", "tests", "failures", "errors", "skipped", "time"], "properties": [], "property": ["name", "value"],
            "testcase": ["name", "classname", "time"], "error": ["type", "message"], "failure": ["type", "message"], "system-out": [],
        ]
        for element in root.all {
            #expect(Set(element.attributes.keys) == allowed[element.name], "\(element.name)")
            if element.name == "testcase" {
                // Surefire: at most one failure and one error, before the output.
                #expect(element.named("failure").count + element.named("error").count <= 1)
                #expect(element.children.allSatisfy { $0.name != "system-out" } || element.children.last?.name == "system-out")
                #expect(element.named("system-out").count <= 1)
            }
        }
        #expect(cases.map { $0.attributes["name"] ?? "" }.prefix(2) == ["a<b>&\"'.pt", "line\\nend.pt"])
        #expect(Set(cases.map { $0.attributes["name"] ?? "" }).count == cases.count)
    }

    @Test func aBrokenConditionIsAFailureAndABadFileAnError() throws {
        let root = try #require(Document(try Self.report().junit).root)
        func testCase(_ name: String) throws -> Element {
            try #require(root.all.first { $0.name == "testcase" && $0.attributes["name"] == name })
        }
        let bad = try testCase("bad<&>\\n.pt")
        #expect(bad.named("error").first?.attributes["type"] == "failed")
        #expect(bad.named("error").first?.attributes["message"] == "unknown format, expected x,\\nfound '<&>'")
        let pickle = try testCase("pickle.pt")
        #expect(pickle.named("failure").first?.attributes["type"] == "unsafe,adjusted<0.1")
        #expect(pickle.named("system-out").first?.text == "unsafe: os.system <&>")
        #expect(try testCase("run/step-100.pt").children.isEmpty)
        #expect(try testCase("gone\\n<.pt").named("failure").first?.attributes["type"] == "gone")
    }

    // MARK: - HTML

    @Test func thePageIsWellFormedAndSortsByEveryColumn() throws {
        let report = try Self.report()
        let document = Document(try report.html())
        #expect(document.failure == nil)
        let all = try #require(document.root).all
        #expect(!all.contains { $0.name == "script" })
        let ids = all.compactMap { $0.attributes["id"] }
        #expect(Set(ids).count == ids.count)
        let table = try #require(all.first { $0.attributes["role"] == "table" })
        let rows = table.named("tbody").flatMap { $0.named("tr") }
        #expect(rows.count == report.rows.count)
        let columns = table.named("thead")[0].named("tr")[0].named("th").map(\.text)
        #expect(columns.prefix(4) == ["path", "status", "change", "adjusted"])
        let inputs = all.filter { $0.name == "input" }
        #expect(inputs.count == 2 * columns.count)
        // The places of a column are a permutation in the order of its values.
        let places = rows.map { row in
            row.attributes["style"].map {
                $0.split(separator: ";").filter { $0.hasPrefix("--c") }.map { Int($0.split(separator: ":")[1]) ?? -1 }
            } ?? []
        }
        for column in columns.indices { #expect(Set(places.map { $0[column] }) == Set(rows.indices)) }
        let values = zip(places, report.rows).sorted { $0.0[3] < $1.0[3] }.compactMap { $0.1[.adjusted] }
        #expect(values == values.sorted())
        #expect(rows.allSatisfy { !$0.named("th")[0].named("details").isEmpty })
        #expect(all.contains { $0.name == "svg" })
    }

    @Test func whatIsWrongIsSeenWithoutOpeningARow() throws {
        let report = try Self.report()
        let all = try #require(Document(try report.html()).root).all
        let table = try #require(all.first { $0.attributes["role"] == "table" })
        let rows = table.named("tbody").flatMap { $0.named("tr") }
        func words(_ element: Element) -> String { element.all.map(\.text).joined(separator: " ") }
        for (element, row) in zip(rows, report.rows) {
            let broken = report.breaches.filter { $0.name == row.name }
            #expect((element.attributes["class"] == "alarmed") == (row.status != .ok || !broken.isEmpty), "\(row.name)")
            guard let cell = element.named("td").first, element.attributes["class"] == "alarmed" else { continue }
            #expect(cell.named("strong").map(words) == (row.status == .ok ? [] : ["✗ \(row.status.rawValue)"]))
            if let reason = row.reason { #expect(words(cell).contains(reason.singleLine)) }
            for breach in broken { #expect(words(cell).contains("✗ \(breach.condition): ")) }
        }
        // The head of the page counts what was not examined (bad and slow), with a link to each row, and the conditions that hold:
        // for these, for those below 0.1 or undefined (three), and for the one that is gone.
        let notices = all.filter { $0.attributes["class"] == "notice" }
        #expect(
            notices.map { $0.named("strong").map(words) }
                == [["✗ 2 of 33 checkpoints not examined:"], ["✗ A condition of --fail-on holds for 6 checkpoints:"]])
        let ids = Set(rows.compactMap { $0.attributes["id"] })
        #expect(notices[0].named("a").allSatisfy { ids.contains(String(($0.attributes["href"] ?? "").dropFirst())) })
        #expect(notices[0].named("a").count == 2)
        #expect(all.first { $0.name == "dd" && words($0).hasPrefix("chain") }.map(words) == "chain 33")
    }

    @Test func eachRowShowsItsLayersOnOneLine() throws {
        let report = try Self.report()
        let strips = try #require(Document(try report.html()).root).all.filter { $0.attributes["class"] == "strip" }
        // Values of 0 to 0.8 in steps of 0.1 on a line of 80 from 2 on.
        let paths = strips.prefix(4).map { $0.named("path").last?.attributes["d"] }
        #expect(paths == ["M2 2v10", "M10 2v10", "M18 2v10", "M26 2v10"])
        #expect(strips[1].attributes["aria-label"] == "1 layer at 0.1000")
        #expect(strips.count == report.rows.count { $0[.adjusted] != nil })
    }

    @Test func aLargePageHasRoomForWhatIsNoted() throws {
        let finding = "{\"finding\":\"dead\",\"subject\":\"fc1\",\"side\":\"out\",\"count\":3,\"detail\":\"1, 2, 7\"}"
        let rows = try (0..<6000).map { try Self.row("\($0).pt", 0.5) } + [Self.row("noted.pt", 0.5, findings: finding)]
        let text = String(decoding: try AuditReport(rows: rows, settings: AuditSettings(version: "1")).html(), as: UTF8.self)
        #expect(text.contains("dead: fc1 (out), 3: 1, 2, 7"))
        // Two lines each, and three of the row that is noted.
        #expect(text.components(separatedBy: "aria-label=\"Scores of the layers\"").count - 1 == (10_000 - 3) / 2 + 1)
        #expect(text.components(separatedBy: "left out of this large page").count - 1 == 6001 - ((10_000 - 3) / 2 + 1))
    }

    @Test func anAuditOfNothingIsAPage() throws {
        #expect(Document(try AuditReport(rows: [], settings: AuditSettings(version: "1")).html()).failure == nil)
    }

    // MARK: - Pictures

    @Test func picturesAreDrawnFromTheLines() throws {
        let names = try Self.report().figures().map(\.name)
        #expect(names == ["audit", "audit-measures", "audit-run-run-step-pt"])
    }
}
