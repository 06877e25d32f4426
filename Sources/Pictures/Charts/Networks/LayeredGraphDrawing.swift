import Text

/// Draws a layered graph in the room that a panel has.
struct LayeredGraphDrawing {
    private let graph: LayeredGraph
    private let selection: LayeredGraph.Selection
    private let panel: Panel
    private let layout: LayeredLayout
    /// The place of each node of the graph among those that are drawn.
    private let place: [Int: Int]
    /// The text in each drawn node; empty where it has no room.
    private let labels: [String]
    private let sizes: [Double]
    private let pitch: Double
    private let top: Double

    private static let labelSize = 12.0
    private static let nodeHeight = 20.0
    private static let dotHeight = 9.0
    private static let side = 4.0

    init(_ graph: LayeredGraph, _ selection: LayeredGraph.Selection, _ panel: Panel) {
        self.graph = graph
        self.selection = selection
        self.panel = panel
        let place = Dictionary(uniqueKeysWithValues: selection.nodes.enumerated().map { ($1, $0) })
        self.place = place
        let room = max(panel.width - 2 * Self.side, 20)
        let nodes = selection.nodes.map { graph.nodes[$0] }
        let byLayer = Dictionary(grouping: nodes.indices, by: { nodes[$0].layer })
        let most = Double(byLayer.values.map(\.count).max() ?? 1)
        var gap = min(12, 0.3 * room / most)
        var labels = nodes.map(\.name.inPicture)
        var sizes = nodes.map { Self.width(of: $0) }
        func isTight(_ members: [Int]) -> Bool { members.reduce(0) { $0 + sizes[$1] } + gap * Double(members.count - 1) > room }
        let tight = Set(byLayer.filter { isTight($0.value) }.keys)
        if !tight.isEmpty { gap = min(gap, 4) }
        for (layer, members) in byLayer {
            // Names matter more than the room around them.
            let slimness = tight.contains(layer) ? 0.35 : 1
            for index in members { sizes[index] = Self.width(of: nodes[index], slimness) }
            let cap = Self.cap(members.map { sizes[$0] }, room - gap * Double(members.count - 1))
            guard cap >= 24 else {
                for index in members { (labels[index], sizes[index]) = ("", max(0.05, min(10, cap))) }
                continue
            }
            for index in members { sizes[index] = min(sizes[index], cap) }
            let texts = ShortNames.shortened(
                members.map { labels[$0] }, toWidths: members.map { sizes[$0] - Self.padding(nodes[$0].kind) * slimness },
                size: Self.labelSize)
            // Names that cannot be told apart are worse than none.
            let areTold = Set(texts).count == Set(members.map { labels[$0] }).count
            for (index, text) in zip(members, texts) { labels[index] = areTold ? text : "" }
        }
        self.labels = labels
        self.sizes = sizes
        let edges = selection.edges.map { (from: place[graph.edges[$0].from]!, to: place[graph.edges[$0].to]!) }
        layout = LayeredLayout(
            nodes: zip(nodes, sizes).map { LayeredLayout.Node(layer: $0.layer, width: $1) }, edges: edges, gap: gap, width: room)
        let steps = Double(max(layout.layers.count - 1, 1))
        let isCrowded = Double(edges.count) / steps > 150
        pitch = min(max(560 / steps, 46), isCrowded ? 220 : 100)
        let layer = layout.layer
        let hasArcOnTop = edges.contains { layer[$0.from] == layer[$0.to] && layer[$0.from] == byLayer.count - 1 }
        top = (hasArcOnTop ? 0.5 * pitch : 0) + 4
    }

    /// The width of a node with its whole name.
    private static func width(of node: LayeredGraph.Node, _ slimness: Double = 1) -> Double {
        min(max(TextWidth.width(of: node.name.inPicture, size: labelSize) + padding(node.kind) * slimness + 0.5, 26), 190)
    }

    private static func padding(_ kind: LayeredGraph.NodeKind) -> Double { kind == .end ? 22 : kind == .attention ? 16 : 12 }

    /// How wide nodes may be at most so that all of them fit; infinite where they do as they are.
    private static func cap(_ sizes: [Double], _ available: Double) -> Double {
        guard sizes.reduce(0, +) > available else { return .infinity }
        var rest = max(available, 0)
        let sorted = sizes.sorted()
        for (index, size) in sorted.enumerated() {
            let share = rest / Double(sorted.count - index)
            if size > share { return share }
            rest -= size
        }
        return .infinity
    }

    var drawing: Drawing {
        let legend = Legend(panel.hasLegend ? graph.legend : [], width: panel.width)
        let height = top + Double(layout.layers.count - 1) * pitch + Self.nodeHeight + 4
        let content = edgeMarks + nodeMarks
        return Drawing(
            width: panel.width, height: legend.height + (legend.height > 0 ? 8 : 0) + height,
            marks: legend.marks + content.map { $0.moved(by: Point(0, legend.height + (legend.height > 0 ? 8 : 0))) })
    }

    private func middle(_ layer: Int) -> Double { top + Self.nodeHeight / 2 + Double(layout.layers.count - 1 - layer) * pitch }

    private func x(_ centre: Double) -> Double { Self.side + centre }

    private func halfHeight(_ node: Int) -> Double { (labels[node].isEmpty ? Self.dotHeight : Self.nodeHeight) / 2 }

    // MARK: Edges

    private var edgeMarks: [Mark] {
        let scores = selection.edges.lazy.map { abs(graph.edges[$0].score) }.filter(\.isFinite)
        let largest = scores.max() ?? 0
        let ports = ports
        return selection.edges.enumerated().flatMap { index, number -> [Mark] in
            let edge = graph.edges[number]
            let (from, to) = (graph.nodes[edge.from].name.inPicture, graph.nodes[edge.to].name.inPicture)
            var data = [Datum("from", from), Datum("to", to), Datum("kind", edge.kind.rawValue)]
            var title = "\(from) → \(to)"
            if edge.kind != .link {
                if edge.kind != .other { title += " (\(edge.kind.rawValue))" }
                title += ": \(NumberText.rounded(edge.score))" + (edge.worksAgainst ? ", works against" : "")
                data.append(Datum("score", edge.score))
                if edge.worksAgainst { data.append(Datum("against", "true")) }
            }
            let steps = route(index, ports)
            let stroke = stroke(edge, largest)
            let line = Mark(.path(steps), stroke: stroke, title: title, data: data, part: .data)
            guard case .curve(_, _, let end)? = steps.last, edge.kind != .link,
                layout.layer[place[edge.from]!] == layout.layer[place[edge.to]!]
            else { return [line] }
            // Within a layer neither end is the upper one.
            let head = [Point(end.x, end.y), Point(end.x - 3.5, end.y - 7), Point(end.x + 3.5, end.y - 7)]
            return [line, Mark(.polygon(head), fill: stroke.paint, part: .data)]
        }
    }

    private func stroke(_ edge: LayeredGraph.Edge, _ largest: Double) -> Stroke {
        guard edge.kind != .link else { return Stroke(edge.kind.paint, width: 1, dash: edge.kind.dash) }
        guard !edge.score.isNaN else { return Stroke(edge.kind.paint, width: 0.8, dash: [1, 2]) }
        let share = largest > 0 ? min(abs(edge.score) / largest, 1) : 0
        let slimness = selection.edges.count > 400 ? 0.6 : 1
        return Stroke(
            edge.kind.paint, width: (0.8 + 3.7 * share) * slimness, dash: edge.worksAgainst ? LayeredGraph.againstDash : [],
            opacity: 0.85)
    }

    /// Where each edge leaves its lower and enters its upper node, as distances from their centres: spread along the node in the order of where
    /// the edges come from.
    private var ports: (lower: [Double], upper: [Double]) {
        var leaving: [[(key: Double, edge: Int)]] = Array(repeating: [], count: selection.nodes.count)
        var entering = leaving
        for (index, number) in selection.edges.enumerated() {
            let (lower, upper) = ends(number)
            let path = layout.passages[index]
            leaving[lower].append((path.first ?? layout.centres[upper], index))
            // Edges within a layer bend upwards at both ends.
            if layout.layer[lower] == layout.layer[upper] {
                leaving[upper].append((layout.centres[lower], -1 - index))
            } else {
                entering[upper].append((path.last ?? layout.centres[lower], index))
            }
        }
        var lowers = [Double](repeating: 0, count: selection.edges.count)
        var uppers = lowers
        func spread(_ ends: [(key: Double, edge: Int)], _ node: Int, _ set: (Int, Double) -> Void) {
            let sorted = ends.sorted { ($0.key, $0.edge) < ($1.key, $1.edge) }
            let width = min(sizes[node] * 0.7, 7 * Double(sorted.count - 1))
            for (place, end) in sorted.enumerated() {
                set(end.edge, sorted.count == 1 ? 0 : width * (Double(place) / Double(sorted.count - 1) - 0.5))
            }
        }
        for node in selection.nodes.indices {
            spread(leaving[node], node) { if $0 >= 0 { lowers[$0] = $1 } else { uppers[-1 - $0] = $1 } }
            spread(entering[node], node) { uppers[$0] = $1 }
        }
        return (lowers, uppers)
    }

    /// The lower and the upper node of an edge, by their place among those drawn.
    private func ends(_ number: Int) -> (lower: Int, upper: Int) {
        let (from, to) = (place[graph.edges[number].from]!, place[graph.edges[number].to]!)
        return layout.layer[from] <= layout.layer[to] ? (from, to) : (to, from)
    }

    private func route(_ index: Int, _ ports: (lower: [Double], upper: [Double])) -> [PathStep] {
        let (lower, upper) = ends(selection.edges[index])
        let (first, last) = (layout.layer[lower], layout.layer[upper])
        let start = Point(x(layout.centres[lower] + ports.lower[index]), middle(first) - halfHeight(lower))
        guard first < last else {
            let end = Point(x(layout.centres[upper] + ports.upper[index]), middle(last) - halfHeight(upper))
            let height = Point(0, -0.45 * pitch)
            return [.move(start), .curve(control: start + height, control2: end + height, end: end)]
        }
        let end = Point(x(layout.centres[upper] + ports.upper[index]), middle(last) + halfHeight(upper))
        let passages = layout.passages[index].enumerated().map { Point(x($1), middle(first + 1 + $0)) }
        let freedom = layout.passages[index].enumerated().map { distance(from: $1, in: first + 1 + $0) }
        return Self.curve([start] + passages + [end], freedom: [0] + freedom + [0], clearance: Self.nodeHeight / 2)
    }

    /// How far a place in a layer is from the nearest node of it.
    private func distance(from place: Double, in layer: Int) -> Double {
        layout.layers[layer].reduce(.infinity) { min($0, abs(layout.centres[$1] - place) - sizes[$1] / 2) }
    }

    /// A curve from the first point to the last, upright at both ends.
    ///
    /// Between them it passes each point in a line that is nearly upright as far as the nodes of that layer reach, so that it touches none of
    /// them; what it moves to the side it moves between the layers.
    ///
    /// - Parameters:
    ///   - freedom: the room beside each point.
    ///   - clearance: how far nodes reach above and below the middle of their layer.
    static func curve(_ points: [Point], freedom: [Double], clearance: Double) -> [PathStep] {
        var steps = [PathStep.move(points[0])]
        var place = points[0]
        var slope = 0.0
        func bend(to end: Point, _ endSlope: Double) {
            let rise = end.y - place.y
            let (low, high) = (min(place.x, end.x), max(place.x, end.x))
            // Handles within the box of the two ends keep the curve inside of it.
            func handle(_ from: Point, _ slope: Double, _ rise: Double) -> Point {
                Point(min(max(from.x + slope * rise, low), high), from.y + rise)
            }
            steps.append(.curve(control: handle(place, slope, 0.45 * rise), control2: handle(end, endSlope, -0.45 * rise), end: end))
        }
        for index in points.indices.dropFirst().dropLast() {
            let (before, after) = (points[index - 1], points[index + 1])
            let point = points[index]
            let isMonotone = (point.x - before.x) * (after.x - point.x) > 0
            // Half the distance that there is to the nearest node is what it may move while it passes.
            // Where it hardly moves on one side it passes upright, so that no corner arises.
            let gentlest = min(
                abs((point.x - before.x) / (point.y - before.y)), abs((after.x - point.x) / (after.y - point.y)))
            let limit = min(max(freedom[index] / 2, 3) / clearance, gentlest)
            let passing = isMonotone ? min(max((after.x - before.x) / (after.y - before.y), -limit), limit) : 0
            bend(to: Point(point.x + passing * clearance, point.y + clearance), passing)
            place = Point(point.x - passing * clearance, point.y - clearance)
            steps.append(.line(place))
            slope = passing
        }
        bend(to: points[points.count - 1], 0)
        return steps
    }

    // MARK: Nodes

    private var nodeMarks: [Mark] {
        selection.nodes.enumerated().flatMap { index, number -> [Mark] in
            let node = graph.nodes[number]
            let height = 2 * halfHeight(index)
            let center = Point(x(layout.centres[index]), middle(layout.layer[index]))
            let box = Rectangle(x: center.x - sizes[index] / 2, y: center.y - height / 2, width: sizes[index], height: height)
            let name = node.name.inPicture
            var shape = Mark(
                Self.shape(node.kind, box), fill: node.kind == .end ? .grid : .ground,
                stroke: Stroke(.ink, width: min(1, sizes[index] / 3)), title: name,
                data: [Datum("node", name), Datum("layer", node.layer), Datum("shape", node.kind.rawValue)], part: .data)
            guard !labels[index].isEmpty else {
                shape.fill = .ink
                shape.stroke = nil
                return [shape]
            }
            let text = TextLine(
                labels[index], at: Point(center.x, center.y + Self.labelSize * 0.35), size: Self.labelSize, anchor: .middle)
            return [shape, .text(text, title: labels[index] == node.name ? nil : name, part: .label)]
        }
    }

    private static func shape(_ kind: LayeredGraph.NodeKind, _ box: Rectangle) -> Mark.Shape {
        switch kind {
        case .attention: return .rectangle(box, radius: min(box.height, box.width) / 2)
        case .layer: return .rectangle(box, radius: 0)
        case .neuron: return .rectangle(box, radius: min(4, box.width / 2))
        case .end:
            let slant = min(7, box.width / 4)
            return .polygon([
                Point(box.x, box.maxY), Point(box.x + slant, box.y), Point(box.maxX - slant, box.y), Point(box.maxX, box.maxY),
            ])
        }
    }
}
