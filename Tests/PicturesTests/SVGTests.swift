import Testing

@testable import Pictures

@Suite struct SVGTests {
    private let hostile = "a<b>&\"'\u{0}\u{8}\u{1B}\u{FFFE}]]> <script>"

    @Test func hostileTextStaysText() throws {
        var drawing = Drawing(width: 100, height: 50, title: hostile, alternative: hostile)
        drawing.marks = [
            .text(TextLine(hostile, at: Point(1, 20)), title: hostile, data: [Datum("name", hostile), Datum("b<ad \"Name", 1)])
        ]
        let reader = SVGReader(drawing)
        #expect(reader.failure == nil)
        let expected = "a<b>&\"'\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}]]> <script>"
        let text = try #require(reader.elements.first { $0.name == "text" })
        #expect(text.text == expected)
        #expect(text.title == expected)
        #expect(text.attributes["data-name"] == expected)
        #expect(text.attributes["data-badame"] == "1")
        #expect(!reader.elements.contains { $0.name == "script" })
    }

    @Test func dataKeepAllDigits() throws {
        var drawing = Drawing(width: 10, height: 10)
        let values = [0.1 + 0.2, 1e-300, -3, .nan, .infinity]
        drawing.marks = values.map { .circle(Point(5, 5), radius: 1, fill: .ink, data: [Datum("value", $0)]) }
        let found = SVGReader(drawing).elements(with: "value").map { $0.attributes["data-value"] }
        #expect(found == ["0.30000000000000004", "1e-300", "-3", "nan", "inf"])
    }

    @Test func numbersHaveTwoDecimalsAtMost() {
        #expect(
            [0, 1, -1.5, 2.25, 0.05, 1.999, -0.001, 100.10].map(XMLText.number) == ["0", "1", "-1.5", "2.25", "0.05", "2", "0", "100.1"])
        #expect(XMLText.number(.nan) == "0")
        #expect(XMLText.number(.infinity) == "10000000")
        #expect(XMLText.number(-1e300) == "-10000000")
    }

    /// RFC 4648, section 10.
    @Test func base64AgreesWithTheStandard() {
        let cases = ["": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy"]
        for (text, code) in cases { #expect(XMLText.base64(Array(text.utf8)) == code) }
    }

    @Test func picturesOfOnePageShareNoName() {
        let drawing = Drawing(
            width: 10, height: 10, marks: [.rectangle(Rectangle(x: 0, y: 0, width: 5, height: 5), fill: .missing, stroke: Stroke(.axis))])
        let (first, second) = (SVG.text(drawing, prefix: "a"), SVG.text(drawing, prefix: "b"))
        func ids(_ text: String) -> Set<String> { Set(SVGReader(text).elements.compactMap { $0.attributes["id"] }) }
        #expect(ids(first).count == 4)
        #expect(ids(first).isDisjoint(with: ids(second)))
        #expect(SVG.text(drawing, prefix: "1 <x").contains("id=\"mi1x\""))
        #expect(!SVG.text(drawing, isStandalone: false).contains("<?xml"))
    }

    @Test func everyShapeIsWritten() {
        let square = Rectangle(x: 1, y: 1, width: 8, height: 8)
        let marks: [Mark] = [
            .rectangle(square, radius: 2, fill: .cluster(3), stroke: Stroke(.ink, width: 2, dash: [3, 2])),
            .line(Point(0, 0), Point(10, 10), stroke: Stroke(.axis)), .polyline([Point(0, 0), Point(1, 2)], stroke: Stroke(.faint)),
            Mark(.polygon([Point(0, 0), Point(1, 2), Point(3, 3)]), fill: .sequential(0.5)),
            Mark(.path([.move(Point(0, 0)), .curve(control: Point(1, 0), control2: Point(2, 2), end: Point(3, 3)), .close])),
            .circle(Point(5, 5), radius: 2, fill: .diverging(-0.5)), .text(TextLine("a", at: Point(1, 9), rotation: -90)),
            Mark(.image(square, png: [1, 2, 3])),
        ]
        let reader = SVGReader(Drawing(width: 10, height: 10, marks: [.group(marks, data: [Datum("n", 8)])]))
        #expect(reader.failure == nil)
        let names = ["g", "rect", "line", "polyline", "polygon", "path", "circle", "text", "image"]
        #expect(Array(reader.elements.map(\.name).suffix(9)) == names)
        let image = reader.elements.last
        #expect(image?.attributes["xlink:href"] == "data:image/png;base64,AQID")
    }

    @Test func boundsHoldTurnedText() {
        let upright = TextLine("word", at: Point(50, 50), size: 10).bounds
        let turned = TextLine("word", at: Point(50, 50), size: 10, rotation: -90).bounds
        #expect(abs(turned.height - upright.width) < 1e-9 && abs(turned.width - upright.height) < 1e-9)
        #expect(abs(turned.maxY - 50) < 1e-9)
    }
}
