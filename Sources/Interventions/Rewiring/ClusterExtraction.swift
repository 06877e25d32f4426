import Checkpoints
import Modularity
import Networks

/// One cluster over all clustered layers as a model of its own: the neurons of the other clusters are gone.
///
/// It computes what the model computes with the others' outputs set to 0 before the nonlinearity, in all those layers at once. Neurons in no
/// cluster stay.
public struct ClusterExtraction: Sendable {
    public private(set) var rewiring: Rewiring
    /// For each layer how many neurons stay, in the layers' order.
    public private(set) var kept: [Int] = []
    /// The neurons that stay in each group of layers that are multiplied with one another.
    public private(set) var widths: [Int] = []

    /// - Throws: ``RewiringError`` where a neuron whose output is 0 still has a say, where a layer would have no neurons left, and where something
    ///   else fixes the layer's width.
    public init(_ checkpoint: Checkpoint, network: Network, layers: [AblatedLayer], cluster: Int) throws(RewiringError) {
        rewiring = Rewiring(checkpoint, network: network)
        var done: [NodeID: [Int]] = [:]
        for layer in layers {
            let subject = "layer '\(layer.layer.name)'"
            guard (0..<layer.clusterCount).contains(cluster) else {
                throw RewiringError(subject: subject, "has no cluster \(cluster)", expected: "0 to \(layer.clusterCount - 1)")
            }
            let labels = layer.clustering.outLabels
            let neurons = labels.values.indices.filter { labels[$0] == cluster || labels[$0] == Labels.none }
            guard !neurons.isEmpty else { throw RewiringError(subject: subject, "cluster \(cluster) has no neurons in it") }
            kept.append(neurons.count)
            do throws(RewiringError) {
                let node = try Rewiring.node(of: layer, in: network)
                if let known = done[node] {
                    guard known == neurons else { throw RewiringError(subject: subject, "is multiplied with a layer that has other clusters") }
                    continue
                }
                let flow = try NeuronFlow(from: node, in: network)
                try Self.checkSilence(flow, in: network)
                try rewiring.take(neurons, of: flow)
                for producer in flow.producers { done[producer] = neurons }
                widths.append(neurons.count)
            } catch {
                throw RewiringError(
                    subject: error.subject == subject ? subject : "\(subject): \(error.subject)", error.problem, expected: error.expected, found: error.found)
            }
        }
    }

    /// A neuron that is 0 must be 0 for all that reads it.
    private static func checkSilence(_ flow: NeuronFlow, in network: Network) throws(RewiringError) {
        for id in flow.mixers + flow.carriers {
            let node = network.nodes[id.index]
            switch node.operation {
            case let activation as Activation where activation.function == .sigmoid:
                throw RewiringError(site: node.site, "makes 1/2 of a neuron that is switched off: removing it changes the function")
            case is BatchNorm:
                throw RewiringError(site: node.site, "makes its bias of a channel that is switched off: removing it changes the function")
            case is LayerNorm, is RMSNorm, is Softmax:
                throw RewiringError(site: node.site, "looks at all neurons at once: removing some changes the others", found: node.operation.name)
            default: continue
            }
        }
    }
}
