import ArgumentParser
import Checkpoints
import Text

/// The formats of a graph.
enum GraphFormat: String, Choice {
    case tsv, jsonl, json, dot, graphml, npz, svg

    var documentation: String {
        switch self {
        case .tsv: "A row for each edge: layer, in, out, weight."
        case .jsonl: "A first line with the checkpoint's path and SHA-256, then one edge per line."
        case .json: "One document with all neurons and edges, as networkx's node_link_graph and d3 read it."
        case .dot: "The language of Graphviz."
        case .graphml: "XML with a node for every neuron, for Gephi, Cytoscape, igraph and networkx."
        case .npz:
            "LAYER/data, LAYER/indices, LAYER/indptr and LAYER/shape, from which scipy.sparse.csr_matrix builds the layer, with out-neurons as rows."
        case .svg: "A picture of the heaviest edges: one sheet, or in a directory a file for each layer."
        }
    }

    /// Whether the format is bytes that no terminal should show.
    var isBinary: Bool { self == .npz }

    /// Whether the format names the checkpoint and its hash.
    var hasProvenance: Bool { self == .jsonl || self == .json }
}

/// Neither the first line of jsonl nor the head of json has members besides the checkpoint.
struct GraphHead: Encodable {
    static let schema = "modinspect.graph/1"

    func encode(to encoder: any Encoder) {}
}

/// One edge, as the formats of a row for each edge name its parts.
struct GraphEdge: ColumnRow {
    let layer: String
    let `in`: Int
    let out: Int
    let weight: Double
    let source: String
    let target: String
    let inCluster: Int
    let outCluster: Int

    /// Those of every graph.
    static let columns: [Column<GraphEdge>] = [
        .text("layer", "The tensor's name.") { $0.layer },
        .whole("in", "The in-neuron, from 0.") { $0.in },
        .whole("out", "The out-neuron, from 0.") { $0.out },
        .number("weight", "The weight between them; null in json if it is infinite.") { $0.weight },
    ]

    /// Those of joined layers besides, in which `in` does not say which neuron of the network it is.
    static let neuronColumns: [Column<GraphEdge>] = [
        .text("source", "The in-neuron's name in the network.") { $0.source },
        .text("target", "The out-neuron's name in the network.") { $0.target },
    ]

    /// Those of a graph with clusters.
    static let clusterColumns: [Column<GraphEdge>] = [
        .whole("inCluster", "The cluster of the in-neuron, -1 for none.") { $0.inCluster },
        .whole("outCluster", "The cluster of the out-neuron, -1 for none.") { $0.outCluster },
    ]

    /// Those of a graph, as its layers are joined and have clusters.
    static func columns(isChained: Bool, hasClusters: Bool) -> [Column<GraphEdge>] {
        columns + (isChained ? neuronColumns : []) + (hasClusters ? clusterColumns : [])
    }
}
