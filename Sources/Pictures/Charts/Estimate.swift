import Text

/// A number, with what it may as well have been.
package struct Estimate: Hashable, Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    package var value: Double
    /// The ends of an interval: quantiles, or the mean less and plus a standard deviation.
    package var low: Double?
    package var high: Double?

    package init(_ value: Double, low: Double? = nil, high: Double? = nil) {
        self.value = value
        self.low = low
        self.high = high
    }

    package init(floatLiteral value: Double) { self.init(value) }

    package init(integerLiteral value: Int) { self.init(Double(value)) }

    /// A mean with its standard deviation to both sides.
    package init(_ mean: Double, deviation: Double) { self.init(mean, low: mean - deviation, high: mean + deviation) }

    /// The number and the ends of its interval.
    var numbers: [Double] { [value] + [low, high].compactMap { $0 } }

    var data: [Datum] {
        [Datum("value", value)] + (low.map { [Datum("low", $0)] } ?? []) + (high.map { [Datum("high", $0)] } ?? [])
    }

    /// For eyes: `0.8403 (0.8100 to 0.8600)`.
    var text: String {
        let number = NumberText.rounded(value)
        guard let low, let high else { return number }
        return "\(number) (\(NumberText.rounded(low)) to \(NumberText.rounded(high)))"
    }
}

/// What is drawn where there is nothing to draw.
enum Notice {
    /// A frame with a sentence in it.
    static func drawing(_ text: String, width: Double) -> Drawing {
        let height = 84.0
        var marks: [Mark] = [
            .rectangle(
                Rectangle(x: 0.5, y: 0.5, width: max(0, width - 1), height: height - 1), radius: 3,
                stroke: Stroke(.axis, dash: [4, 3]), part: .frame)
        ]
        let lines = text.wrapped(toWidth: width - 24, maximum: 3)
        for (index, line) in lines.enumerated() {
            let y = height / 2 + (Double(index) - Double(lines.count - 1) / 2) * 16 + 4
            marks.append(.text(TextLine(line, at: Point(width / 2, y), anchor: .middle), fill: .faint, part: .note))
        }
        return Drawing(width: width, height: height, marks: marks)
    }

    /// A line below a plot about numbers that have no place in it; nothing if there are none.
    static func leftOut(_ count: Int, isLogarithmic: Bool = false, width: Double, y: Double) -> (marks: [Mark], height: Double) {
        guard count > 0 else { return ([], 0) }
        let reason = isLogarithmic ? "not positive or not finite" : "not finite"
        let text = "\(ByteText.counted(count, "value")) \(count == 1 ? "is" : "are") \(reason) and not drawn"
        let line = TextLine(text.shortened(toWidth: width, size: Axes.labelSize), at: Point(0, y + 14), size: Axes.labelSize)
        return ([.text(line, fill: .faint, part: .note)], 18)
    }
}
