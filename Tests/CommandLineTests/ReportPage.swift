import Foundation
import FoundationXML

/// A report read back by a strict XML parser.
final class ReportPage: NSObject, XMLParserDelegate {
    struct Element {
        let name: String
        let attributes: [String: String]
        var text = ""
        /// The section that it is in.
        let section: String
    }

    private(set) var elements: [Element] = []
    private(set) var failure: String?
    private var open: [Int] = []
    private var section = ""

    init(_ bytes: Data) {
        super.init()
        let parser = XMLParser(data: bytes)
        parser.delegate = self
        if !parser.parse() { failure = parser.parserError.map { "\($0) in line \(parser.lineNumber)" } ?? "unknown" }
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
    ) {
        if name == "section" { section = attributes["id"] ?? "" }
        open.append(elements.count)
        elements.append(Element(name: name, attributes: attributes, section: section))
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        let place = open.removeLast()
        if let outer = open.last { elements[outer].text += elements[place].text }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { if let place = open.last { elements[place].text += string } }

    func values(_ attribute: String) -> [String] { elements.compactMap { $0.attributes[attribute] } }

    func all(_ name: String, in section: String? = nil) -> [Element] {
        elements.filter { $0.name == name && (section == nil || $0.section == section) }
    }

    /// The text of a section.
    func text(_ section: String) -> String { all("section").first { $0.attributes["id"] == section }?.text ?? "" }

    /// The commands of a section, with where they write replaced by JSON on standard output.
    func commands(_ section: String) -> [String] {
        all("pre", in: section).flatMap { $0.text.split(separator: "\n").map(String.init) }.map { line in
            let words = line.components(separatedBy: " --format svg -o ")
            return words.count == 2 ? words[0] + " --format json" : line
        }
    }

    /// The full digits of a section's tables.
    func numbers(_ section: String) -> Set<String> { Set(all("data", in: section).compactMap { $0.attributes["value"] }) }
}
