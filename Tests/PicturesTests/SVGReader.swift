import FoundationXML
import Testing

@testable import Pictures

#if canImport(Foundation)
import Foundation
#endif

/// An SVG, read back by a strict XML parser.
final class SVGReader: NSObject, XMLParserDelegate {
    struct Element {
        let name: String
        let attributes: [String: String]
        var text = ""
        /// The text of its <title>.
        var title: String?

        /// The value of `data-NAME` as a number.
        func number(_ name: String) -> Double? { attributes["data-" + name].flatMap(Double.init) }
    }

    private(set) var elements: [Element] = []
    private var open: [Int] = []
    private(set) var failure: String?

    init(_ text: String) {
        super.init()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = self
        if !parser.parse() { failure = parser.parserError.map { "\($0)" } ?? "unknown" }
    }

    convenience init(_ drawing: Drawing) { self.init(SVG.text(drawing)) }

    /// Elements that carry a datum of this name.
    func elements(with datum: String) -> [Element] { elements.filter { $0.attributes["data-" + datum] != nil } }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        open.append(elements.count)
        elements.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if let last = open.last { elements[last].text += string }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        let last = open.removeLast()
        if name == "title", let parent = open.last { elements[parent].title = elements[last].text }
    }
}
