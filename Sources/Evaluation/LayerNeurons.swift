import Checkpoints
import Networks
import Text

/// Where the neurons of a layer's two sides are in a network, as activations: what its in-neurons are read from, and what its out-neurons
/// become, after the nonlinearity that alone reads them if there is one.
package struct LayerNeurons: Sendable {
    package let layer: Layer
    /// The node whose output the in-neurons are.
    package let read: NodeID
    /// The node whose output the out-neurons are.
    package let made: NodeID

    /// - Throws: ``Problem`` if the network does not read the layer as a matrix between two of its outputs.
    package init(_ layer: Layer, in network: Network) throws(Problem) {
        self.layer = layer
        let subject = "layer '\(layer.name)'"
        guard let parameter = network.parameter(named: layer.name) else {
            throw Problem("the network does not read it", subject: subject)
        }
        let shapes = try network.exampleShapes()
        let dimensions = network.neuronDimensions
        func neurons(_ node: NodeID) -> Int { dimensions.places(of: node, in: shapes[node.index]).neurons }
        let reader = network.readers(of: parameter).first { node in
            guard case .produces(let weights) = network.nodes[node.index].operation.neurons else { return false }
            return weights.inDimension != nil && neurons(node) == layer.outNeurons
        }
        guard let reader, let read = network.nodes[reader.index].inputs.first, neurons(read) == layer.inNeurons else {
            throw Problem(
                "its neurons are not those of two outputs of the network, and have no activations", subject: subject,
                expected: "a layer that reads \(layer.inNeurons) and makes \(layer.outNeurons) neurons")
        }
        self.read = read
        made = Self.afterNonlinearity(reader, network)
    }

    /// The nonlinearity that alone reads a node, perhaps after a norm of each neuron; the node itself without one.
    private static func afterNonlinearity(_ node: NodeID, _ network: Network) -> NodeID {
        var current = node
        while true {
            let readers = network.nodes.indices.filter { network.nodes[$0].inputs.contains(current) }
            guard readers.count == 1, network.nodes[readers[0]].inputs == [current] else { return node }
            if network.nodes[readers[0]].isActivation { return NodeID(readers[0]) }
            guard network.nodes[readers[0]].operation.neurons == .perChannel else { return node }
            current = NodeID(readers[0])
        }
    }
}
