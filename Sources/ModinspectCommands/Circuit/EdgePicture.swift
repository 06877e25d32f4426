import Pictures
import Text

/// A circuit of edges in the language of graphviz, from the input at the bottom to the output at the top.
///
/// Attention heads are round, MLPs and neurons are boxes. Queries are magenta, keys green, values blue, all else is grey; the larger the score, the
/// wider the edge; an edge that works against the behaviour is dashed.
struct EdgePicture {
    private let edges: [ScoredEdge]
    private let links: [EdgeLink]
    private let worksAgainst: (Double) -> Bool

    /// - Parameters:
    ///   - links: the nodes that write what others read, such as heads with shared keys.
    ///   - worksAgainst: whether a score says that the behaviour is better without the edge.
    init(_ edges: [ScoredEdge], links: [EdgeLink] = [], worksAgainst: @escaping (Double) -> Bool) {
        self.edges = edges
        self.links = links
        self.worksAgainst = worksAgainst
    }

    private static func quoted(_ name: String) -> String {
        "\"" + name.singleLine.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    var text: String {
        let largest = edges.map { abs($0.score) }.max() ?? 1
        var text = """
            digraph circuit {
              rankdir=BT; nodesep=0.25; ranksep=0.45;
              node [fontname="Helvetica", fontsize=11, height=0.3, margin="0.08,0.04", style=filled, color="#555555"];
              edge [fontname="Helvetica", fontsize=9, arrowsize=0.6, color="#777777"];

            """
        var seen: Set<String> = []
        func add(_ name: String) {
            guard seen.insert(name).inserted else { return }
            let isAttention = name.hasPrefix("a") && name.contains(".") && (name.contains(".h") || name.contains(".kv"))
            let isEnd = name == "input" || name == "logits"
            let (shape, fill) = isEnd ? ("box", "#eeeeee") : isAttention ? ("ellipse", "#dbe9f6") : ("box", "#fdebd3")
            text += "  \(Self.quoted(name)) [shape=\(shape), fillcolor=\"\(fill)\"];\n"
        }
        for edge in edges {
            add(edge.source)
            add(EdgeLink.node(edge.target))
        }
        for link in links.sorted(by: { $0.node < $1.node }) where seen.contains(link.node) {
            for head in link.writes where seen.contains(head) {
                text += "  \(Self.quoted(link.node)) -> \(Self.quoted(head)) [style=dotted, arrowhead=none];\n"
            }
        }
        for edge in edges {
            var attributes: [String] = []
            for (kind, name) in [(LayeredGraph.EdgeKind.query, "q"), (.key, "k"), (.value, "v")] where edge.target.hasSuffix("<\(name)>") {
                if let colour = kind.colour { attributes.append("color=\"\(colour.hexadecimal)\"") }
                attributes.append("label=\" \(name)\"")
            }
            let width = 0.6 + 3.4 * (largest > 0 ? abs(edge.score) / largest : 0)
            attributes.append("penwidth=\(ByteText.fixed(width, digits: 2))")
            if worksAgainst(edge.score) { attributes.append("style=dashed") }
            text += "  \(Self.quoted(edge.source)) -> \(Self.quoted(EdgeLink.node(edge.target))) [\(attributes.joined(separator: ", "))];\n"
        }
        return text + "}\n"
    }
}
