import Glibc

extension TextLine {
    /// How far the font reaches above and below the baseline, as shares of its size.
    static let ascent = 0.78
    static let descent = 0.24

    /// The width of the text in pixels.
    package var width: Double { TextWidth.width(of: string, size: size, bold: isBold) }

    /// The upright rectangle around the text, turned or not.
    package var bounds: Rectangle {
        let width = width
        let left: Double =
            switch anchor {
            case .start: 0
            case .middle: -width / 2
            case .end: -width
            }
        let top = -Self.ascent * size
        let bottom = Self.descent * size
        guard rotation != 0 else { return Rectangle(x: at.x + left, y: at.y + top, width: width, height: bottom - top) }
        let angle = rotation * .pi / 180
        let (sine, cosine) = (sin(angle), cos(angle))
        let corners = [Point(left, top), Point(left + width, top), Point(left, bottom), Point(left + width, bottom)].map {
            Point(at.x + $0.x * cosine - $0.y * sine, at.y + $0.x * sine + $0.y * cosine)
        }
        return Rectangle(around: corners)!
    }
}

extension Mark {
    /// The smallest rectangle that is sure to hold the mark, half the width of its line included; nil if nothing is drawn.
    package var bounds: Rectangle? {
        let margin = -(stroke.map { $0.paint == .none ? 0 : $0.width / 2 } ?? 0)
        let box: Rectangle? =
            switch shape {
            case .rectangle(let rectangle, _), .image(let rectangle, _): rectangle
            case .line(let start, let end): Rectangle(around: [start, end])
            case .polyline(let points), .polygon(let points): Rectangle(around: points)
            case .path(let steps): Rectangle(around: steps.flatMap(\.points))
            case .circle(let center, let radius):
                Rectangle(x: center.x - radius, y: center.y - radius, width: 2 * radius, height: 2 * radius)
            case .text(let line): line.string.isEmpty ? nil : line.bounds
            case .group(let marks): marks.compactMap(\.bounds).reduce(nil) { $0?.union($1) ?? $1 }
            }
        guard let box, margin != 0 else { return box }
        return Rectangle(x: box.x + margin, y: box.y + margin, width: box.width - 2 * margin, height: box.height - 2 * margin)
    }

    /// The marks that draw something, out of their groups; those without a part of their own take their group's.
    package var leaves: [Mark] {
        guard case .group(let marks) = shape else { return [self] }
        return marks.flatMap { mark in
            mark.leaves.map {
                var leaf = $0
                leaf.part = leaf.part ?? part
                return leaf
            }
        }
    }
}
