import Foundation
import FoundationXML
import Pictures
import TestSupport

@testable import Plots

/// A picture read back by a strict XML parser: the numbers that its marks carry, and its text.
final class DrawnPicture: NSObject, XMLParserDelegate {
    private(set) var elements: [(name: String, attributes: [String: String])] = []
    private(set) var text = ""
    private(set) var failure: String?

    init(_ svg: [UInt8]) {
        super.init()
        let parser = XMLParser(data: Data(svg))
        parser.delegate = self
        if !parser.parse() { failure = parser.parserError.map { "\($0)" } ?? "unknown" }
    }

    convenience init(_ figure: PlotFigure) { self.init(PlotSheet.svg([figure])) }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) { elements.append((name, attributes)) }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    /// What the marks carry under `data-NAME`.
    func data(_ name: String) -> [String] { elements.compactMap { $0.attributes["data-" + name] } }

    /// The same as numbers, each once.
    func numbers(_ name: String = "value") -> Set<Double> { Set(data(name).compactMap(Double.init)) }

    /// Whether a mark carries the number; the test's own decoder may differ in the last digit.
    func has(_ name: String, _ value: Double) -> Bool {
        numbers(name).contains { abs($0 - value) <= 1e-12 * max(1, abs(value)) }
    }

    func has(_ value: Double) -> Bool { has("value", value) }

    /// Everything that the marks carry, in their order.
    var allData: [String] {
        elements.flatMap { element in
            element.attributes.filter { $0.key.hasPrefix("data-") }.map { "\($0.key)=\($0.value)" }.sorted()
        }
    }
}

/// Results of the real commands in `fixtures/plots`.
enum Sample {
    static func bytes(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixtures.path("plots/" + name))))
    }

    static func result(_ name: String) throws -> PlottedResult { try PlottedResult(bytes(name), path: name) }

    static func figures(_ names: String...) throws -> [PlotFigure] { PlottedResult.figures(of: try names.map(result)) }

    /// A sample's JSON as the system's own decoder reads it.
    static func json(_ name: String) throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(bytes(name))) as? [String: Any] ?? [:]
    }

    static func figures(text: String, path: String = "made.json") throws -> [PlotFigure] {
        PlottedResult.figures(of: [try PlottedResult(Array(text.utf8), path: path)])
    }
}

extension [String: Any] {
    func list(_ name: String) -> [[String: Any]] { self[name] as? [[String: Any]] ?? [] }
    func object(_ name: String) -> [String: Any] { self[name] as? [String: Any] ?? [:] }
    func number(_ name: String) -> Double? { (self[name] as? NSNumber)?.doubleValue }
}
