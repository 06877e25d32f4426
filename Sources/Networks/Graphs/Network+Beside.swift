import Checkpoints

extension Network {
    /// What the operations of a graph read that are no part of the network: other outputs are made of it, or nothing is.
    package struct Beside: Sendable {
        /// The nodes whose outputs they read.
        package fileprivate(set) var nodes: Set<NodeID> = []
        /// The tensors that they read, as the checkpoint calls them.
        package fileprivate(set) var tensors: Set<String> = []
        /// Whether they read something that is neither.
        package fileprivate(set) var isUnclear = false
    }
}

extension GraphConversion {
    /// What is read beside the network that `order` makes.
    func beside(_ order: [Int], in network: Network) -> Network.Beside? {
        let own = Set(order)
        let makers = Dictionary(
            order.flatMap { place in model.nodes[place].outputs.map { ($0, place) } }, uniquingKeysWith: { first, _ in first })
        var beside = Network.Beside()
        func add(_ name: String) {
            if let stored = model.stored[name] {
                beside.tensors.insert(checkpoint.ties.first(stored.tensor))
            } else if makers[name] != nil || name == inputSite {
                guard let value = values[name] else { return beside.isUnclear = true }
                switch value.source {
                case .node(let site): if let node = network[site] { beside.nodes.insert(node) } else { beside.isUnclear = true }
                case .parameter(let stored): beside.tensors.insert(checkpoint.ties.first(stored.tensor))
                case .numbers: break
                }
            }
        }
        // The sizes of outputs do not depend on the order of neurons.
        for (place, node) in model.nodes.enumerated() where !own.contains(place) && !["Shape", "Size"].contains(node.operation) {
            node.inputs.forEach(add)
        }
        for output in model.outputs { add(output.name) }
        return beside
    }
}
