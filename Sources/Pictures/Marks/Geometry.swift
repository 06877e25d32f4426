/// A place in a drawing, in pixels from its upper left corner; y grows downwards.
package struct Point: Hashable, Sendable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }

    package static func + (left: Point, right: Point) -> Point { Point(left.x + right.x, left.y + right.y) }
    package static func - (left: Point, right: Point) -> Point { Point(left.x - right.x, left.y - right.y) }
}

/// An upright rectangle in pixels.
package struct Rectangle: Hashable, Sendable {
    package var x: Double
    package var y: Double
    package var width: Double
    package var height: Double

    package init(x: Double, y: Double, width: Double, height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    /// The smallest rectangle around the points; nil if there are none.
    package init?(around points: some Sequence<Point>) {
        var low: Point?
        var high = Point(0, 0)
        for point in points {
            guard let known = low else {
                (low, high) = (point, point)
                continue
            }
            low = Point(min(known.x, point.x), min(known.y, point.y))
            high = Point(max(high.x, point.x), max(high.y, point.y))
        }
        guard let low else { return nil }
        self.init(x: low.x, y: low.y, width: high.x - low.x, height: high.y - low.y)
    }

    package var maxX: Double { x + width }
    package var maxY: Double { y + height }
    package var midX: Double { x + width / 2 }
    package var midY: Double { y + height / 2 }

    /// The smallest rectangle around both.
    package func union(_ other: Rectangle) -> Rectangle {
        let left = min(x, other.x)
        let top = min(y, other.y)
        return Rectangle(x: left, y: top, width: max(maxX, other.maxX) - left, height: max(maxY, other.maxY) - top)
    }

    /// Whether the insides share a point by more than `tolerance` pixels in both directions.
    package func overlaps(_ other: Rectangle, tolerance: Double = 0.01) -> Bool {
        min(maxX, other.maxX) - max(x, other.x) > tolerance && min(maxY, other.maxY) - max(y, other.y) > tolerance
    }

    /// Whether the other rectangle lies inside, but for `tolerance` pixels.
    package func contains(_ other: Rectangle, tolerance: Double = 0.01) -> Bool {
        other.x >= x - tolerance && other.y >= y - tolerance && other.maxX <= maxX + tolerance && other.maxY <= maxY + tolerance
    }

    package func inset(by distance: Double) -> Rectangle {
        Rectangle(x: x + distance, y: y + distance, width: max(0, width - 2 * distance), height: max(0, height - 2 * distance))
    }

    package func moved(by offset: Point) -> Rectangle { Rectangle(x: x + offset.x, y: y + offset.y, width: width, height: height) }
}
