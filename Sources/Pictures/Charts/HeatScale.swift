import Text

/// From values to colours.
struct HeatScale {
    let range: ClosedRange<Double>
    let scheme: HeatMap.Scheme

    /// From 0 to 1 over the range, values beyond it at its ends; nil where there is no value.
    func share(_ value: Double) -> Double? {
        guard Scale.accepts(value, .linear) else { return nil }
        let span = range.upperBound - range.lowerBound
        guard span > 0 else { return scheme == .diverging ? 0.5 : value > 0 ? 1 : 0 }
        return min(max((value - range.lowerBound) / span, 0), 1)
    }

    func paint(_ value: Double) -> Paint { share(value).map(paint(at:)) ?? .missing }

    func paint(at share: Double) -> Paint { scheme == .sequential ? .sequential(share) : .diverging(2 * share - 1) }

    /// Black or white, whichever can be read on the colour of the value, for each theme.
    func inkPaint(on value: Double) -> Paint {
        let colours = Palette.themes(of: paint(value)) ?? Palette.themes(of: .ground)!
        func ink(_ colour: Colour) -> Colour {
            Contrast.ratio(colour, Colour(0xFFFFFF)) > Contrast.ratio(colour, Colour(0)) ? Colour(0xFFFFFF) : Colour(0)
        }
        return paint(value) == .missing ? .ink : .themed(light: ink(colours.light), dark: ink(colours.dark))
    }

    /// An image of the matrix. Signed values are red and blue of growing opacity, so that the ground of either theme is their 0.
    ///
    /// - Parameter count: how many colours there are over the range, an odd number so that 0 has one of its own; at most 255.
    func image(_ matrix: ReducedMatrix, colours count: Int = 255) -> RasterImage {
        var palette: [RasterImage.Pixel] =
            switch scheme {
            case .sequential: (0..<count).map { .init(ColourMap.sequential(Double($0) / Double(count - 1))) }
            case .diverging:
                (0..<count).map { index in
                    let value = 2 * Double(index) / Double(count - 1) - 1
                    return .init(value < 0 ? Colour(0x2F78C8) : Colour(0xD03A3A), alpha: UInt8((abs(value) * 255).rounded()))
                }
            }
        palette.append(.init(Colour(0x9A9A9A)))
        let indices = matrix.values.map { value in
            share(Double(value)).map { UInt8(($0 * Double(count - 1)).rounded()) } ?? UInt8(count)
        }
        return RasterImage(width: matrix.width, height: matrix.height, pixels: .palette(palette, indices: indices))
    }
}

/// How well text can be read on a ground (WCAG 2.1).
enum Contrast {
    /// From 1 to 21.
    static func ratio(_ first: Colour, _ second: Colour) -> Double {
        let (a, b) = (luminance(first), luminance(second))
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }

    private static func luminance(_ colour: Colour) -> Double {
        0.2126 * OKLab.linear(colour.red) + 0.7152 * OKLab.linear(colour.green) + 0.0722 * OKLab.linear(colour.blue)
    }
}

/// A bar of the colours with their numbers, above the map.
struct HeatKey {
    private(set) var marks: [Mark] = []
    let height: Double

    init(_ scale: HeatScale, title: String, hasMissing: Bool, clips: Bool, isOfCounts: Bool = false, width: Double) {
        let size = Axes.labelSize
        var parts: [Mark] = []
        let name = title.singleLine.shortened(toWidth: width * 0.45, size: size)
        var x = 0.0
        if !name.isEmpty {
            parts.append(.text(TextLine(name, at: Point(0, size), size: size), fill: .ink, title: name == title ? nil : title))
            x = TextWidth.width(of: name, size: size) + 10
        }
        let missing = "no value"
        let missingWidth = hasMissing ? TextWidth.width(of: missing, size: size) + 32 : 0
        // In narrow panels the entry for missing values has a row of its own.
        let wraps = width - x - missingWidth - 24 < 40
        let length = max(40, min(180, width - x - (wraps ? 0 : missingWidth) - 24))
        let steps = 60
        let marginLeft = 10.0
        x += marginLeft
        for step in 0..<steps {
            let left = x + length * Double(step) / Double(steps)
            // Each reaches to the end, below those that follow: no ground shows between neighbours.
            parts.append(
                .rectangle(
                    Rectangle(x: left, y: 2, width: x + length - left, height: 10),
                    fill: scale.paint(at: (Double(step) + 0.5) / Double(steps))))
        }
        let numbers = [scale.range.lowerBound, scale.range.upperBound]
        let middle = (numbers[0] + numbers[1]) / 2
        var edge = -Double.infinity
        let right = x + length
        for (value, place) in [(numbers[0], x), (numbers[1], right), (middle, x + length / 2)] {
            var text = Self.text(value, span: numbers[1] - numbers[0])
            if clips, value == numbers[1], numbers[1] > numbers[0] { text = "≥ " + text }
            if clips, value == numbers[0], scale.scheme == .diverging { text = "≤ " + text }
            let half = TextWidth.width(of: text, size: size) / 2
            let centre = max(half, min(place, width - half))
            if value == middle, numbers[0] != numbers[1] {
                let room = length / 2 - half - 6
                let ends = numbers.map {
                    TextWidth.width(of: Self.text($0, span: numbers[1] - numbers[0]), size: size) / 2 + (clips ? 12 : 0)
                }
                guard ends.allSatisfy({ $0 < room }), !isOfCounts || middle == middle.rounded() else { continue }
            } else if numbers[0] == numbers[1], edge > -.infinity {
                continue
            }
            edge = centre
            parts.append(.text(TextLine(text, at: Point(centre, 14 + size), size: size, anchor: .middle), fill: .faint))
        }
        if hasMissing {
            let place = wraps ? Point(0, 14 + size + 6) : Point(right + 14, 0)
            parts.append(
                .rectangle(
                    Rectangle(x: place.x + 0.5, y: place.y + 2, width: 10, height: 10), fill: .missing, stroke: Stroke(.axis, width: 0.5)))
            parts.append(.text(TextLine(missing, at: Point(place.x + 14, place.y + size), size: size), fill: .ink))
        }
        marks = parts.isEmpty ? [] : [.group(parts, part: .legend)]
        height = 14 + size + 9 + (hasMissing && wraps ? 16 : 0)
    }

    private static func text(_ value: Double, span: Double) -> String {
        guard span > 0 else { return NumberText.shortest(value) }
        // Three digits of the range are enough to read colours by.
        var step = 1e-300
        if span > 1e-290 { step = 1 }
        while step > span / 100 { step /= 10 }
        while step * 1000 < span { step *= 10 }
        var text = Scale.text(value, step: step)
        if text.contains("."), !text.contains("e") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }
}

/// Cells that are marks of their own.
struct HeatGrid {
    private let cells: [[Double]]
    private let leavesOutDiagonal: Bool

    init(_ cells: [[Double]], leavesOutDiagonal: Bool = false) {
        self.cells = cells
        self.leavesOutDiagonal = leavesOutDiagonal
    }

    func marks(
        in map: Rectangle, rows: HeatMap.Side, columns: HeatMap.Side, size: (rows: Int, columns: Int), scale: HeatScale
    ) -> [Mark] {
        let (width, height) = (map.width / Double(size.columns), map.height / Double(size.rows))
        let numbers = numbers(width: width, height: height)
        let gap = min(width, height) >= 8 ? 1.0 : 0
        var marks: [Mark] = []
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                let value = column < cells[row].count ? cells[row][column] : .nan
                let cell = Rectangle(
                    x: map.x + Double(column) * width, y: map.y + Double(row) * height, width: width - gap, height: height - gap)
                let isPlain = leavesOutDiagonal && row == column
                let names = [
                    row < rows.names.count ? rows.names[row] : "\(row)", column < columns.names.count ? columns.names[column] : "\(column)",
                ]
                marks.append(
                    .rectangle(
                        cell, fill: isPlain ? .grid : scale.paint(value),
                        // What is about 0 has the colour of the ground.
                        stroke: scale.scheme == .diverging && gap > 0 ? Stroke(.grid, width: 0.75) : nil,
                        title: "\(names[0]), \(names[1]): \(value.isFinite ? NumberText.rounded(value) : "no value")",
                        data: [Datum("row", names[0]), Datum("column", names[1]), Datum("value", value)], part: .data))
                guard let (texts, textSize) = numbers, column < texts[row].count, !texts[row][column].isEmpty else { continue }
                marks.append(
                    .text(
                        TextLine(
                            texts[row][column], at: Point(cell.midX, cell.midY + textSize * 0.35), size: textSize, anchor: .middle),
                        fill: isPlain ? .faint : scale.inkPaint(on: value), part: .data))
            }
        }
        return marks
    }

    /// The numbers are smaller than other text only where they have no room otherwise.
    private static let sizes = [12.0, 11, 10]

    /// The numbers with the same digits after the point, and their size; nil unless all fit into their cells.
    private func numbers(width: Double, height: Double) -> (texts: [[String]], size: Double)? {
        guard height >= 14 else { return nil }
        let finite = cells.joined().filter { Scale.accepts($0, .linear) }
        let greatest = finite.map(abs).max() ?? 0
        guard greatest < 1e6 else { return nil }
        let isWhole = finite.allSatisfy { $0 == $0.rounded() }
        let digits = isWhole ? 0 : greatest < 10 ? 2 : greatest < 100 ? 1 : 0
        let texts = cells.map { row in
            row.map { value -> String in
                guard value.isFinite else { return "" }
                return NumberText.fixed(value, digits: digits)
            }
        }
        let longest = texts.joined().map { TextWidth.width(of: $0, size: 1) }.max() ?? 0
        return Self.sizes.first { $0 * longest + 6 <= width }.map { (texts, $0) }
    }
}
