import ArgumentParser
import Checkpoints
import Text

/// The formats of a graph.
enum GraphFormat: String, Choice {
    case tsv, jsonl, dot, graphml, npz, svg

    var documentation: String {
        switch self {
        case .tsv: "A row for each edge: layer, in, out, weight."
        case .jsonl: "A first line with the checkpoint's path and SHA-256, then one edge per line."
        case .dot: "The language of Graphviz."
        case .graphml: "XML with a node for every neuron of either side of a layer."
        case .npz:
            "LAYER/data, LAYER/indices, LAYER/indptr and LAYER/shape, from which scipy.sparse.csr_matrix builds the layer, with out-neurons as rows."
        case .svg: "A picture of the heaviest edges: one sheet, or in a directory a file for each layer."
        }
    }

    /// Whether the format is bytes that no terminal should show.
    var isBinary: Bool { self == .npz }
}

/// The first line of jsonl has no members besides the checkpoint.
struct GraphHead: Encodable {
    static let schema = "modinspect.graph/1"

    func encode(to encoder: any Encoder) {}
}

/// One edge, as every format of lines names its parts.
struct GraphEdge: ColumnRow {
    let layer: String
    let `in`: Int
    let out: Int
    let weight: Double

    static let columns: [Column<GraphEdge>] = [
        .text("layer", "The tensor's name.") { $0.layer },
        .whole("in", "The in-neuron, from 0.") { $0.in },
        .whole("out", "The out-neuron, from 0.") { $0.out },
        .number("weight", "The weight between them; null in json if it is infinite.") { $0.weight },
    ]
}

/// Writes the edges of one layer after the other in a format of lines.
struct GraphLinesWriter {
    let format: GraphFormat
    let stream: ResultStream
    let rule: EdgeRule
    /// Whether magnitudes are written in place of the signed weights.
    let isAbsolute: Bool

    /// What comes before the first layer.
    func begin(provenance: Provenanced<GraphHead>?) throws {
        switch format {
        case .tsv: try stream.write(GraphEdge.columns.header())
        case .jsonl: if let provenance { try stream.write(try ReportEncoder.bytes(of: provenance, isIndented: false)) }
        case .dot: try stream.write("digraph weights {\n")
        case .graphml:
            try stream.write(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <graphml xmlns="http://graphml.graphdrawing.org/xmlns">
                <key id="layer" for="node" attr.name="layer" attr.type="string"/>
                <key id="side" for="node" attr.name="side" attr.type="string"/>
                <key id="index" for="node" attr.name="index" attr.type="long"/>
                <key id="weight" for="edge" attr.name="weight" attr.type="double"/>
                <graph edgedefault="directed">

                """)
        case .npz, .svg: preconditionFailure("\(format.rawValue) has no lines")
        }
    }

    /// Writes a layer; `place` is its number in the graph.
    ///
    /// - Returns: the number of weights that are not a number.
    func write(_ layer: Layer, place: Int) throws -> Int {
        if format == .graphml { try writeNodes(layer, place: place) }
        let template = template(layer, place: place)
        let infinity: InfinityText = format == .jsonl ? .null : format == .graphml ? .xml : .word
        let lines = EdgeLines(stream: stream, isAbsolute: isAbsolute, infinity: infinity)
        return try LayerEdges(layer, rule: rule).forEachRow(
            single: { try lines.write(row: $0, $1, template) }, double: { try lines.write(row: $0, $1, template) })
    }

    /// What comes after the last layer.
    func end() throws {
        switch format {
        case .dot: try stream.write("}\n")
        case .graphml: try stream.write("</graph>\n</graphml>\n")
        case .tsv, .jsonl, .npz, .svg: break
        }
    }

    private func template(_ layer: Layer, place: Int) -> EdgeTemplate {
        switch format {
        case .tsv: EdgeTemplate(TSV.escaped(layer.name) + "\t", "\t", "\t", "\n")
        case .jsonl: jsonTemplate(layer)
        case .dot:
            EdgeTemplate("  \"\(Self.dot(layer.name))/in/", "\" -> \"\(Self.dot(layer.name))/out/", "\" [weight=\"", "\"];\n")
        case .graphml:
            EdgeTemplate("<edge source=\"\(place).in.", "\" target=\"\(place).out.", "\"><data key=\"weight\">", "</data></edge>\n")
        case .npz, .svg: preconditionFailure("\(format.rawValue) has no lines")
        }
    }

    private func jsonTemplate(_ layer: Layer) -> EdgeTemplate {
        let keys = GraphEdge.columns.map { "\(JSONText.string($0.name)):" }
        return EdgeTemplate("{\(keys[0])\(JSONText.string(layer.name)),\(keys[1])", ",\(keys[2])", ",\(keys[3])", "}\n")
    }

    private func writeNodes(_ layer: Layer, place: Int) throws {
        var text = ByteText()
        let name = Self.xml(layer.name)
        for (side, count) in [("in", layer.inNeurons), ("out", layer.outNeurons)] {
            for index in 0..<count {
                text.append(text: "<node id=\"\(place).\(side).\(index)\"><data key=\"layer\">\(name)</data>")
                text.append(text: "<data key=\"side\">\(side)</data><data key=\"index\">\(index)</data></node>\n")
                if text.bytes.count > 1 << 15 {
                    try stream.write(text.bytes)
                    text.removeAll()
                }
            }
        }
        try stream.write(text.bytes)
    }

    /// A name inside the quotation marks of a DOT identifier.
    private static func dot(_ name: String) -> String {
        var text = ""
        for character in TSV.escaped(name) {
            if character == "\"" { text.append("\\") }
            text.append(character)
        }
        return text
    }

    /// A name as XML text; characters that XML 1.0 cannot hold are escaped as in TSV.
    private static func xml(_ name: String) -> String {
        var text = ""
        for scalar in TSV.escaped(name).unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "\u{FFFE}", "\u{FFFF}": text += scalar.escaped(asASCII: true)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
