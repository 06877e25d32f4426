/// The ranges of numbers that several charts show, so that the same length or colour means the same in each.
package struct Extents: Hashable, Sendable {
    package var horizontal: ClosedRange<Double>?
    package var vertical: ClosedRange<Double>?
    /// What colours stand for.
    package var colour: ClosedRange<Double>?

    package init(horizontal: ClosedRange<Double>? = nil, vertical: ClosedRange<Double>? = nil, colour: ClosedRange<Double>? = nil) {
        self.horizontal = horizontal
        self.vertical = vertical
        self.colour = colour
    }

    /// The ranges that hold both.
    package func union(_ other: Extents) -> Extents {
        func union(_ first: ClosedRange<Double>?, _ second: ClosedRange<Double>?) -> ClosedRange<Double>? {
            guard let first, let second else { return first ?? second }
            return min(first.lowerBound, second.lowerBound)...max(first.upperBound, second.upperBound)
        }
        return Extents(
            horizontal: union(horizontal, other.horizontal), vertical: union(vertical, other.vertical),
            colour: union(colour, other.colour))
    }
}

/// The room that a chart is drawn in, and what it shares with its neighbours.
package struct Panel: Hashable, Sendable {
    /// In pixels; the chart chooses its height.
    package var width: Double
    /// Ranges that the chart shows, its own where nil.
    package var extents: Extents
    /// False where the sheet shows one legend for all its charts.
    package var hasLegend: Bool

    /// Whether lines are named in a legend above them, so that the plots of all panels are equally wide.
    package var namesAbove = false

    /// The count up to which the axis of bars of a strip reaches; nil where the strip may be dots.
    package var highestBar: Int?

    /// How many pixels of an image lie in a pixel of the picture at most: 2 for dense screens, fewer in a sheet of many images.
    package var density = 2.0

    /// How many bytes of the file an embedded image takes at most.
    package var imageBytes = Self.imageBytes(of: 1)

    /// The bytes for each of so many images of one file: a few hundred kilobytes for all of them, even of noise.
    package static func imageBytes(of count: Int) -> Int { max(280_000, min(16_000 * count, 400_000)) / max(1, count) }

    package init(width: Double, extents: Extents = Extents(), hasLegend: Bool = true) {
        self.width = width
        self.extents = extents
        self.hasLegend = hasLegend
    }
}

/// An entry of a legend.
package struct LegendEntry: Hashable, Sendable {
    package enum Symbol: Hashable, Sendable {
        case square(Paint)
        /// A square as light as a band.
        case band(Paint)
        case line(Stroke)
        case dot(Paint)
        /// A dot that is not filled.
        case ring(Paint)
    }

    package var label: String
    package var symbol: Symbol

    package init(_ label: String, _ symbol: Symbol) {
        self.label = label
        self.symbol = symbol
    }
}

/// A picture of numbers as a value: what is shown, not how large.
package protocol Chart: Sendable {
    /// What is shown, and the number that matters: `fc2.weight, k = 4: clusterability 0.9999 (noise 0.31)`.
    var title: String { get }
    /// Seed, method and data in one line; may be empty.
    var caption: String { get }
    /// The picture in words.
    var alternative: String { get }
    /// The ranges of the numbers, for charts that are drawn side by side; ``Extents/init(horizontal:vertical:colour:)`` without
    /// arguments where there is nothing to share.
    var extents: Extents { get }
    /// What colours and lines stand for, where labels at the marks do not say it.
    var legend: [LegendEntry] { get }
    /// The chart without its title and caption, which ``Figure`` adds.
    ///
    /// All marks lie within the drawing, which is as wide as the panel.
    func plot(in panel: Panel) -> Drawing
}

extension Chart {
    package var caption: String { "" }
    package var extents: Extents { Extents() }
    package var legend: [LegendEntry] { [] }
}
