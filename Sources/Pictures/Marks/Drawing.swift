/// A picture as a value: marks in the order in which they are painted.
package struct Drawing: Hashable, Sendable {
    /// In pixels.
    package var width: Double
    package var height: Double
    package var marks: [Mark]
    /// What is shown, in one line: the title of the SVG.
    package var title: String
    /// The picture in words, for those who do not see it.
    package var alternative: String

    package init(width: Double, height: Double, marks: [Mark] = [], title: String = "", alternative: String = "") {
        self.width = width
        self.height = height
        self.marks = marks
        self.title = title
        self.alternative = alternative
    }

    /// The area that is shown.
    package var frame: Rectangle { Rectangle(x: 0, y: 0, width: width, height: height) }

    /// The smallest rectangle around all marks; nil if there are none.
    package var bounds: Rectangle? { Mark.group(marks).bounds }

    /// All marks that draw something, out of their groups.
    package var leaves: [Mark] { marks.flatMap(\.leaves) }

    /// The marks, moved to a place in another drawing.
    package func marks(at origin: Point) -> [Mark] { marks.map { $0.moved(by: origin) } }
}
