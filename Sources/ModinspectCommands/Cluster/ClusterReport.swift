import Modularity
import Text

/// How a checkpoint was clustered: the head of json and of every line of jsonl.
struct ClusterSetting: Encodable {
    static let schema = "modinspect.cluster/1"

    let method: String
    /// The data of the gradients or activations; nil for methods that read none.
    let data: String?
    /// The samples of a batch of it.
    let batch: Int?
    /// The n-cut of the graph of all layers, for the network method.
    let networkNcut: Double?
}

/// One layer's clusters and their scores.
struct ClusteredLayer: ColumnRow {
    let layer: String
    /// The requested number of clusters.
    let k: Int
    let clusterability: Double?
    /// The cluster of every out-neuron, -1 for one without weights or gradient.
    let out: [Int]
    /// The cluster of every in-neuron, likewise.
    let `in`: [Int]
    /// Falling, the trivial one first.
    let singularValues: [Double]

    static let columns: [Column<ClusteredLayer>] = [
        .text("layer", "The tensor's name.") { $0.layer },
        .whole("k", "The requested number of clusters; some may be empty.") { $0.k },
        .number("clusterability", "The share of squared weight inside clusters; missing for a layer of zeros.") { $0.clusterability },
        .json("out", "The cluster of each out-neuron, from 0, or -1 for a neuron without weights or gradient.") { $0.out },
        .json("in", "The cluster of each in-neuron, likewise.") { $0.in },
        .json("singularValues", "In descending order, the trivial one first; empty if the method needs none.") { $0.singularValues },
    ]

    init(_ layer: ModelAnalysis.Layer) {
        self.layer = layer.clustering.layer
        k = layer.clustering.clusterCount
        clusterability = layer.measures.clusterability
        out = layer.clustering.outLabels.values
        `in` = layer.clustering.inLabels.values
        singularValues = layer.clustering.singularValues
    }

    /// The rows of the layer in tsv, out-neurons first.
    func write(tsv text: inout ByteText) {
        let name = TSV.escaped(layer)
        for (side, labels) in [("out", out), ("in", self.in)] {
            for (index, label) in labels.enumerated() {
                text.append(text: name)
                text.append(text: "\t\(side)\t")
                text.append(index)
                text.append("\t")
                text.append(label)
                text.append("\n")
            }
        }
    }

    /// The layer as text: its score, and the sizes of its clusters on both sides.
    func text() -> String {
        let score = clusterability.map(ByteText.rounded) ?? "nan"
        let facts = "\(out.count) x \(self.in.count)  k = \(k)  clusterability \(score)\n"
        let name = layer.singleLine
        // A name that is too long is on its own line.
        let isShort = TextWidth.of(name) + TextWidth.of(facts) + 1 <= TextWidth.columns
        var text = name + (isShort ? "  " : "\n  ") + facts
        let (outSizes, inSizes) = (Labels(out), Labels(self.in))
        var table = TextTable([("cluster", .right), ("out", .right), ("in", .right)])
        for (cluster, sizes) in zip(outSizes.sizes(clusters: k), inSizes.sizes(clusters: k)).enumerated() {
            table.add(["\(cluster)", "\(sizes.0)", "\(sizes.1)"])
        }
        if outSizes.isolatedCount + inSizes.isolatedCount > 0 {
            table.add(["none", "\(outSizes.isolatedCount)", "\(inSizes.isolatedCount)"])
        }
        text += table.text(indent: 2)
        return text
    }
}
