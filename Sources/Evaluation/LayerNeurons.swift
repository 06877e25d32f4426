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
        guard let output = try Self.outputs(of: layer, in: network).first(where: \.readsNeurons), let read = output.read else {
            throw Problem(
                "its neurons are not those of two outputs of the network, and have no activations", subject: "layer '\(layer.name)'",
                expected: "a layer that reads \(layer.inNeurons) and makes \(layer.outNeurons) neurons")
        }
        self.read = read
        made = Self.afterNonlinearity(output.node, network)
    }

    /// The node whose output a layer's out-neurons are, whatever its in-neurons are.
    ///
    /// - Throws: ``Problem`` if they are the neurons of no output of the network.
    package static func made(by layer: Layer, in network: Network) throws(Problem) -> NodeID {
        guard let output = try outputs(of: layer, in: network).first else {
            throw Problem(
                "its out-neurons are not the neurons of an output of the network, and have no activations",
                subject: "layer '\(layer.name)'",
                expected: "a layer that makes \(layer.outNeurons) neurons")
        }
        return afterNonlinearity(output.node, network)
    }

    /// The outputs of the network that a layer's out-neurons are, tables aside.
    private static func outputs(of layer: Layer, in network: Network) throws(Problem) -> [LayerPlaces.Output] {
        guard let parameter = network.parameter(named: layer.name) else {
            throw Problem("the network does not read it", subject: "layer '\(layer.name)'")
        }
        _ = try network.exampleShapes()
        return LayerPlaces(of: layer, parameter, in: network).outputs.filter { $0.read != nil }
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
