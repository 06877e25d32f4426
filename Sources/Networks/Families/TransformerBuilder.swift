import Checkpoints

/// Makes the network of any ``TransformerDescription`` from a checkpoint's tensors.
///
/// The sites are TransformerLens's hooks. `hook_q`, `hook_k` and `hook_v` are [samples, length, heads * head dimension], before
/// rotary positions. `hook_normalized` is a norm's whole output, where TransformerLens's comes before its weight and bias. Sites
/// without a hook of TransformerLens: `attn.qkv`, one product that queries, keys and values are cut from; `mlp.gate`, a gate behind
/// its activation; `unembed`, the logits.
struct TransformerBuilder {
    private let description: TransformerDescription
    private let names: CheckpointNames
    private var builder: NetworkBuilder

    /// The network of a described transformer.
    ///
    /// - Throws: ``NetworkError`` naming a tensor that is missing or has another shape.
    static func network(
        of description: TransformerDescription, names: CheckpointNames, checkpoint: Checkpoint, catalog: LayerCatalog
    ) throws(NetworkError) -> Network {
        var builder = TransformerBuilder(description: description, names: names, builder: NetworkBuilder(checkpoint))
        return try builder.build(checkpoint, catalog)
    }

    private mutating func build(_ checkpoint: Checkpoint, _ catalog: LayerCatalog) throws(NetworkError) -> Network {
        let output = try OutputMatrix(description, names, checkpoint)
        let table = try output.embedding(checkpoint)
        var embeddings = [
            builder.add(
                "hook_embed", Embedding(layout: description.embedding.layout, scale: description.embeddingScale),
                parameters: [try builder.parameter(table.name, shape: table.shape)])
        ]
        var bound: Int?
        if case .learned(let name, let count) = description.positions {
            let parameter = try builder.parameter(try names.fullName(name), shape: [count, description.width])
            embeddings.append(builder.add("hook_pos_embed", PositionEmbedding(layout: .rows), parameters: [parameter]))
            bound = count
        }
        var stream = ResidualStream(of: embeddings, site: "blocks.0.hook_resid_pre", in: &builder)
        for block in 0..<description.blocks {
            if block > 0 { stream.mark("blocks.\(block).hook_resid_pre", in: &builder) }
            try add(block, to: &stream)
        }
        let final = try norm("ln_final", description.finalNorm, of: stream.current)
        let matrix = try output.matrix(checkpoint)
        let parameter = try builder.parameter(matrix.name, shape: matrix.shape)
        let logits = builder.add("unembed", Linear(layout: matrix.layout), [final], parameters: [parameter])
        return try builder.network(
            input: .tokens(vocabulary: table.entries, positions: bound), output: logits, outputWidth: matrix.entries,
            ignoring: { name in name == output.unusedTwin || checkpoint[name].map { !catalog.isParameter($0) } ?? true })
    }

    private mutating func add(_ block: Int, to stream: inout ResidualStream) throws(NetworkError) {
        let site = "blocks.\(block)"
        let read = try norm("\(site).ln1", description.attention.norm.map { named($0, in: block) }, of: stream.current)
        let attention = try addAttention(block, reading: read)
        guard let mlp = description.mlp else {
            stream.write([attention], site: "\(site).hook_resid_post", in: &builder)
            return
        }
        if case .sequential = description.residual { stream.write([attention], site: "\(site).hook_resid_mid", in: &builder) }
        let second = try norm("\(site).ln2", mlp.norm.map { named($0, in: block) }, of: stream.current)
        let neurons = try addMLP(mlp, block, reading: second)
        switch description.residual {
        case .sequential: stream.write([neurons], site: "\(site).hook_resid_post", in: &builder)
        case .parallel: stream.write([attention, neurons], site: "\(site).hook_resid_post", in: &builder)
        }
    }

    private mutating func addAttention(_ block: Int, reading input: NodeID) throws(NetworkError) -> NodeID {
        let attention = description.attention
        let (heads, keyHeads, dimension) = (attention.heads, attention.keyHeads, attention.headDimension)
        let site = "blocks.\(block).attn"
        var (query, key, value) = try addProjections(block, reading: input)
        if case .rotary(let rotary) = description.positions, rotary.rotated > 0 {
            let operation = Rotary(
                headDimension: dimension, rotated: rotary.rotated, frequencies: rotary.frequencies, pairing: .halves)
            query = builder.add("\(site).hook_rot_q", operation, [query])
            key = builder.add("\(site).hook_rot_k", operation, [key])
        }
        let scale = attention.scale(inBlock: block)
        let mask = attention.mask(inBlock: block)
        let scores = builder.add(
            "\(site).hook_attn_scores",
            AttentionScores(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: mask), [query, key])
        let pattern = builder.add("\(site).hook_pattern", Softmax(), [scores])
        let fusion = Node.Fusion(
            operation: Attention(heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, mask: mask),
            inputs: [query, key, value], replaces: [scores, pattern])
        let mixed = builder.add(
            "\(site).hook_z", AttentionValues(heads: heads, keyHeads: keyHeads, headDimension: dimension), [pattern, value], fusion: fusion)
        return try linear(
            "blocks.\(block).hook_attn_out", named(attention.output, in: block), of: mixed, from: heads * dimension, to: description.width)
    }

    private mutating func addProjections(_ block: Int, reading input: NodeID) throws(NetworkError) -> (NodeID, NodeID, NodeID) {
        let attention = description.attention
        let (width, dimension) = (description.width, attention.headDimension)
        let site = "blocks.\(block).attn"
        switch attention.projections {
        case .separate(let query, let key, let value):
            let keys = attention.keyHeads * dimension
            return (
                try linear("\(site).hook_q", named(query, in: block), of: input, from: width, to: attention.heads * dimension),
                try linear("\(site).hook_k", named(key, in: block), of: input, from: width, to: keys),
                try linear("\(site).hook_v", named(value, in: block), of: input, from: width, to: keys)
            )
        case .fused(let tensors, let order):
            let all = attention.heads * dimension
            let product = try linear("\(site).qkv", named(tensors, in: block), of: input, from: width, to: 3 * all)
            let parts = (0..<3).map { part in
                switch order {
                case .byKind: Slice(start: part * all, length: all)
                case .byHead: Slice(start: part * dimension, length: dimension, stride: 3 * dimension, blocks: attention.heads)
                }
            }
            return (
                builder.add("\(site).hook_q", parts[0], [product]), builder.add("\(site).hook_k", parts[1], [product]),
                builder.add("\(site).hook_v", parts[2], [product])
            )
        }
    }

    private mutating func addMLP(_ mlp: MLPDescription, _ block: Int, reading input: NodeID) throws(NetworkError) -> NodeID {
        let site = "blocks.\(block).mlp"
        let width = description.width
        let post: NodeID
        if let gate = mlp.gate {
            let pre = try linear("\(site).hook_pre", named(gate, in: block), of: input, from: width, to: mlp.width)
            let gated = builder.add("\(site).gate", Activation(mlp.activation), [pre])
            let up = try linear("\(site).hook_pre_linear", named(mlp.input, in: block), of: input, from: width, to: mlp.width)
            post = builder.add("\(site).hook_post", GatedProduct(), [gated, up])
        } else {
            let pre = try linear("\(site).hook_pre", named(mlp.input, in: block), of: input, from: width, to: mlp.width)
            post = builder.add("\(site).hook_post", Activation(mlp.activation), [pre])
        }
        return try linear("blocks.\(block).hook_mlp_out", named(mlp.output, in: block), of: post, from: mlp.width, to: width)
    }

    /// A linear layer of tensors that are named in the model.
    private mutating func linear(
        _ site: String, _ tensors: LinearTensors, of input: NodeID, from inputs: Int, to outputs: Int
    ) throws(NetworkError) -> NodeID {
        let shape = tensors.layout == .outIn ? [outputs, inputs] : [inputs, outputs]
        var parameters = [try builder.parameter(try names.fullName(tensors.weight), shape: shape, stored: tensors.stored)]
        if let bias = tensors.bias { parameters.append(try builder.parameter(try names.fullName(bias), shape: [outputs])) }
        return builder.add(site, Linear(layout: tensors.layout), [input], parameters: parameters)
    }

    /// The norm before a reader; the stream itself where the model has none.
    private mutating func norm(_ module: String, _ tensors: NormTensors?, of input: NodeID) throws(NetworkError) -> NodeID {
        guard let tensors else { return input }
        var parameters = [try builder.parameter(try names.fullName(tensors.weight), shape: [description.width])]
        if let bias = tensors.bias { parameters.append(try builder.parameter(try names.fullName(bias), shape: [description.width])) }
        let site = module + ".hook_normalized"
        switch description.norm {
        case .none: return input
        case .layer(let epsilon): return builder.add(site, LayerNorm(epsilon: epsilon), [input], parameters: parameters)
        case .rootMeanSquare(let epsilon, let offset):
            return builder.add(site, RMSNorm(epsilon: epsilon, offset: offset), [input], parameters: parameters)
        }
    }

    private func named(_ tensors: NormTensors, in block: Int) -> NormTensors {
        let front = "\(description.blockName).\(block)."
        return NormTensors(weight: front + tensors.weight, bias: tensors.bias.map { front + $0 })
    }

    private func named(_ tensors: LinearTensors, in block: Int) -> LinearTensors {
        let front = "\(description.blockName).\(block)."
        var tensors = tensors
        tensors.weight = front + tensors.weight
        tensors.bias = tensors.bias.map { front + $0 }
        return tensors
    }
}
