import Networks
import Tensors
import Text

extension EdgeGraph {
    /// The nodes of a network that is a plain chain, whatever describes it.
    private static func chain(_ network: Network) throws(Problem) -> [NodeID] {
        do throws(ChainObstacle) {
            return try network.chain()
        } catch {
            throw Problem(
                "the network cannot be divided into nodes", expected: "a plain chain or a transformer",
                found: network.anatomy.gap ?? error.description)
        }
    }

    /// The graph of a plain chain: one input, the groups of every hidden layer, one output.
    ///
    /// - Parameter groups: of a hidden layer's neurons by its node; nil if every neuron is a node.
    static func chain(_ network: Network, _ granularity: EdgeGranularity, groups: [NodeID: [NeuronGroup]]?) throws(Problem)
        -> EdgeGraph
    {
        let layers = try chain(network).filter { (network.nodes[$0.index].operation as? any LayerOperation)?.kind == .weights }
        guard layers.count > 1 else { throw Problem("the network has no hidden layer", expected: "two layers with weights or more") }
        var builder = EdgeGraphBuilder(network, input: network.nodes[layers[0].index].inputs[0])
        var visible = 0..<1
        var spaces = [visible]
        for (place, layer) in layers.enumerated() {
            let stream = network.nodes[layer.index].inputs[0]
            let width = builder.width(of: layer)
            guard place + 1 < layers.count else {
                let slice = try builder.slice(of: layer, rows: nil, target: 0, width: width)
                try builder.add(
                    [
                        EdgeGraphBuilder.Draft(
                            readers: [("logits", [slice], 0..<0)], targets: [EdgeUnit.Target(node: layer, channels: Array(0..<width))],
                            steps: try builder.steps(from: [layer], to: network.output), output: network.output)
                    ], reading: visible, space: place, stream: stream, norm: nil, emission: network.output, constant: nil, isOutput: true)
                break
            }
            let emission = network.nodes[layers[place + 1].index].inputs[0]
            let site = network.nodes[layer.index].site
            let parts = groups.map { $0[layer] ?? [NeuronGroup(name: "all", neurons: Array(0..<width))] } ?? NeuronGroup.single(width)
            var units: [EdgeGraphBuilder.Draft] = []
            for part in parts {
                let isWhole = part.neurons.count == width
                let slice = try builder.slice(of: layer, rows: isWhole ? nil : part.neurons, target: 0, width: width)
                let name = part.name == "all" ? site : "\(site).\(part.name)"
                units.append(
                    EdgeGraphBuilder.Draft(
                        readers: [(name, [slice], 0..<1)], targets: [EdgeUnit.Target(node: layer, channels: part.neurons)],
                        steps: try builder.steps(from: [layer], to: emission, channels: isWhole ? nil : part.neurons, of: width),
                        output: emission,
                        sources: [(name, isWhole ? nil : part.neurons, isWhole ? .output : .channels(part.neurons, of: width))]))
            }
            let first = builder.sourceCount
            try builder.add(units, reading: visible, space: place, stream: stream, norm: nil, emission: emission, constant: nil)
            visible = first..<builder.sourceCount
            spaces.append(visible)
        }
        return builder.graph(granularity, spaces: spaces, beginnings: Array(0..<spaces.count - 1), answer: .lastPosition)
    }

    /// The graph of a network.
    ///
    /// - Parameter groups: for ``EdgeGranularity/cluster``, the groups of each layer that is cut, by the node whose output its neurons are.
    /// - Throws: ``Problem`` if the network cannot be cut so.
    package init(_ network: Network, _ granularity: EdgeGranularity, groups: [NodeID: [NeuronGroup]] = [:]) throws(Problem) {
        if granularity == .cluster, groups.isEmpty { throw Problem("no layer of the network has clusters") }
        let hasBlocks = !network.anatomy.blocks.isEmpty
        let isOfTokens = if case .tokens = network.input { true } else { false }
        if isOfTokens || hasBlocks {
            if granularity == .expert, !network.anatomy.blocks.contains(where: { $0.experts != nil }) {
                throw Problem("the model has no experts", expected: "a mixture of experts")
            }
            var groups = groups
            if granularity == .neuron {
                for mlp in network.anatomy.blocks.compactMap(\.mlp) {
                    let layer = mlp.layers[0]
                    groups[layer] = NeuronGroup.single(EdgeGraphBuilder(network, input: layer).width(of: layer))
                }
            }
            self = try .transformer(network, granularity, groups: [.component, .expert].contains(granularity) ? [:] : groups)
            try checkThatSomeAreNodes(groups, granularity)
            return
        }
        _ = try Self.chain(network)
        guard granularity != .component, granularity != .expert else {
            throw Problem(
                "a plain chain has no heads and no residual stream",
                hint: .usePartsOfChain)
        }
        self = try .chain(network, granularity, groups: granularity == .neuron ? nil : groups)
        try checkThatSomeAreNodes(groups, granularity)
    }

    private func checkThatSomeAreNodes(_ groups: [NodeID: [NeuronGroup]], _ granularity: EdgeGranularity) throws(Problem) {
        // A layer of one cluster stays whole.
        guard granularity == .cluster, groups.values.contains(where: { $0.count > 1 }), !groups.keys.contains(where: cuts) else { return }
        throw Problem(
            "none of the layers with clusters can be divided into nodes",
            expected: "clusters of an MLP's input matrix, or of a hidden layer of a chain",
            found: groups.keys.sorted().map { "'\(network.nodes[$0.index].site)'" }.listed())
    }
}
