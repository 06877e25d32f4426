import Checkpoints
import Modularity
import Networks
import Tensors

/// The interventions on one layer: its own clusters, and random ones of the same sizes.
struct AblationPlan: Sendable {
    /// One switch of one cluster of one clustering.
    struct Item: Sendable {
        let kind: ClusterAblation.Switch
        let cluster: Int
        /// 0 for the given clustering, then the random ones.
        let clustering: Int
        /// The out-neurons that are switched, and the elements of the node's output that they are.
        let neurons: [Int]
        let outputs: [Int]
    }

    let layer: AblatedLayer
    let items: [Item]
    /// For each clustering the clusters of the in-neurons.
    private let inLabels: [Labels]
    private let outLabels: [Labels]

    init(_ layer: AblatedLayer, ablation: ClusterAblation) {
        self.layer = layer
        var out = [layer.clustering.outLabels]
        var input = [layer.clustering.inLabels]
        for control in 0..<ablation.controls {
            out.append(Self.shuffled(out[0], seed: ablation.seed, purpose: "ablation control out", layer.layer, control))
            input.append(Self.shuffled(input[0], seed: ablation.seed, purpose: "ablation control in", layer.layer, control))
        }
        var items: [Item] = []
        for (place, labels) in out.enumerated() {
            for kind in ClusterAblation.Switch.allCases {
                for cluster in 0..<layer.clusterCount {
                    let neurons = labels.values.indices.filter {
                        labels[$0] != Labels.none && (labels[$0] == cluster) == (kind == .off)
                    }
                    items.append(
                        Item(kind: kind, cluster: cluster, clustering: place, neurons: neurons, outputs: layer.outputs(of: neurons)))
                }
            }
        }
        self.items = items
        outLabels = out
        inLabels = input
    }

    /// The same labels on other neurons; those in no cluster stay where they are.
    private static func shuffled(_ labels: Labels, seed: UInt64, purpose: String, _ layer: Layer, _ index: Int) -> Labels {
        var generator = SeededGenerator(seed: seed, purpose: purpose, layer: layer.place, index: index)
        var values = labels.values
        let places = values.indices.filter { values[$0] != Labels.none }
        var moved = places.map { values[$0] }
        moved.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        for (place, label) in zip(places, moved) { values[place] = label }
        return Labels(values)
    }

    /// Which rows and columns of the weights an item leaves: OFF removes the cluster's rows and columns, ON all others.
    func kept(_ item: Item) -> (rows: [Bool], columns: [Bool]) {
        func keeps(_ labels: Labels) -> [Bool] {
            labels.values.map { $0 == Labels.none || ($0 == item.cluster) == (item.kind == .on) }
        }
        return (keeps(outLabels[item.clustering]), keeps(inLabels[item.clustering]))
    }
}
