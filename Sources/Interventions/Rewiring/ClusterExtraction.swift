import Checkpoints
import Modularity
import Networks
import Text

/// One cluster of all clustered layers as a separate model, without the neurons of the other clusters.
///
/// It computes what the model computes with the others' outputs set to 0 before the nonlinearity, in all those layers at once: the
/// constants that these still produce after a sigmoid or a batch norm are added to the biases of the layers that read them, see
/// ``SilencedNeurons``. Neurons in no cluster stay.
package struct ClusterExtraction: Sendable {
    package private(set) var rewiring: Rewiring
    /// For each layer how many neurons stay, in the layers' order.
    package private(set) var kept: [Int] = []
    /// The neurons that stay in each group of layers that are multiplied with one another.
    package private(set) var widths: [Int] = []

    /// The MLPs that are changed, by their kind.
    package private(set) var mlps: [NarrowedMLPs] = []

    /// - Throws: ``Problem`` if the effect of a removed neuron cannot be added to a bias, if a layer would have no neurons left, or
    ///   if something else fixes the layer's width.
    package init(_ checkpoint: Checkpoint, network: Network, layers: [AblatedLayer], cluster: Int) throws(Problem) {
        rewiring = Rewiring(checkpoint, network: network)
        var done: [NodeID: [Int]] = [:]
        for layer in layers {
            let subject = "layer '\(layer.layer.name)'"
            guard (0..<layer.clusterCount).contains(cluster) else {
                throw Problem(subject: subject, "has no cluster \(cluster)", expected: "0 to \(layer.clusterCount - 1)")
            }
            let labels = layer.clustering.outLabels
            let neurons = labels.values.indices.filter { labels[$0] == cluster || labels[$0] == Labels.none }
            guard !neurons.isEmpty else { throw Problem(subject: subject, "cluster \(cluster) has no neurons in it") }
            kept.append(neurons.count)
            do throws(Problem) {
                let node = try Rewiring.node(of: layer, in: network)
                if let known = done[node] {
                    guard known == neurons else {
                        throw Problem(subject: subject, "is multiplied with a layer that has other clusters")
                    }
                    continue
                }
                let flow = try NeuronFlow(from: node, in: network)
                let staying = Set(neurons)
                let silenced = try SilencedNeurons(
                    flow, silenced: Set(layers.map(\.node)).intersection(flow.producers),
                    removed: (0..<flow.count).filter { !staying.contains($0) },
                    in: network)
                try rewiring.take(neurons, of: flow)
                try rewiring.add(silenced.additions)
                for producer in flow.producers { done[producer] = neurons }
                widths.append(neurons.count)
            } catch {
                throw error.subject == subject ? error : error.within(subject)
            }
        }
        mlps = NarrowedMLPs.all(network, kept: done.mapValues(\.count))
    }
}

/// The MLPs of one kind that lose neurons.
package struct NarrowedMLPs: Sendable, Equatable {
    package enum Kind: Sendable, CaseIterable {
        /// The only one of its block.
        case plain
        /// An expert of a mixture.
        case expert
        /// The expert of a mixture that works on every position.
        case shared
    }

    package let kind: Kind
    /// How many of this kind the model has.
    package let total: Int
    /// How many neurons those have left that lose some.
    package let widths: [Int]

    package init(kind: Kind, total: Int, widths: [Int]) {
        self.kind = kind
        self.total = total
        self.widths = widths
    }

    /// - Parameter kept: the neurons that stay, by the layers that produce them.
    static func all(_ network: Network, kept: [NodeID: Int]) -> [NarrowedMLPs] {
        Kind.allCases.compactMap { kind in
            let parts = network.anatomy.blocks.flatMap { block -> [MLPPart] in
                switch kind {
                case .plain: [block.mlp].compactMap { $0 }
                case .expert: block.experts?.experts ?? []
                case .shared: [block.experts?.shared].compactMap { $0 }
                }
            }
            let widths = parts.compactMap { part in part.layers.compactMap { kept[$0] }.first }
            return widths.isEmpty ? nil : NarrowedMLPs(kind: kind, total: parts.count, widths: widths)
        }
    }
}
