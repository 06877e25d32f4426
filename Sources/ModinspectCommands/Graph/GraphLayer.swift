import Checkpoints
import Modularity
import Scoring
import Text

/// A layer as a part of the graph: which neurons its edges join, by name, and the clusters of these.
///
/// A neuron is called LAYER/out/INDEX or LAYER/in/INDEX in every format. Where layers are joined, an in-neuron is the out-neuron of the
/// previous layer and has its name.
struct GraphLayer {
    let layer: Layer
    /// The clusters of its neurons, -1 for none; nil without given clusters. A neuron of joined layers has one: that of the out-neuron.
    let clusters: (in: [Int], out: [Int])?
    /// The layer whose out-neurons are the in-neurons of this one; nil if these are neurons of their own.
    let previous: Layer?
    /// How many in-neurons are one out-neuron of the previous layer: more than 1 where channels are flattened.
    let fold: Int

    /// What the names of the in-neurons begin with.
    var inputPrefix: String { previous.map { Self.prefix($0, "out") } ?? Self.prefix(layer, "in") }
    var outputPrefix: String { Self.prefix(layer, "out") }

    private static func prefix(_ layer: Layer, _ side: String) -> String { "\(TSV.escaped(layer.name))/\(side)/" }

    /// The layers of a graph.
    ///
    /// - Parameters:
    ///   - clusters: of every layer, if they were given.
    ///   - isChained: whether the out-neurons of a layer are the in-neurons of the next one.
    /// - Throws: ``Problem`` for layers that do not follow each other.
    static func layers(_ layers: [Layer], clusters: GivenClusters?, isChained: Bool) throws(Problem) -> [GraphLayer] {
        var found: [GraphLayer] = []
        for (place, layer) in layers.enumerated() {
            let previous = isChained && place > 0 ? layers[place - 1] : nil
            var fold = 1
            if let previous {
                let graph = WeightGraph([previous, layer])
                fold = try WeightGraph.fanOut(from: graph.layers[0], to: graph.layers[1])
            }
            let own = clusters.map { (in: $0[layer].inLabels.values, out: $0[layer].outLabels.values) }
            let joined = previous == nil ? nil : found.last?.clusters?.out
            found.append(
                GraphLayer(
                    layer: layer,
                    clusters: own.map { own in (joined.map { out in own.in.indices.map { out[$0 / fold] } } ?? own.in, own.out) },
                    previous: previous, fold: fold))
        }
        return found
    }

    /// How many in-neurons of joined layers have another cluster in what was given, by the layer's name.
    static func contradictions(_ layers: [GraphLayer], _ given: GivenClusters) -> [(name: String, count: Int)] {
        layers.compactMap { layer in
            let count = zip(given[layer.layer].inLabels.values, layer.clusters?.in ?? []).count { $0 != $1 }
            return count > 0 ? (layer.layer.name, count) : nil
        }
    }
}

/// A neuron of the graph.
struct GraphNode: ColumnRow {
    /// What edges call it.
    let id: String
    let layer: String
    let side: String
    let index: Int
    /// nil without given clusters.
    let cluster: Int?

    static let columns: [Column<GraphNode>] = [
        .text("id", "The neuron's name in every format: LAYER/SIDE/INDEX, with LAYER escaped as in tsv.") { $0.id },
        .text("label", "The same, for programs that show a label.") { $0.id },
        .text("layer", "The tensor's name.") { $0.layer },
        .text("side", "`out` or `in`.") { $0.side },
        .whole("index", "The neuron, from 0.") { $0.index },
        .whole("cluster", "Its cluster, from 0, or -1 for none; missing without --clusters.") { $0.cluster },
    ]
}

extension GraphLayer {
    /// Calls `body` for every neuron that is not one of the previous layer: the in-neurons, then the out-neurons.
    func forEachNode(_ body: (GraphNode) throws -> Void) rethrows {
        if previous == nil { try forEachNode("in", inputPrefix, count: layer.inNeurons, clusters?.in, body) }
        try forEachNode("out", outputPrefix, count: layer.outNeurons, clusters?.out, body)
    }

    private func forEachNode(
        _ side: String, _ prefix: String, count: Int, _ clusters: [Int]?, _ body: (GraphNode) throws -> Void
    ) rethrows {
        for index in 0..<count {
            try body(
                GraphNode(id: prefix + String(index), layer: layer.name, side: side, index: index, cluster: clusters.map { $0[index] }))
        }
    }
}
