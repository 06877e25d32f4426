import Text

/// Writes drawings as SVG 1.1: no script, no font or image from elsewhere; the same drawing gives the same bytes.
package enum SVG {
    /// The text of an SVG.
    ///
    /// - Parameters:
    ///   - prefix: Begins every id and every class of this picture's own; give each picture of a page its own. Characters other
    ///     than letters, digits and hyphens are left out.
    ///   - isStandalone: With the XML declaration, as a file has it; false inside an HTML page.
    package static func text(_ drawing: Drawing, prefix: String = "mi", isStandalone: Bool = true) -> String {
        String(decoding: bytes(drawing, prefix: prefix, isStandalone: isStandalone), as: UTF8.self)
    }

    /// The bytes of an SVG, see ``text(_:prefix:isStandalone:)``.
    package static func bytes(_ drawing: Drawing, prefix: String = "mi", isStandalone: Bool = true) -> [UInt8] {
        var writer = SVGWriter(prefix: prefix)
        for mark in drawing.marks { writer.append(mark) }
        let (width, height) = (XMLText.number(drawing.width), XMLText.number(drawing.height))
        var head = isStandalone ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" : ""
        head += "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" class=\"mi-picture\" id=\"\(writer.prefix)\""
        head += " width=\"\(width)\" height=\"\(height)\" viewBox=\"0 0 \(width) \(height)\" role=\"img\""
        head += " aria-labelledby=\"\(writer.prefix)-title \(writer.prefix)-desc\">\n"
        head += "<title id=\"\(writer.prefix)-title\">\(XMLText.escaped(drawing.title))</title>\n"
        head += "<desc id=\"\(writer.prefix)-desc\">\(XMLText.escaped(drawing.alternative))</desc>\n"
        head += writer.style + writer.definitions
        head += "<rect class=\"\(writer.groundClass)\" width=\"\(width)\" height=\"\(height)\"/>\n"
        return Array(head.utf8) + writer.body.bytes + Array("</svg>\n".utf8)
    }
}

/// Collects the elements of an SVG and the colours that they use.
private struct SVGWriter {
    let prefix: String
    var body = ByteText()
    /// Classes of the colours that differ between the themes, for `fill` and for `stroke`.
    private var classes: [Use: String] = [:]
    /// The same in the order of their first use.
    private var rules: [Use] = []
    private var needsHatching = false

    private struct Use: Hashable {
        let property: String
        let light: Colour
        let dark: Colour
    }

    init(prefix: String) {
        let kept = prefix.unicodeScalars.filter {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "-"
        }
        let text = String(String.UnicodeScalarView(kept))
        self.prefix = text.first.map { ("0"..."9").contains($0) || $0 == "-" } ?? true ? "mi" + text : text
        _ = reference("fill", .ground)
        _ = reference("stroke", .missing)
    }

    private enum Reference {
        case className(String)
        case attribute(String)
    }

    /// How an element refers to a paint: by a class where the themes differ, by an attribute where they agree.
    private mutating func reference(_ property: String, _ paint: Paint) -> Reference {
        guard let colours = Palette.themes(of: paint) else { return .attribute("none") }
        guard colours.light != colours.dark else { return .attribute(colours.light.hexadecimal) }
        let use = Use(property: property, light: colours.light, dark: colours.dark)
        if let known = classes[use] { return .className(known) }
        let name = "\(prefix)-c\(rules.count)"
        classes[use] = name
        rules.append(use)
        return .className(name)
    }

    /// The class of the ground, which is always the first.
    var groundClass: String { "\(prefix)-c0" }

    var style: String {
        var text = "<style>\n"
        text += "#\(prefix) text{font-family:\"Helvetica Neue\",Helvetica,Arial,\"Liberation Sans\",sans-serif;"
        text += "unicode-bidi:isolate;white-space:pre}\n"
        for (index, rule) in rules.enumerated() { text += ".\(prefix)-c\(index){\(rule.property):\(rule.light.hexadecimal)}\n" }
        text += "@media screen and (prefers-color-scheme:dark){\n"
        for (index, rule) in rules.enumerated() { text += ".\(prefix)-c\(index){\(rule.property):\(rule.dark.hexadecimal)}\n" }
        return text + "}\n</style>\n"
    }

    var definitions: String {
        guard needsHatching else { return "" }
        return "<defs><pattern id=\"\(prefix)-hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\""
            + " patternTransform=\"rotate(45)\"><path class=\"\(prefix)-c1\" d=\"M1 0V5\" stroke-width=\"2\"/>"
            + "</pattern></defs>\n"
    }

    mutating func append(_ mark: Mark) {
        switch mark.shape {
        case .group(let marks):
            open("g", mark, painted: false)
            body.append(">")
            appendTitle(mark)
            for mark in marks { append(mark) }
            body.append("</g>\n")
        case .text(let line):
            open("text", mark, painted: true)
            attribute("x", line.at.x)
            attribute("y", line.at.y)
            attribute("font-size", line.size)
            if line.isBold { attribute("font-weight", text: "bold") }
            if line.anchor != .start { attribute("text-anchor", text: line.anchor.rawValue) }
            if line.rotation != 0 {
                let numbers = [line.rotation, line.at.x, line.at.y].map(XMLText.number).joined(separator: " ")
                attribute("transform", text: "rotate(\(numbers))")
            }
            body.append(">")
            appendTitle(mark)
            body.append(text: XMLText.escaped(line.string))
            body.append("</text>\n")
        default:
            let element = elementName(of: mark.shape)
            let isImage = if case .image = mark.shape { true } else { false }
            open(element, mark, painted: !isImage)
            appendGeometry(mark.shape)
            guard mark.title != nil else {
                body.append("/>\n")
                return
            }
            body.append(">")
            appendTitle(mark)
            body.append("</")
            body.append(text: element)
            body.append(">\n")
        }
    }

    private func elementName(of shape: Mark.Shape) -> String {
        switch shape {
        case .rectangle: "rect"
        case .line: "line"
        case .polyline: "polyline"
        case .polygon: "polygon"
        case .path: "path"
        case .circle: "circle"
        case .text: "text"
        case .image: "image"
        case .group: "g"
        }
    }

    private mutating func appendGeometry(_ shape: Mark.Shape) {
        switch shape {
        case .rectangle(let rectangle, let radius):
            append(rectangle)
            if radius > 0 { attribute("rx", radius) }
        case .line(let start, let end):
            attribute("x1", start.x)
            attribute("y1", start.y)
            attribute("x2", end.x)
            attribute("y2", end.y)
        case .polyline(let points), .polygon(let points):
            attribute("points", text: points.map { XMLText.number($0.x) + "," + XMLText.number($0.y) }.joined(separator: " "))
        case .path(let steps): attribute("d", text: steps.map(\.command).joined())
        case .circle(let center, let radius):
            attribute("cx", center.x)
            attribute("cy", center.y)
            attribute("r", max(0, radius))
        case .image(let rectangle, let png):
            append(rectangle)
            attribute("preserveAspectRatio", text: "none")
            // Pixels that are shown larger keep their edges; smaller ones are averaged.
            let pixels = png.count >= 20 ? png[16..<20].reduce(0) { $0 << 8 | UInt32($1) } : 0
            if Double(pixels) <= rectangle.width { attribute("style", text: "image-rendering:pixelated") }
            // SVG 1.1 knows only the name with its namespace.
            body.append(" xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:href=\"data:image/png;base64,")
            body.append(text: XMLText.base64(png))
            body.append("\"")
        case .text, .group: break
        }
    }

    private mutating func append(_ rectangle: Rectangle) {
        attribute("x", rectangle.x)
        attribute("y", rectangle.y)
        attribute("width", max(0, rectangle.width))
        attribute("height", max(0, rectangle.height))
    }

    /// The beginning of an element with its classes, paint and data.
    private mutating func open(_ element: String, _ mark: Mark, painted: Bool) {
        body.append("<")
        body.append(text: element)
        var names: [String] = mark.part.map { ["mi-" + $0.rawValue] } ?? []
        var attributes: [(name: String, value: String)] = []
        if painted { append(fill: mark.fill, stroke: mark.stroke, to: &names, &attributes) }
        if !names.isEmpty { attribute("class", text: names.joined(separator: " ")) }
        for (name, value) in attributes { attribute(name, text: value) }
        if mark.opacity < 1 { attribute("opacity", mark.opacity) }
        for datum in mark.data { attribute("data-" + datum.name.filter(\.isDataName), text: XMLText.escaped(datum.value)) }
    }

    private mutating func append(
        fill: Paint, stroke: Stroke?, to names: inout [String], _ attributes: inout [(name: String, value: String)]
    ) {
        if fill == .missing {
            needsHatching = true
            attributes.append(("fill", "url(#\(prefix)-hatch)"))
        } else {
            switch reference("fill", fill) {
            case .className(let name): names.append(name)
            case .attribute(let value): attributes.append(("fill", value))
            }
        }
        guard let stroke, stroke.paint != .none, stroke.width > 0 else { return }
        switch reference("stroke", stroke.paint) {
        case .className(let name): names.append(name)
        case .attribute(let value): attributes.append(("stroke", value))
        }
        if stroke.width != 1 { attributes.append(("stroke-width", XMLText.number(stroke.width))) }
        if !stroke.dash.isEmpty { attributes.append(("stroke-dasharray", stroke.dash.map(XMLText.number).joined(separator: " "))) }
        if stroke.opacity < 1 { attributes.append(("stroke-opacity", XMLText.number(stroke.opacity))) }
    }

    private mutating func appendTitle(_ mark: Mark) {
        guard let title = mark.title else { return }
        body.append("<title>")
        body.append(text: XMLText.escaped(title))
        body.append("</title>")
    }

    private mutating func attribute(_ name: String, _ value: Double) { attribute(name, text: XMLText.number(value)) }

    private mutating func attribute(_ name: String, text: String) {
        body.append(" ")
        body.append(text: name)
        body.append("=\"")
        body.append(text: text)
        body.append("\"")
    }
}

extension Character {
    /// Whether the name of a `data-` attribute may hold the character.
    fileprivate var isDataName: Bool { ("a"..."z").contains(self) || ("0"..."9").contains(self) || self == "-" }
}

extension PathStep {
    /// The step as SVG writes it.
    fileprivate var command: String {
        func place(_ point: Point) -> String { XMLText.number(point.x) + " " + XMLText.number(point.y) }
        return switch self {
        case .move(let point): "M" + place(point)
        case .line(let point): "L" + place(point)
        case .curve(let first, let second, let end): "C" + place(first) + " " + place(second) + " " + place(end)
        case .close: "Z"
        }
    }
}
