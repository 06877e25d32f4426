import Networks

/// A part of a site's output that a patch replaces: all of it, or one head, expert, neuron or cluster.
package struct PatchedPart: Sendable, Equatable {
    /// The parts that a site is divided into.
    package enum Unit: String, Sendable, CaseIterable {
        /// The whole output.
        case site
        /// One attention head. Keys and values are those of key heads, of which a grouped-query model has fewer.
        case head
        /// What one expert of a mixture adds: its output times its weight.
        case expert
        /// One neuron of the last dimension, or one channel of images.
        case neuron
        /// The out-neurons of one cluster of a layer.
        case cluster
    }

    package let site: String
    package let node: NodeID
    package let unit: Unit
    /// Which head, expert, neuron or cluster; nil for the whole site.
    package let index: Int?
    /// The neurons of the output that are replaced; nil for all.
    package let neurons: [Int]?

    package init(site: String, node: NodeID, unit: Unit, index: Int?, neurons: [Int]?) {
        self.site = site
        self.node = node
        self.unit = unit
        self.index = index
        self.neurons = neurons
    }

    /// The site, and after a dot the head, expert, neuron or cluster.
    package var name: String { index.map { "\(site).\($0)" } ?? site }

    /// The clusters of layers, each at the node whose outputs are the layer's out-neurons; those without a neuron are left out.
    package static func clusters(of layers: [AblatedLayer], in network: Network) -> [PatchedPart] {
        layers.flatMap { layer in
            (0..<layer.clusterCount).compactMap { cluster in
                let labels = layer.clustering.outLabels
                let neurons = labels.values.indices.filter { labels[$0] == cluster }
                guard !neurons.isEmpty else { return nil }
                return PatchedPart(
                    site: network.nodes[layer.node.index].site, node: layer.node, unit: .cluster, index: cluster,
                    neurons: layer.outputs(of: neurons))
            }
        }
    }
}
