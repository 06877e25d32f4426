import Networks
import Tensors

extension EdgeGraph {
    /// The graph of a transformer.
    ///
    /// - Parameter groups: of the MLPs that are cut, by the node of their neurons before the activation.
    static func transformer(_ network: Network, _ granularity: EdgeGranularity, groups: [NodeID: [NeuronGroup]]) throws(EdgeGraphError)
        -> EdgeGraph
    {
        guard let input = network["blocks.0.hook_resid_pre"] else { throw EdgeGraphError("the network has no stream of blocks") }
        var blocks = TransformerEdges(EdgeGraphBuilder(network, input: input), network)
        var block = 0
        while let z = network["blocks.\(block).attn.hook_z"] {
            try blocks.addAttention(block, z: z)
            if let pre = network["blocks.\(block).mlp.hook_pre"] {
                // The two input matrices of a gated MLP have the same neurons.
                let linear = network["blocks.\(block).mlp.hook_pre_linear"]
                try blocks.addMLP(block, pre: pre, groups: groups[pre] ?? linear.flatMap { groups[$0] })
            }
            block += 1
        }
        return try blocks.graph(granularity)
    }
}

/// Adds the attention and the MLP of one block after the other.
private struct TransformerEdges {
    private var builder: EdgeGraphBuilder
    private let network: Network
    /// The sum of the biases that no source holds.
    private var constant: Tensor?
    /// The sources before the present block, the biases that they do not hold, and what its attention reads.
    private var before: (count: Int, constant: Tensor?, stream: NodeID) = (1, nil, NodeID(0))

    init(_ builder: EdgeGraphBuilder, _ network: Network) {
        self.builder = builder
        self.network = network
    }

    /// The layer behind a query, key or value, and the rows of it that its elements are.
    private func projection(_ site: String) throws(EdgeGraphError) -> (target: NodeID, layer: NodeID, rows: (Int) -> Int) {
        guard let target = network[site] else { throw EdgeGraphError("the network has no site '\(site)'") }
        let node = network.nodes[target.index]
        guard let slice = node.operation as? Slice else { return (target, target, { $0 }) }
        return (target, node.inputs[0], { slice.start + $0 / slice.length * slice.stride + $0 % slice.length })
    }

    mutating func addAttention(_ block: Int, z: NodeID) throws(EdgeGraphError) {
        let site = "blocks.\(block).attn"
        guard let values = network.nodes[z.index].operation as? AttentionValues,
            let attention = network.nodes[z.index].fusion?.operation as? Attention,
            let fused = network.nodes[z.index].fusion?.inputs, let output = network["blocks.\(block).hook_attn_out"],
            let product = network.nodes[output.index].operation as? Linear
        else { throw EdgeGraphError("site '\(site)': no attention that can be cut into heads") }
        let sizes = values.heads
        let (group, dimension) = (sizes.heads / sizes.keyHeads, sizes.headDimension)
        let parts = [try projection("\(site).hook_q"), try projection("\(site).hook_k"), try projection("\(site).hook_v")]
        let weights = network.nodes[output.index].parameters.map { network.values[$0] }
        let before = builder.sourceCount
        let (stream, norm) = builder.reading(of: parts[0].layer)
        self.before = (before, constant, stream)

        var units: [EdgeGraphBuilder.Draft] = []
        for key in 0..<sizes.keyHeads {
            let heads = key * group..<(key + 1) * group
            var targets: [EdgeUnit.Target] = []
            var readers: [(name: String, slices: [EdgeUnit.ReaderSlice], writes: Range<Int>)] = []
            for (place, part) in parts.enumerated() {
                // The heads that share a key head have queries of their own; one of them alone owns its key and its value.
                let members = place == 0 ? Array(heads) : [key]
                targets.append(
                    EdgeUnit.Target(node: part.target, channels: members.flatMap { Array($0 * dimension..<($0 + 1) * dimension) }))
                for (index, member) in members.enumerated() {
                    let rows = (member * dimension..<(member + 1) * dimension).map(part.rows)
                    let slice = try builder.slice(of: part.layer, rows: rows, target: place, at: index * dimension, width: dimension)
                    let owner = place > 0 && group > 1 ? "kv\(member)" : "h\(member)"
                    readers.append(("a\(block).\(owner)<\(["q", "k", "v"][place])>", [slice], place == 0 ? index..<index + 1 : 0..<group))
                }
            }
            var steps: [UnitStep] = []
            for (read, part) in zip(fused, parts) where read != part.target {
                // Rotary positions turn each head alone.
                steps.append(UnitStep(operation: network.nodes[read.index].operation, inputs: [part.target], parameters: [], output: read))
            }
            let operation = Attention(heads: group, keyHeads: 1, headDimension: dimension, scale: attention.scale, mask: attention.mask)
            steps.append(UnitStep(operation: operation, inputs: fused, parameters: [], output: z))
            let sources = heads.enumerated().map { index, head in
                let columns = Array(head * dimension..<(head + 1) * dimension)
                return (
                    name: "a\(block).h\(head)", emitted: Optional(columns),
                    writing: EdgeUnit.Writing.product(
                        channels: index * dimension..<(index + 1) * dimension,
                        weight: WeightSlices.inputs(columns, of: weights[0], product.layout))
                )
            }
            units.append(EdgeGraphBuilder.Draft(readers: readers, targets: targets, steps: steps, output: z, sources: sources))
        }
        try builder.add(units, reading: 0..<before, space: 0, stream: stream, norm: norm, emission: z, constant: constant)
        if weights.count > 1 { addConstant(weights[1]) }
    }

    mutating func addMLP(_ block: Int, pre: NodeID, groups: [NeuronGroup]?) throws(EdgeGraphError) {
        guard let post = network["blocks.\(block).mlp.hook_post"], let output = network["blocks.\(block).hook_mlp_out"],
            let product = network.nodes[output.index].operation as? Linear
        else { throw EdgeGraphError("site 'blocks.\(block).mlp': no MLP that can be cut") }
        let (stream, norm) = builder.reading(of: pre)
        // Where attention reads the same stream, its heads are not among what this MLP reads.
        let isParallel = stream == before.stream
        let visible = isParallel ? before.count : builder.sourceCount
        let known = isParallel ? before.constant : constant
        let layers = [pre] + [network["blocks.\(block).mlp.hook_pre_linear"]].compactMap { $0 }
        let width = builder.width(of: pre)
        var units: [EdgeGraphBuilder.Draft] = []
        if let groups {
            let weights = network.nodes[output.index].parameters.map { network.values[$0] }
            let steps = try builder.steps(from: Set(layers), to: post, channels: [])
            for group in groups {
                var slices: [EdgeUnit.ReaderSlice] = []
                for (place, layer) in layers.enumerated() {
                    slices.append(try builder.slice(of: layer, rows: group.neurons, target: place, width: width))
                }
                let name = "m\(block).\(group.name)"
                units.append(
                    EdgeGraphBuilder.Draft(
                        readers: [(name, slices, 0..<1)], targets: layers.map { EdgeUnit.Target(node: $0, channels: group.neurons) },
                        steps: steps,
                        output: post,
                        sources: [
                            (
                                name, group.neurons,
                                .product(
                                    channels: 0..<group.neurons.count,
                                    weight: WeightSlices.inputs(group.neurons, of: weights[0], product.layout))
                            )
                        ]))
            }
            try builder.add(units, reading: 0..<visible, space: 0, stream: stream, norm: norm, emission: post, constant: known)
            if weights.count > 1 { addConstant(weights[1]) }
            return
        }
        var slices: [EdgeUnit.ReaderSlice] = []
        for (place, layer) in layers.enumerated() { slices.append(try builder.slice(of: layer, rows: nil, target: place, width: width)) }
        units.append(
            EdgeGraphBuilder.Draft(
                readers: [("m\(block)", slices, 0..<1)], targets: layers.map { EdgeUnit.Target(node: $0, channels: Array(0..<width)) },
                steps: try builder.steps(from: Set(layers), to: output), output: output, sources: [("m\(block)", nil, .output)]))
        try builder.add(units, reading: 0..<visible, space: 0, stream: stream, norm: norm, emission: output, constant: known)
    }

    mutating func graph(_ granularity: EdgeGranularity) throws(EdgeGraphError) -> EdgeGraph {
        let output = network.output
        let (stream, norm) = builder.reading(of: output)
        let width = builder.width(of: output)
        let all = builder.sourceCount
        let slice = try builder.slice(of: output, rows: nil, target: 0, width: width)
        try builder.add(
            [
                EdgeGraphBuilder.Draft(
                    readers: [("logits", [slice], 0..<0)], targets: [EdgeUnit.Target(node: output, channels: Array(0..<width))], steps: [],
                    output: output)
            ], reading: 0..<all, space: 0, stream: stream, norm: norm, emission: output, constant: constant, isOutput: true)
        return builder.graph(granularity, spaces: [0..<all])
    }

    private mutating func addConstant(_ bias: Tensor) {
        let sum = bias.copied()
        if let constant { Elementwise.add(constant, to: sum, team: Team(size: 1)) }
        constant = sum
    }
}
