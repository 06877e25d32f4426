import Text

/// A graph drawn in layers, inputs at the bottom: a circuit of heads, MLPs and neurons.
///
/// An edge is the wider the greater its score, and dashed where the score says that the edge works against the behaviour. Where there are more
/// edges than a picture of two megabytes holds, the heaviest are drawn, and the caption says so.
package struct LayeredGraph: Chart {
    /// What a node is, which its shape shows.
    package enum NodeKind: String, Hashable, Sendable, CaseIterable {
        /// The input or output of the network: an embedding, logits. Slanted sides.
        case end
        /// An attention head, or keys and values that heads share. Round sides.
        case attention
        /// An MLP or another layer. A box.
        case layer
        /// A single neuron. A small box with round corners.
        case neuron
    }

    /// A node.
    package struct Node: Hashable, Sendable {
        /// What the node is called: shown where there is room, and carried by its edges.
        package var name: String
        /// Any number, of which only the order counts; the lowest is drawn at the bottom.
        package var layer: Int
        package var kind: NodeKind

        package init(_ name: String, layer: Int, kind: NodeKind) {
            self.name = name
            self.layer = layer
            self.kind = kind
        }
    }

    /// What an edge brings to its upper end, which its colour shows.
    package enum EdgeKind: String, Hashable, Sendable, CaseIterable {
        /// Magenta.
        case query
        /// Green.
        case key
        /// Blue.
        case value
        /// Grey.
        case other
        /// Dotted, without a score: nodes that belong together, such as shared keys and the heads that read them.
        case link
    }

    /// An edge.
    package struct Edge: Hashable, Sendable {
        /// The numbers of the nodes that are joined.
        package var from: Int
        package var to: Int
        package var kind: EdgeKind
        /// Its absolute value gives the width. What is not finite is drawn thin and dotted.
        package var score: Double
        /// Whether the behaviour is better without the edge.
        package var worksAgainst: Bool

        package init(from: Int, to: Int, kind: EdgeKind = .other, score: Double, worksAgainst: Bool = false) {
            self.from = from
            self.to = to
            self.kind = kind
            self.score = score
            self.worksAgainst = worksAgainst
        }
    }

    package var title: String
    /// What the caller says of seed, method and data.
    package var source: String
    package var alternative: String
    package var nodes: [Node]
    package var edges: [Edge]

    /// - Parameters:
    ///   - source: The caption; what is not drawn is added to it.
    ///   - alternative: The picture in words; composed from nodes and edges where it is empty.
    package init(title: String, source: String = "", alternative: String = "", nodes: [Node], edges: [Edge]) {
        precondition(
            edges.allSatisfy { nodes.indices.contains($0.from) && nodes.indices.contains($0.to) },
            "an edge of a node outside of 0..<\(nodes.count)")
        self.title = title
        self.source = source
        self.nodes = nodes
        self.edges = edges
        self.alternative = alternative.isEmpty ? Self.words(nodes, edges) : alternative
    }

    private static func words(_ nodes: [Node], _ edges: [Edge]) -> String {
        var text =
            "A graph of \(nodes.count) nodes in \(Set(nodes.map(\.layer)).count) layers, inputs at the bottom, and \(edges.count) edges."
        let strongest = edges.filter { $0.score.isFinite && $0.kind != .link }.max { abs($0.score) < abs($1.score) }
        if let strongest {
            let (from, to) = (nodes[strongest.from].name.inPicture, nodes[strongest.to].name.inPicture)
            text += " The strongest edge leads from \(from) to \(to)"
            text += strongest.kind == .other ? "" : " (\(strongest.kind.rawValue))"
            text += ": \(NumberText.rounded(strongest.score))."
        }
        return text
    }

    package var caption: String {
        let selection = Selection(self)
        var parts = source.isEmpty ? [] : [source]
        if selection.edges.count < edges.count {
            parts.append("the heaviest \(ByteText.grouped(selection.edges.count)) of \(ByteText.grouped(edges.count)) edges are drawn")
        }
        if selection.nodes.count < nodes.count {
            parts.append("\(ByteText.grouped(selection.nodes.count)) of \(ByteText.grouped(nodes.count)) nodes are drawn")
        }
        return parts.joined(separator: " · ")
    }

    package var legend: [LegendEntry] {
        let kinds = Set(edges.map(\.kind))
        var entries: [LegendEntry] = []
        for kind in EdgeKind.allCases where kinds.contains(kind) {
            if kind == .other, kinds.isDisjoint(with: [.query, .key, .value]) { continue }
            entries.append(LegendEntry(kind.label, .line(Stroke(kind.paint, width: kind == .link ? 1 : 2.5, dash: kind.dash))))
        }
        if edges.contains(where: \.worksAgainst) {
            entries.append(LegendEntry("works against", .line(Stroke(.ink, width: 1.5, dash: LayeredGraph.againstDash))))
        }
        return entries
    }

    static let againstDash = [5.0, 3]

    package func plot(in panel: Panel) -> Drawing {
        guard !nodes.isEmpty else { return Notice.drawing("There are no nodes to draw.", width: panel.width) }
        return LayeredGraphDrawing(self, Selection(self), panel).drawing
    }

    /// What is drawn: edges from the heaviest on for as long as there is room in the file, and their nodes; then the other nodes.
    struct Selection {
        /// Numbers of edges, the heaviest last, so that it is painted above the others.
        private(set) var edges: [Int] = []
        /// Numbers of nodes in their order.
        private(set) var nodes: [Int]

        /// How many bytes nodes and edges may take in the SVG, and how many edges are told apart at all.
        static let room = 1_400_000
        static let maximum = 3000

        init(_ graph: LayeredGraph) {
            let layers = Dictionary(
                uniqueKeysWithValues: Set(graph.nodes.map(\.layer)).sorted().enumerated().map { ($1, $0) })
            var isShown = [Bool](repeating: false, count: graph.nodes.count)
            var room = Self.room
            let bytes = graph.nodes.map { XMLText.escaped($0.name.inPicture).utf8.count }
            func cost(_ node: Int) -> Int { isShown[node] ? 0 : 300 + 3 * bytes[node] }
            let order = graph.edges.indices.sorted {
                let (first, second) = (graph.edges[$0].rank, graph.edges[$1].rank)
                return first == second ? $0 < $1 : first > second
            }
            for index in order.prefix(Self.maximum) {
                let edge = graph.edges[index]
                let span = abs(layers[graph.nodes[edge.from].layer]! - layers[graph.nodes[edge.to].layer]!)
                let names = bytes[edge.from] + bytes[edge.to]
                let needed = 360 + 60 * span + 2 * names + cost(edge.from) + (edge.to == edge.from ? 0 : cost(edge.to))
                guard needed <= room else { break }
                room -= needed
                isShown[edge.from] = true
                isShown[edge.to] = true
                edges.append(index)
            }
            edges.reverse()
            for node in graph.nodes.indices where !isShown[node] {
                let needed = cost(node)
                guard needed <= room else { break }
                room -= needed
                isShown[node] = true
            }
            nodes = graph.nodes.indices.filter { isShown[$0] }
        }
    }
}

extension LayeredGraph.EdgeKind {
    /// The colours that drawings of circuits have used for queries, keys and values.
    var paint: Paint {
        switch self {
        case .query: .themed(light: Colour(0xC2328E), dark: Colour(0xE87CC6))
        case .key: .themed(light: Colour(0x00815F), dark: Colour(0x2CC295))
        case .value: .themed(light: Colour(0x0067B8), dark: Colour(0x5AB0F5))
        case .other: .axis
        case .link: .faint
        }
    }

    /// The colour on white, for drawings in other languages; nil for what is grey.
    package var colour: Colour? {
        if case .themed(let light, _) = paint { light } else { nil }
    }

    var label: String {
        switch self {
        case .query: "q: query"
        case .key: "k: key"
        case .value: "v: value"
        case .other: "other"
        case .link: "share keys and values"
        }
    }

    var dash: [Double] { self == .link ? [1.5, 3] : [] }
}

extension LayeredGraph.Edge {
    /// How much the edge counts where not all are drawn: links before all others, what is no number last.
    fileprivate var rank: Double { kind == .link ? .infinity : score.isNaN ? -1 : min(abs(score), .greatestFiniteMagnitude) }
}

extension String {
    /// The name as a picture carries it in data and hover texts: on one line, and cut in the middle where it is very long.
    var inPicture: String {
        let text = utf8.count > 4096 ? String(prefix(400)) + String(suffix(400)) : self
        return text.shortened(toWidth: 900, size: 12)
    }
}
