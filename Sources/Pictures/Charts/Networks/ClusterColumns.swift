import Text

/// Draws columns of neurons and the weights between neighbours.
struct ClusterColumns {
    private let columns: [NeuronColumn]
    private let weights: [HeaviestWeights]
    /// How many weights of each layer are drawn.
    private let shown: [Int]

    private static let labelSize = 11.0
    private static let barWidth = 10.0
    /// How many neurons are drawn by themselves at most, and how many bars: more clusters share one.
    private static let mostNeurons = 1500
    private static let mostBars = 1000
    private static let nameHeight = 20.0

    init(_ columns: [NeuronColumn], _ weights: [HeaviestWeights]) {
        self.columns = columns
        self.weights = weights
        let each = weights.count == 1 ? 1200 : max(2000 / max(weights.count, 1), 1)
        shown = weights.map { min($0.entries.count, each) }
    }

    private var hasClusters: Bool { columns.contains { $0.clusters.contains { $0 >= 0 } } }

    // MARK: Words

    func caption(_ source: String) -> String {
        var parts = source.isEmpty ? [] : [source]
        let (drawn, all) = (shown.reduce(0, +), weights.reduce(0) { $0 + max($1.count, $1.entries.count) })
        if drawn < all {
            let percent = 100 * Double(drawn) / Double(all)
            let share = percent < 0.01 ? "below 0.01" : ByteText.fixed(percent, digits: percent < 1 ? 2 : percent < 10 ? 1 : 0)
            parts.append("the heaviest \(ByteText.grouped(drawn)) of \(ByteText.grouped(all)) weights are drawn (\(share)%)")
        }
        let places = placed(Self.height(columns))
        if zip(columns, areBars(places)).contains(where: { !$0.clusters.isEmpty && $1 }) {
            parts.append("a bar is a cluster's neurons, its length their number")
        }
        return parts.joined(separator: " · ")
    }

    var words: String {
        var text = columns.map { column in
            let clusters = Set(column.clusters.filter { $0 >= 0 }).count
            return "\(column.name.inPicture): \(Self.count(column.clusters.count))" + (hasClusters ? " in \(clusters) clusters" : "")
        }.joined(separator: "; ")
        let drawn = shown.reduce(0, +)
        if drawn > 0, hasClusters {
            let inside = zip(weights.indices, shown).reduce(0) { sum, layer in
                sum + weights[layer.0].entries.prefix(layer.1).count { cluster(of: $0, in: layer.0) != nil }
            }
            text += ". \(inside) of the \(drawn) weights drawn are inside a cluster."
        }
        return text
    }

    var legend: [LegendEntry] {
        guard shown.contains(where: { $0 > 0 }), hasClusters else { return [] }
        return [
            LegendEntry("inside a cluster: its colour", .line(Stroke(.cluster(0), width: 2))), LegendEntry("across", .line(Stroke(.axis))),
        ]
    }

    /// The cluster that holds both ends of a weight; nil for one across.
    private func cluster(of entry: HeaviestWeights.Entry, in layer: Int) -> Int? {
        let from = columns[layer].clusters[entry.column]
        return from >= 0 && from == columns[layer + 1].clusters[entry.row] ? from : nil
    }

    // MARK: Drawing

    private static func height(_ columns: [NeuronColumn]) -> Double {
        let most = Double(columns.map(\.clusters.count).max() ?? 0)
        return min(max(most * 9, min(most * 16, 180), 60), 560)
    }

    private func placed(_ height: Double) -> [ColumnPlaces] { columns.map { ColumnPlaces($0, height: height) } }

    /// Which columns have too many neurons to draw each of them.
    private func areBars(_ places: [ColumnPlaces]) -> [Bool] {
        let fitting = zip(columns, places).reduce(0) { $0 + ($1.1.step < ColumnPlaces.leastStep ? 0 : $1.0.clusters.count) }
        return places.map { $0.step < ColumnPlaces.leastStep || fitting > Self.mostNeurons }
    }

    func drawing(in panel: Panel) -> Drawing {
        guard columns.contains(where: { !$0.clusters.isEmpty }) else {
            return Notice.drawing("There are no neurons to draw.", width: panel.width)
        }
        let legend = Legend(panel.hasLegend ? self.legend : [], width: panel.width)
        let top = legend.height + Self.nameHeight
        let height = Self.height(columns)
        let places = placed(height)
        let labels = (left: labels(of: places.first), right: labels(of: places.last))
        let (left, right) = (labelWidth(labels.left, panel), columns.count > 1 ? labelWidth(labels.right, panel) : 0)
        let start = left + Self.barWidth / 2 + 4
        let end = max(panel.width - right - Self.barWidth / 2 - 4, start)
        let xs = columns.indices.map { columns.count > 1 ? start + (end - start) * Double($0) / Double(columns.count - 1) : start }
        var marks = legend.marks
        for layer in weights.indices { marks += edges(layer, xs, places, top) }
        for (index, areBars) in areBars(places).enumerated() {
            marks +=
                areBars
                ? bars(columns[index], places[index], x: xs[index], top: top)
                : neurons(columns[index], places[index], x: xs[index], top: top)
        }
        marks += names(xs, panel.width, y: top - 9)
        let (first, last) = (xs[0] - Self.barWidth / 2 - 5, (xs.last ?? 0) + Self.barWidth / 2 + 5)
        marks += labelMarks(labels.left, x: first, .end, room: left - 4, top: top)
        if columns.count > 1 { marks += labelMarks(labels.right, x: last, .start, room: right - 4, top: top) }
        return Drawing(width: panel.width, height: top + height + 8, marks: marks)
    }

    private func edges(_ layer: Int, _ xs: [Double], _ places: [ColumnPlaces], _ top: Double) -> [Mark] {
        let entries = weights[layer].entries.prefix(shown[layer])
        let largest = Double(entries.lazy.map { abs($0.weight) }.filter(\.isFinite).max() ?? 0)
        let (left, right) = (Self.brief(columns[layer]), Self.brief(columns[layer + 1]))
        let (start, end) = (xs[layer] + 3, max(xs[layer + 1] - 3, xs[layer] + 3))
        // Many lines are thinner, so that they do not become an area.
        let density = min(1, max(0.4, (150 / Double(max(entries.count, 1))).squareRoot()))
        func mark(_ entry: HeaviestWeights.Entry) -> Mark {
            let cluster = cluster(of: entry, in: layer)
            let from = Point(start, top + places[layer].middles[entry.column])
            let to = Point(end, top + places[layer + 1].middles[entry.row])
            let bend = (to.x - from.x) * 0.45
            let share = largest > 0 ? min(Double(abs(entry.weight)) / largest, 1) : 0
            let stroke = Stroke(
                cluster.map { .cluster($0) } ?? .axis, width: (0.6 + 2 * share * share) * density,
                opacity: (cluster == nil ? 0.3 : 0.5) + 0.3 * density)
            let weight = Double(entry.weight)
            var data = [Datum("from", entry.column), Datum("to", entry.row), Datum("layer", layer), Datum("weight", weight)]
            if let cluster { data.append(Datum("cluster", cluster)) }
            return Mark(
                .path([
                    .move(from), .curve(control: Point(from.x + bend, from.y), control2: Point(to.x - bend, to.y), end: to),
                ]), stroke: stroke, title: "\(left) \(entry.column) → \(right) \(entry.row): \(ByteText.rounded(weight))", data: data,
                part: .data)
        }
        // Light below heavy, and what lies across below what lies inside.
        return entries.reversed().filter { cluster(of: $0, in: layer) == nil }.map(mark)
            + entries.reversed().filter { cluster(of: $0, in: layer) != nil }.map(mark)
    }

    private func neurons(_ column: NeuronColumn, _ places: ColumnPlaces, x: Double, top: Double) -> [Mark] {
        let name = Self.brief(column)
        let radius = min(4.5, places.step * 0.42)
        return column.clusters.indices.map { neuron in
            let cluster = column.clusters[neuron]
            return .circle(
                Point(x, top + places.middles[neuron]), radius: radius, fill: Self.paint(cluster),
                title: "\(name) \(neuron), " + Self.label(cluster),
                data: [Datum("neuron", neuron), Datum("cluster", cluster), Datum("column", name)], part: .data)
        }
    }

    private func bars(_ column: NeuronColumn, _ places: ColumnPlaces, x: Double, top: Double) -> [Mark] {
        let name = Self.brief(column)
        let groups = places.groups
        let most = max(Self.mostBars / columns.count, 1)
        let share = (groups.count + most - 1) / most
        return stride(from: 0, to: groups.count, by: max(share, 1)).map { start in
            let members = groups[start..<min(start + share, groups.count)]
            let (first, last) = (members[start], members[members.endIndex - 1])
            let neurons = members.reduce(0) { $0 + $1.count }
            let label = members.count == 1 ? Self.label(first.cluster) : Self.label(first.cluster) + " to \(Self.label(last.cluster))"
            return .rectangle(
                Rectangle(x: x - Self.barWidth / 2, y: top + first.top, width: Self.barWidth, height: last.bottom - first.top),
                fill: members.count == 1 ? Self.paint(first.cluster) : .axis, title: "\(name), \(label): \(Self.count(neurons))",
                data: [Datum("cluster", first.cluster), Datum("neurons", neurons), Datum("column", name)], part: .data)
        }
    }

    /// The column's name as each of its many marks carries it.
    private static func brief(_ column: NeuronColumn) -> String { column.name.inPicture.shortened(toWidth: 120, size: labelSize) }

    private static func paint(_ cluster: Int) -> Paint { cluster < 0 ? .axis : .cluster(cluster) }

    private static func label(_ cluster: Int) -> String { cluster < 0 ? "no cluster" : "cluster \(cluster)" }

    private static func count(_ neurons: Int) -> String { neurons == 1 ? "1 neuron" : "\(neurons) neurons" }

    // MARK: Text

    /// The names of columns above them, centred but inside the picture; each has the room up to the middle between it and its neighbours.
    private func names(_ xs: [Double], _ width: Double, y: Double) -> [Mark] {
        let reach = columns.count > 1 ? (xs[1] - xs[0]) / 2 - 4 : width
        return zip(columns, xs).compactMap { column, x in
            let (low, high) = (max(0, x - reach), min(width, x + reach))
            let text = column.name.inPicture.shortened(toWidth: high - low, size: Self.labelSize, bold: true)
            guard !text.isEmpty else { return nil }
            let half = TextWidth.width(of: text, size: Self.labelSize, bold: true) / 2
            return .text(
                TextLine(text, at: Point(min(max(x, low + half), high - half), y), size: Self.labelSize, isBold: true, anchor: .middle),
                title: text == column.name ? nil : column.name.inPicture, part: .axisTitle)
        }
    }

    private typealias Label = (text: String, y: Double)

    /// A label for each cluster that is tall enough to have one beside it without touching the next.
    private func labels(of places: ColumnPlaces?) -> [Label] {
        guard let places else { return [] }
        var labels: [Label] = []
        for group in places.groups {
            let middle = (group.top + group.bottom) / 2
            if let last = labels.last, middle - last.y < 15 { continue }
            labels.append((hasClusters ? Self.label(group.cluster) + " (\(group.count))" : Self.count(group.count), middle))
        }
        return labels
    }

    private func labelWidth(_ labels: [Label], _ panel: Panel) -> Double {
        let widest = labels.map { TextWidth.width(of: $0.text, size: Self.labelSize) }.max() ?? 0
        return min(widest + 6, panel.width * 0.22)
    }

    private func labelMarks(_ labels: [Label], x: Double, _ anchor: TextLine.Anchor, room: Double, top: Double) -> [Mark] {
        labels.compactMap { label in
            let text = label.text.shortened(toWidth: room, size: Self.labelSize)
            guard !text.isEmpty else { return nil }
            return .text(
                TextLine(text, at: Point(x, top + label.y + Self.labelSize * 0.35), size: Self.labelSize, anchor: anchor), fill: .faint,
                title: text == label.text ? nil : label.text, part: .label)
        }
    }
}
