import Checkpoints
import Modularity
import Networks
import Text

/// A checkpoint whose neurons are in the order of their clusters, so that a modular layer is block-diagonal; it computes the same function.
package struct ClusterOrder: Sendable {
    package private(set) var rewiring: Rewiring
    /// The clusters of the layers in the new order.
    package private(set) var clusterings: [LayerClustering] = []
    /// The layers whose in-neurons stay where they are: they are the model's inputs, a sum of layers, or in the order of the clusters that
    /// the layer before them has.
    package private(set) var fixedInputs: [String] = []

    /// Orders the out-neurons of each layer by its clusters; then the in-neurons of each by its clusters, where these are another layer's
    /// out-neurons and that has no clusters itself. Neurons of one cluster keep their order; those in none come last.
    ///
    /// - Throws: ``Problem`` if something else fixes the order of a layer's neurons.
    package init(_ checkpoint: Checkpoint, network: Network, layers: [AblatedLayer]) throws(Problem) {
        rewiring = Rewiring(checkpoint, network: network)
        var orders: [NodeID: [Int]] = [:]
        func record(_ flow: NeuronFlow, _ order: [Int]) { for producer in flow.producers { orders[producer] = order } }
        for layer in layers {
            let flow: NeuronFlow
            let subject = "layer '\(layer.layer.name)'"
            do throws(Problem) {
                flow = try NeuronFlow(from: try Rewiring.node(of: layer, in: network), in: network)
            } catch {
                throw error.subject == subject ? error : error.within(subject)
            }
            let order = Self.order(layer.clustering.outLabels)
            if let known = orders[layer.node] {
                guard known == order else {
                    throw Problem(subject: "layer '\(layer.layer.name)'", "is multiplied with a layer that has other clusters")
                }
                continue
            }
            try rewiring.take(order, of: flow)
            record(flow, order)
        }
        for layer in layers {
            let labels = layer.clustering.inLabels
            if let producer = NeuronFlow.producer(before: layer.node, in: network), orders[producer] == nil,
                let flow = try? NeuronFlow(from: producer, in: network),
                let order = Self.order(labels, places: labels.count / max(flow.count, 1)),
                order.count == flow.count, !rewiring.covers(flow)
            {
                try rewiring.take(order, of: flow)
                record(flow, order)
            }
        }
        for layer in layers {
            let producer = NeuronFlow.producer(before: layer.node, in: network)
            let order = producer.flatMap { orders[$0] }
            var labels = layer.clustering.inLabels
            if let order, !order.isEmpty {
                let places = labels.count / order.count
                labels = Labels(order.flatMap { neuron in (0..<places).map { layer.clustering.inLabels[neuron * places + $0] } })
            }
            if !Self.isContiguous(labels) { fixedInputs.append(layer.layer.name) }
            clusterings.append(
                LayerClustering(
                    layer: layer.layer.name, clusterCount: layer.clusterCount,
                    outLabels: Labels(Self.order(layer.clustering.outLabels).map { layer.clustering.outLabels[$0] }), inLabels: labels))
        }
    }

    private static func order(_ labels: Labels) -> [Int] {
        func rank(_ neuron: Int) -> Int { labels[neuron] == Labels.none ? Int.max : labels[neuron] }
        return labels.values.indices.sorted { (rank($0), $0) < (rank($1), $1) }
    }

    /// The order of neurons that have several places each; nil if the places of one are in different clusters.
    private static func order(_ labels: Labels, places: Int) -> [Int]? {
        guard places > 0, labels.count % places == 0 else { return nil }
        var firsts: [Int] = []
        for neuron in 0..<labels.count / places {
            let own = labels.values[neuron * places..<(neuron + 1) * places].filter { $0 != Labels.none }
            guard Set(own).count <= 1 else { return nil }
            firsts.append(own.first ?? Labels.none)
        }
        return order(Labels(firsts))
    }

    private static func isContiguous(_ labels: Labels) -> Bool {
        zip(labels.values, labels.values.dropFirst()).allSatisfy { $0 == $1 || $0 != Labels.none && ($1 > $0 || $1 == Labels.none) }
    }
}
