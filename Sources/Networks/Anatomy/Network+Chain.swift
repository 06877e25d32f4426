extension Network {
    /// The nodes of a plain chain, each of which reads the one before it alone, from the first that reads the samples on.
    ///
    /// - Throws: ``ChainObstacle`` where the network is none.
    package func chain() throws(ChainObstacle) -> [NodeID] {
        if !anatomy.layers.isEmpty { return anatomy.layers.map(\.node) }
        var chain: [NodeID] = []
        var node = output
        while !(nodes[node.index].operation is InputOperation) {
            let inputs = nodes[node.index].inputs
            guard inputs.count == 1 else { throw ChainObstacle(network: self, node: node) }
            chain.append(node)
            node = inputs[0]
        }
        return chain.reversed()
    }
}

/// What makes a network something else than a plain chain: a node that reads several outputs, or none.
package struct ChainObstacle: Error, CustomStringConvertible {
    package let description: String

    init(network: Network, node: NodeID) {
        let node = network.nodes[node.index]
        description = "'\(node.operation.name)' of \(node.inputs.count) outputs at site '\(node.site)'"
    }
}
