import Text

/// A named value that a mark carries into the SVG as the attribute `data-NAME`, for tests, scripts and hover texts.
package struct Datum: Hashable, Sendable {
    /// Lower-case letters, digits and hyphens.
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// A number with the digits that read back as the same number; `nan`, `inf`, `-inf`.
    package init(_ name: String, _ value: Double) { self.init(name, ByteText.shortest(value)) }

    package init(_ name: String, _ value: Int) { self.init(name, String(value)) }
}

/// One line of text.
package struct TextLine: Hashable, Sendable {
    package enum Anchor: String, Hashable, Sendable { case start, middle, end }

    package var string: String
    /// The point of the baseline that the anchor names.
    package var at: Point
    /// The height of the font in pixels.
    package var size: Double
    package var isBold: Bool
    package var anchor: Anchor
    /// In degrees, clockwise, around `at`.
    package var rotation: Double

    package init(
        _ string: String, at: Point, size: Double = 12, isBold: Bool = false, anchor: Anchor = .start, rotation: Double = 0
    ) {
        self.string = string
        self.at = at
        self.size = size
        self.isBold = isBold
        self.anchor = anchor
        self.rotation = rotation
    }
}

/// A step of a path.
package enum PathStep: Hashable, Sendable {
    case move(Point)
    case line(Point)
    /// A cubic Bézier curve to `end`.
    case curve(control: Point, control2: Point, end: Point)
    case close
}

/// One thing that is drawn.
package struct Mark: Hashable, Sendable {
    package indirect enum Shape: Hashable, Sendable {
        /// With rounded corners where the radius is above 0.
        case rectangle(Rectangle, radius: Double)
        case line(Point, Point)
        case polyline([Point])
        case polygon([Point])
        case path([PathStep])
        case circle(center: Point, radius: Double)
        case text(TextLine)
        /// The bytes of a PNG file, stretched to the rectangle.
        case image(Rectangle, png: [UInt8])
        case group([Mark])
    }

    /// What a mark is in its chart: a class in the SVG (`mi-tick-label`), and what tests of geometry go by.
    package enum Part: String, Hashable, Sendable, CaseIterable {
        case title, caption, frame, axis, grid, legend, label, data, leader, note
        case tickLabel = "tick-label"
        case axisTitle = "axis-title"
    }

    package var shape: Shape
    package var fill: Paint
    package var stroke: Stroke?
    /// From 0 to 1, for the mark as a whole.
    package var opacity: Double
    /// What is shown where the pointer rests, and read aloud.
    package var title: String?
    package var data: [Datum]
    package var part: Part?

    package init(
        _ shape: Shape, fill: Paint = .none, stroke: Stroke? = nil, opacity: Double = 1, title: String? = nil, data: [Datum] = [],
        part: Part? = nil
    ) {
        self.shape = shape
        self.fill = fill
        self.stroke = stroke
        self.opacity = opacity
        self.title = title
        self.data = data
        self.part = part
    }

    package static func rectangle(
        _ rectangle: Rectangle, radius: Double = 0, fill: Paint = .none, stroke: Stroke? = nil, opacity: Double = 1,
        title: String? = nil, data: [Datum] = [], part: Part? = nil
    ) -> Mark {
        Mark(
            .rectangle(rectangle, radius: radius), fill: fill, stroke: stroke, opacity: opacity, title: title, data: data, part: part)
    }

    package static func line(
        _ start: Point, _ end: Point, stroke: Stroke, title: String? = nil, data: [Datum] = [], part: Part? = nil
    ) -> Mark { Mark(.line(start, end), stroke: stroke, title: title, data: data, part: part) }

    package static func polyline(
        _ points: [Point], stroke: Stroke, title: String? = nil, data: [Datum] = [], part: Part? = nil
    ) -> Mark { Mark(.polyline(points), stroke: stroke, title: title, data: data, part: part) }

    package static func circle(
        _ center: Point, radius: Double, fill: Paint = .none, stroke: Stroke? = nil, title: String? = nil, data: [Datum] = [],
        part: Part? = nil
    ) -> Mark {
        Mark(.circle(center: center, radius: radius), fill: fill, stroke: stroke, title: title, data: data, part: part)
    }

    package static func text(
        _ line: TextLine, fill: Paint = .ink, title: String? = nil, data: [Datum] = [], part: Part? = nil
    ) -> Mark { Mark(.text(line), fill: fill, title: title, data: data, part: part) }

    package static func group(_ marks: [Mark], title: String? = nil, data: [Datum] = [], part: Part? = nil) -> Mark {
        Mark(.group(marks), title: title, data: data, part: part)
    }

    /// The mark with all its points moved.
    package func moved(by offset: Point) -> Mark {
        var mark = self
        mark.shape = shape.moved(by: offset)
        return mark
    }
}

extension Mark.Shape {
    func moved(by offset: Point) -> Self {
        switch self {
        case .rectangle(let rectangle, let radius): return .rectangle(rectangle.moved(by: offset), radius: radius)
        case .line(let start, let end): return .line(start + offset, end + offset)
        case .polyline(let points): return .polyline(points.map { $0 + offset })
        case .polygon(let points): return .polygon(points.map { $0 + offset })
        case .path(let steps): return .path(steps.map { $0.moved(by: offset) })
        case .circle(let center, let radius): return .circle(center: center + offset, radius: radius)
        case .text(var line):
            line.at = line.at + offset
            return .text(line)
        case .image(let rectangle, let png): return .image(rectangle.moved(by: offset), png: png)
        case .group(let marks): return .group(marks.map { $0.moved(by: offset) })
        }
    }
}

extension PathStep {
    func moved(by offset: Point) -> PathStep {
        switch self {
        case .move(let point): .move(point + offset)
        case .line(let point): .line(point + offset)
        case .curve(let first, let second, let end): .curve(control: first + offset, control2: second + offset, end: end + offset)
        case .close: .close
        }
    }

    /// The points that the step names; a curve stays inside their hull.
    var points: [Point] {
        switch self {
        case .move(let point), .line(let point): [point]
        case .curve(let first, let second, let end): [first, second, end]
        case .close: []
        }
    }
}
