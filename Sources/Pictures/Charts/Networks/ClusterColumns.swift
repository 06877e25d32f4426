import Text

/// Draws columns of neurons and the weights between neighbours.
struct ClusterColumns {
    private let columns: [NeuronColumn]
    private let weights: [HeaviestWeights]
    /// How many weights of each layer are drawn.
    private let shown: [Int]

    private static let labelSize = 12.0
    private static let barWidth = 10.0
    /// How many neurons are drawn by themselves at most, and how many bars: more clusters share one.
    private static let mostNeurons = 1500
    private static let mostBars = 1000
    private static let nameHeight = 20.0
    /// The names of many columns stand in so many rows at most.
    private static let mostNameRows = 5

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
        if shown.contains(where: { $0 > 0 }) { parts.append("wider lines are heavier") }
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
        let across = LegendEntry("across", .line(Stroke(.axis)))
        let clusters = Set(columns.flatMap(\.clusters)).filter { $0 >= 0 }
        let repeats = (clusters.max() ?? 0) >= Palette.clusterCount ? ", which \(Palette.clusterCount) clusters later comes again" : ""
        // Between the outer columns there is no room for labels: the legend names what is there.
        guard columns.count > 2, clusters.count <= Palette.clusterCount else {
            return [LegendEntry("inside a cluster: its colour" + repeats, .line(Stroke(.cluster(0), width: 2))), across]
        }
        return clusters.sorted().map { LegendEntry("cluster \($0)", .line(Stroke(.cluster($0), width: 3))) } + [across]
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
        let height = Self.height(columns)
        let places = placed(height)
        var labels = (left: labels(of: places.first), right: labels(of: places.last))
        // Half of the labels being cut is worse than all of them being short.
        if max(width(labels.left), width(labels.right)) > Self.labelShare * panel.width {
            labels = (labels.left.map(\.brief), labels.right.map(\.brief))
        }
        let (left, right) = (labelWidth(labels.left, panel), columns.count > 1 ? labelWidth(labels.right, panel) : 0)
        let start = left + Self.barWidth / 2 + 4
        let end = max(panel.width - right - Self.barWidth / 2 - 4, start)
        let xs = columns.indices.map { columns.count > 1 ? start + (end - start) * Double($0) / Double(columns.count - 1) : start }
        let nameRows = nameRows(xs, panel.width)
        let top = legend.height + Self.nameHeight + Double(nameRows - 1) * Self.nameLine
        var marks = legend.marks
        for layer in weights.indices { marks += edges(layer, xs, places, top) }
        for (index, areBars) in areBars(places).enumerated() {
            marks +=
                areBars
                ? bars(columns[index], places[index], x: xs[index], top: top)
                : neurons(columns[index], places[index], x: xs[index], top: top)
        }
        marks += names(xs, panel.width, rows: nameRows, y: top - 9)
        let (first, last) = (xs[0] - Self.barWidth / 2 - 5, (xs.last ?? 0) + Self.barWidth / 2 + 5)
        marks += labelMarks(labels.left, x: first, .end, room: left - 2, top: top)
        if columns.count > 1 { marks += labelMarks(labels.right, x: last, .start, room: right - 2, top: top) }
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

    private static func count(_ neurons: Int) -> String { ByteText.counted(neurons, "neuron") }

    // MARK: Text

    private static let nameLine = 15.0

    /// From where to where the name of a column may reach: up to the middle between it and the next one in its row of names.
    private func room(_ index: Int, _ xs: [Double], _ width: Double, rows: Int) -> (low: Double, high: Double) {
        let reach = columns.count > rows ? Double(rows) * (xs[1] - xs[0]) / 2 - 4 : width
        return (max(0, xs[index] - reach), min(width, xs[index] + reach))
    }

    /// In how many rows the names of columns stand, in turn: as few as have room for the whole names.
    private func nameRows(_ xs: [Double], _ width: Double) -> Int {
        let most = min(Self.mostNameRows, max(columns.count - 1, 1))
        return (1..<most).first { rows in
            columns.indices.allSatisfy { index in
                let room = room(index, xs, width, rows: rows)
                return TextWidth.width(of: columns[index].name.inPicture, size: Self.labelSize, bold: true) <= room.high - room.low
            }
        } ?? most
    }

    /// The names of columns above them, centred but inside the picture.
    private func names(_ xs: [Double], _ width: Double, rows: Int, y: Double) -> [Mark] {
        let rooms = columns.indices.map { room($0, xs, width, rows: rows) }
        let whole = columns.map(\.name.inPicture)
        let texts = ShortNames.shortened(whole, toWidths: rooms.map { $0.high - $0.low }, size: Self.labelSize, bold: true)
        return columns.indices.compactMap { index in
            let (text, low, high) = (texts[index], rooms[index].low, rooms[index].high)
            guard !text.isEmpty else { return nil }
            let half = TextWidth.width(of: text, size: Self.labelSize, bold: true) / 2
            let row = Double((rows - 1) - index % rows)
            return .text(
                TextLine(
                    text, at: Point(min(max(xs[index], low + half), high - half), y - row * Self.nameLine), size: Self.labelSize,
                    isBold: true, anchor: .middle), title: text == columns[index].name ? nil : whole[index], part: .axisTitle)
        }
    }

    private struct Label {
        var text: String
        var y: Double
        /// What matters most of it.
        var short: String

        var brief: Label { Label(text: short, y: y, short: short) }
    }

    /// The share of the width that the labels of one side have.
    private static let labelShare = 0.3

    /// A label for each cluster that is tall enough to have one beside it without touching the next.
    private func labels(of places: ColumnPlaces?) -> [Label] {
        guard let places else { return [] }
        var labels: [Label] = []
        for group in places.groups {
            let middle = (group.top + group.bottom) / 2
            if let last = labels.last, middle - last.y < 15 { continue }
            let count = ByteText.grouped(group.count)
            let short = !hasClusters ? count : (group.cluster < 0 ? "none" : "\(group.cluster)") + " (\(count))"
            labels.append(
                Label(text: hasClusters ? "\(Self.label(group.cluster)) (\(count))" : Self.count(group.count), y: middle, short: short))
        }
        return labels
    }

    private func width(_ labels: [Label]) -> Double { labels.map { TextWidth.width(of: $0.text, size: Self.labelSize) + 6 }.max() ?? 0 }

    private func labelWidth(_ labels: [Label], _ panel: Panel) -> Double { min(max(width(labels), 6), panel.width * Self.labelShare) }

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
