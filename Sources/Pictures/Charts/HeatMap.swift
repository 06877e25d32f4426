import Glibc
import Text

/// A matrix as colours: few cells with their numbers, many as an image.
package struct HeatMap: Chart {
    package enum Values: Equatable, Sendable {
        /// Rows from the top, each with a value a column.
        case cells([[Double]])
        /// A large matrix, reduced to what a picture shows by the method.
        case reduced(ReducedMatrix, ReducedMatrix.Method)
    }

    /// What the rows, or the columns, are.
    package struct Side: Hashable, Sendable {
        /// How many there are: in the matrix, not in the picture.
        package var count: Int
        /// Their names in the order of the picture; empty for none.
        package var names: [String]
        package var title: String
        /// The cluster of each in the order of the picture, shown as colours along the edge with lines where it changes;
        /// negative for neurons without a cluster, empty for none at all.
        package var clusters: [Int]
        /// Where lines are drawn besides: before the row or column of this number.
        package var borders: [Int]
        /// Whether lines are drawn where the cluster changes.
        package var showsBorders = true

        package init(count: Int, names: [String] = [], title: String = "", clusters: [Int] = [], borders: [Int] = []) {
            self.count = count
            self.names = names
            self.title = title
            self.clusters = clusters
            self.borders = borders
        }

        package init(_ names: [String], title: String = "", clusters: [Int] = [], borders: [Int] = []) {
            self.init(count: names.count, names: names, title: title, clusters: clusters, borders: borders)
        }

        /// Neighbours of one cluster.
        var runs: [(cluster: Int, range: Range<Int>)] {
            guard clusters.count == count else { return [] }
            var runs: [(cluster: Int, range: Range<Int>)] = []
            for (index, cluster) in clusters.enumerated() {
                if let last = runs.last, last.cluster == cluster {
                    runs[runs.count - 1].range = last.range.lowerBound..<index + 1
                } else {
                    runs.append((cluster, index..<index + 1))
                }
            }
            return runs
        }

        /// So many colours are told apart along an edge.
        private static let mostRuns = 340

        /// The runs as they are drawn: where they are too many for the edge, that of the neuron in the middle of each part of it.
        var shownRuns: [(cluster: Int, range: Range<Int>)] {
            let all = runs
            guard all.count > Self.mostRuns else { return all }
            var shown: [(cluster: Int, range: Range<Int>)] = []
            for part in 0..<Self.mostRuns {
                let places = ReducedMatrix.cover(part, of: Self.mostRuns, over: count)
                let cluster = clusters[(places.lowerBound + places.upperBound) / 2]
                if let last = shown.last, last.cluster == cluster {
                    shown[shown.count - 1].range = last.range.lowerBound..<places.upperBound
                } else {
                    shown.append((cluster, places))
                }
            }
            return shown
        }
    }

    package enum Scheme: Hashable, Sendable {
        /// Magnitudes, from 0 where none is negative.
        case sequential
        /// Signed values around 0.
        case diverging
    }

    package var title: String
    package var caption: String
    package var alternative: String
    package var rows: Side
    package var columns: Side
    package var values: Values
    package var scheme: Scheme
    /// What the colours stand for.
    package var valueTitle: String
    /// The range of the colours; nil for that of the values. What lies outside has the colour of the end.
    package var range: ClosedRange<Double>?
    /// The share of the values that the range holds at least: below 1 a few strong ones do not leave all others dark.
    package var shareInRange: Double
    /// What the image carries besides its size.
    package var facts: [Datum] = []
    /// Whether the values are counts: no colour is explained by half of one.
    package var isOfCounts = false
    /// Whether the diagonal, what each is to itself, has no colour, so that the others have the whole range.
    package var leavesOutDiagonal = false

    package init(
        title: String, caption: String = "", alternative: String = "", rows: Side, columns: Side, values: Values,
        scheme: Scheme = .sequential, valueTitle: String = "", range: ClosedRange<Double>? = nil, shareInRange: Double = 1
    ) {
        self.title = title
        self.caption = caption
        self.alternative = alternative.isEmpty ? title : alternative
        self.rows = rows
        self.columns = columns
        self.values = values
        self.scheme = scheme
        self.valueTitle = valueTitle
        self.range = range
        self.shareInRange = shareInRange
    }

    /// Up to so many cells are marks of their own.
    static let cellLimit = 1600
    /// The longest side of an embedded image.
    static let imageSide = 2048

    package var extents: Extents {
        let colour = range ?? finiteRange
        guard let colour, Scale.accepts(colour.lowerBound, .linear), Scale.accepts(colour.upperBound, .linear) else { return Extents() }
        switch scheme {
        case .sequential:
            guard range == nil else { return Extents(colour: range) }
            return Extents(
                colour: (colour.lowerBound > 0 ? 0 : -roundedUp(-colour.lowerBound))...max(colour.lowerBound, roundedUp(colour.upperBound)))
        case .diverging:
            let end = max(abs(colour.lowerBound), abs(colour.upperBound))
            return Extents(colour: range == nil ? -roundedUp(end)...roundedUp(end) : -end...end)
        }
    }

    /// The least number of two digits that is round and not below the end of the range; the end itself for counts.
    private func roundedUp(_ end: Double) -> Double {
        guard !isOfCounts, end > 1e-290 else { return end }
        let exponent = log10(end).rounded(.down)
        // Whole numbers, so that 0.14 is the nearest number to it.
        let factors: [Double] = [10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100]
        return factors.map { exponent < 1 ? $0 / pow(10, 1 - exponent) : $0 * pow(10, exponent - 1) }.first { $0 >= end * (1 - 1e-6) }
            ?? end
    }

    /// The rows without the diagonal where that is left out.
    private func colouredCells(_ cells: [[Double]]) -> [[Double]] {
        guard leavesOutDiagonal else { return cells }
        return cells.enumerated().map { row, values in
            var values = values
            if row < values.count { values[row] = .nan }
            return values
        }
    }

    /// The range of the finite values, without the share of the greatest magnitudes that may lie outside.
    private var finiteRange: ClosedRange<Double>? {
        var finite: [Double] =
            switch values {
            case .cells(let cells): colouredCells(cells).joined().filter { Scale.accepts($0, .linear) }
            case .reduced(let matrix, _): matrix.values.lazy.filter(\.isFinite).map(Double.init)
            }
        guard let whole = Scale.range(finite) else { return nil }
        guard shareInRange < 1, finite.count > 1 else { return whole }
        for index in finite.indices { finite[index] = abs(finite[index]) }
        finite.sort()
        let end = finite[min(finite.count - 1, max(0, Int((Double(finite.count) * shareInRange).rounded(.up)) - 1))]
        guard end > 0 else { return whole }
        return max(whole.lowerBound, -end)...max(max(whole.lowerBound, -end), min(whole.upperBound, end))
    }

    /// How many values are drawn in a row and in a column.
    private var size: (rows: Int, columns: Int) {
        switch values {
        case .cells(let cells): (min(cells.count, rows.count), min(columns.count, cells.map(\.count).max() ?? 0))
        case .reduced(let matrix, _): (matrix.height, matrix.width)
        }
    }

    package func plot(in panel: Panel) -> Drawing {
        let size = size
        guard size.rows > 0, size.columns > 0 else { return Notice.drawing("There are no values to draw.", width: panel.width) }
        guard let colours = panel.extents.colour ?? extents.colour else {
            return Notice.drawing("None of the values is finite, so none can be drawn.", width: panel.width)
        }
        let scale = HeatScale(range: colours, scheme: scheme)
        let grid: HeatGrid? =
            if case .cells(let cells) = values, size.rows * size.columns <= Self.cellLimit {
                HeatGrid(cells, leavesOutDiagonal: leavesOutDiagonal)
            } else {
                nil
            }
        let key =
            panel.hasLegend
            ? HeatKey(
                scale, title: valueTitle, hasMissing: hasMissing, clips: clips(colours), isOfCounts: isOfCounts, width: panel.width) : nil
        let top = key?.height ?? 0
        let hasRowStrip = !rows.runs.isEmpty
        // The height of the lowest map there may be.
        let lowest = grid == nil ? 90 : mapSize(room: panel.width / 2, size: size, isGrid: true).1
        let turnsTitle = TextWidth.width(of: rows.title.singleLine, size: Axes.labelSize) <= lowest + Axes.turnedOverhang
        let left = Axis(title: rows.title, content: .categories(Array(rows.names.prefix(rows.count))))
        let bottom = Axis(title: columns.title, content: .categories(Array(columns.names.prefix(columns.count))))
        func axes(height: Double, widest: Double?) -> Axes {
            Axes(
                width: panel.width, innerHeight: height, top: top, right: hasRowStrip ? 12 : 2, above: columns.runs.isEmpty ? 0 : 10,
                widest: widest, turnsLeftTitle: turnsTitle, hasLines: false, bottom: bottom, left: left)
        }
        // The names decide how wide the matrix may be, and its width how high it is.
        let room = axes(height: 100, widest: nil).inner.width
        let (mapWidth, mapHeight) = mapSize(room: room, size: size, isGrid: grid != nil)
        let layout = axes(height: mapHeight, widest: mapWidth)
        var marks = (key?.marks ?? []) + layout.marks
        var note: String?
        if let grid {
            marks += grid.marks(in: layout.inner, rows: rows, columns: columns, size: size, scale: scale)
        } else {
            do {
                let (matrix, method) = reduced(to: layout.inner, density: panel.density, size: size)
                let image = try HeatImage(matrix, method: method, scale: scale, in: layout.inner, limit: panel.imageBytes)
                marks.append(
                    Mark(
                        .image(layout.inner, png: image.png), title: title,
                        data: [Datum("rows", rows.count), Datum("columns", columns.count)] + facts, part: .data))
                note = reductionNote(image.matrix, method)
            } catch {
                return Notice.drawing("The image cannot be written: \(error.line())", width: panel.width)
            }
        }
        marks += edges(layout.inner, isOnDark: scheme == .sequential, isGrid: grid != nil)
        var y = layout.bottom
        for line in (note ?? "").wrapped(toWidth: panel.width, size: Axes.labelSize, maximum: 2) {
            y += 14
            marks.append(.text(TextLine(line, at: Point(0, y), size: Axes.labelSize), fill: .faint, part: .note))
        }
        if note != nil { y += 4 }
        return Drawing(width: panel.width, height: y, marks: marks)
    }

    /// Whether there are cells without a value.
    var hasMissing: Bool {
        switch values {
        case .cells(let cells):
            cells.enumerated().contains { row, values in
                values.count < columns.count
                    || values.enumerated().contains { !(leavesOutDiagonal && $0 == row) && !Scale.accepts($1, .linear) }
            }
        case .reduced(let matrix, _): matrix.values.contains { !$0.isFinite }
        }
    }

    /// Whether values lie beyond the ends of the range.
    func clips(_ range: ClosedRange<Double>) -> Bool {
        // Single precision may round the greatest value past the end.
        let margin = (range.upperBound - range.lowerBound) * 1e-6
        func isBeyond(_ value: Double) -> Bool {
            value.isFinite && (value > range.upperBound + margin || value < range.lowerBound - margin)
        }
        return switch values {
        case .cells(let cells): colouredCells(cells).contains { $0.contains(where: isBeyond) }
        case .reduced(let matrix, _): matrix.values.contains { isBeyond(Double($0)) }
        }
    }

    private func mapSize(room: Double, size: (rows: Int, columns: Int), isGrid: Bool) -> (Double, Double) {
        if isGrid {
            let cell = min(room / Double(size.columns), 58)
            let height = min(max(cell * 0.7, rows.names.isEmpty ? 4 : 14), 26)
            return (cell * Double(size.columns), height * Double(size.rows))
        }
        let width = min(room, max(260, Double(columns.count) * 2))
        let ratio = Double(max(1, rows.count)) / Double(max(1, columns.count))
        var height = min(max(width * ratio, 90), width * 1.1)
        if !rows.names.isEmpty { height = max(height, min(Double(rows.count) * 13, 900)) }
        return (width, height)
    }

    /// The matrix with no more values than the panel's density asks for, and the method: in a sheet of many maps each is small.
    private func reduced(
        to rectangle: Rectangle, density: Double, size: (rows: Int, columns: Int)
    ) -> (ReducedMatrix, ReducedMatrix.Method) {
        var (matrix, method): (ReducedMatrix, ReducedMatrix.Method) =
            switch values {
            case .reduced(let matrix, let method): (matrix, method)
            case .cells(let all):
                (
                    ReducedMatrix(rows: size.rows, columns: size.columns, side: Self.imageSide, method: .mean) { row, column in
                        column < all[row].count && !(leavesOutDiagonal && row == column) ? Float(all[row][column]) : .nan
                    }, .mean
                )
            }
        // What one cell more or less would show is not worth uneven cells.
        func side(_ length: Double, _ cells: Int) -> Int {
            let most = max(64, Int(density * length))
            return cells > most * 5 / 4 ? most : cells
        }
        matrix = matrix.shrunk(
            width: side(rectangle.width, matrix.width), height: side(rectangle.height, matrix.height), method: method)
        return (matrix, method)
    }

    /// What a pixel stands for, of all that was reduced on the way to it.
    private func reductionNote(_ matrix: ReducedMatrix, _ method: ReducedMatrix.Method) -> String? {
        guard rows.count > matrix.height || columns.count > matrix.width else { return nil }
        let word =
            switch method {
            case .mean: "the mean"
            case .maximum: "the greatest"
            case .nearest: "the middle one"
            }
        func many(_ count: Int, _ cells: Int) -> String {
            let share = Double(count) / Double(max(1, cells))
            let text = ByteText.fixed(share, digits: share < 9.95 ? 1 : 0)
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        let (high, wide) = (many(rows.count, matrix.height), many(columns.count, matrix.width))
        return high == "1" && wide == "1" ? nil : "each pixel shows \(word) of about \(high) x \(wide) values"
    }

    /// Colours of clusters along the upper and the right edge, and lines where they change.
    private func edges(_ map: Rectangle, isOnDark: Bool, isGrid: Bool) -> [Mark] {
        let thickness = 7.0
        var marks: [Mark] = []
        func title(_ cluster: Int, _ range: Range<Int>, _ things: String) -> String {
            (cluster < 0 ? "no cluster" : "cluster \(cluster)") + ": " + ByteText.counted(range.count, things)
        }
        let (rowStep, columnStep) = (map.height / Double(max(1, rows.count)), map.width / Double(max(1, columns.count)))
        for (cluster, range) in rows.shownRuns {
            marks.append(
                .rectangle(
                    Rectangle(
                        x: map.maxX + 3, y: map.y + Double(range.lowerBound) * rowStep, width: thickness,
                        height: Double(range.count) * rowStep), fill: cluster < 0 ? .grid : .cluster(cluster),
                    title: title(cluster, range, "row"), data: [Datum("row-cluster", cluster), Datum("count", range.count)], part: .data))
        }
        for (cluster, range) in columns.shownRuns {
            marks.append(
                .rectangle(
                    Rectangle(
                        x: map.x + Double(range.lowerBound) * columnStep, y: map.y - thickness - 3, width: Double(range.count) * columnStep,
                        height: thickness), fill: cluster < 0 ? .grid : .cluster(cluster), title: title(cluster, range, "column"),
                    data: [Datum("column-cluster", cluster), Datum("count", range.count)], part: .data))
        }
        // Between cells, which the ground parts, only ink is seen.
        let stroke =
            isGrid
            ? Stroke(.ink, width: 1.5) : Stroke(isOnDark ? .colour(Colour(0xFFFFFF)) : .ink, width: 1, opacity: isOnDark ? 0.65 : 0.5)
        let shift = isGrid ? -0.5 : 0
        // Lines a pixel apart would hide what they part.
        func places(_ side: Side, _ step: Double) -> [Double] {
            let runs = side.showsBorders ? side.runs.dropFirst() : []
            let all = Set(runs.map(\.range.lowerBound) + side.borders.filter { $0 > 0 && $0 < side.count }).sorted()
            return Double(side.count) * step / Double(all.count + 1) < 4 ? [] : all.map { Double($0) * step }
        }
        marks += places(rows, rowStep).map { y in
            .line(Point(map.x, map.y + y + shift), Point(map.maxX, map.y + y + shift), stroke: stroke, part: .grid)
        }
        marks += places(columns, columnStep).map { x in
            .line(Point(map.x + x + shift, map.y), Point(map.x + x + shift, map.maxY), stroke: stroke, part: .grid)
        }
        return marks
    }
}
