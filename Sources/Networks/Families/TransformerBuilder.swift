import Checkpoints
import Tensors
import Text

/// Builds the network of any ``TransformerDescription`` from a checkpoint's tensors.
///
/// The sites are TransformerLens's hooks. `hook_q`, `hook_k` and `hook_v` are [samples, length, heads * head dimension], before
/// norms of heads and rotary positions. `hook_normalized` is a norm's whole output, where TransformerLens's comes before its weight
/// and bias. `hook_attn_out` and `hook_mlp_out` are what is added to the stream, after a norm inside the branch. Sites without a hook
/// of TransformerLens: `attn.qkv`, one product that queries, keys and values are cut from; `mlp.gate`, a gate after its activation;
/// `attn.q_scaled`, queries after a scaling by their position; `attn.act_in` and `mlp.act_in`, what is kept of a part's input, with
/// `attn.placed` and `mlp.placed` before it, the norm with positions beside it; `attn.q_kept`, `attn.k_kept` and `attn.v_kept`, what is kept of
/// queries, keys and values; `mlp.activated`, neurons of which `mlp.hook_post` keeps some;
/// `attn.out` and `mlp.out`, the last layer of a branch that does not end with it; `attn.normed` and `mlp.normed`, a norm in a branch that
/// a scaling follows; `ln_embed`, a norm of the embeddings; `unembed`, the logits; `unembed.scaled` and `unembed.capped`, the logits after
/// a scaling and a cap; `unembed.bigrams`, the logits with the scores of a table of bigrams.
struct TransformerBuilder {
    let description: TransformerDescription
    let names: CheckpointNames
    let catalog: LayerCatalog
    var builder: NetworkBuilder

    /// The network of a described transformer.
    ///
    /// - Throws: ``Problem`` naming a tensor that is missing or has another shape.
    static func network(of description: TransformerDescription, _ source: FamilySource) throws(Problem) -> Network {
        var builder = TransformerBuilder(
            description: description, names: source.names, catalog: source.catalog, builder: NetworkBuilder(source.checkpoint))
        return try builder.build(source)
    }

    private mutating func build(_ source: FamilySource) throws(Problem) -> Network {
        let checkpoint = source.checkpoint
        let output = try OutputMatrix(description, names, checkpoint)
        let table = try output.embedding(checkpoint)
        let embedding = Embedding(
            layout: description.embedding.layout, scale: description.embeddingScale,
            padding: try PaddingToken.entry(source, of: table.entries))
        var embeddings = [
            builder.add("hook_embed", embedding, parameters: [try builder.parameter(table.name, shape: table.shape)])
        ]
        var bound: Int?
        if case .learned(let name, let count, let offset) = description.positions {
            let parameter = try builder.parameter(try names.fullName(name), shape: [count + offset, description.width])
            embeddings.append(
                builder.add("hook_pos_embed", PositionEmbedding(layout: .rows, offset: offset), parameters: [parameter]))
            bound = count
        }
        if case .beside(let positions) = description.positions { bound = positions.count }
        if let norm = description.embeddingNorm {
            let sum = embeddings.count == 1 ? embeddings[0] : builder.add("hook_embed_sum", Sum(), embeddings)
            embeddings = [try self.norm("ln_embed", norm, of: sum)].compactMap { $0 }
        }
        var stream = ResidualStream(of: embeddings, site: "blocks.0.hook_resid_pre", in: &builder)
        for block in 0..<description.blocks {
            if block > 0 { stream.mark("blocks.\(block).hook_resid_pre", in: &builder) }
            try add(block, to: &stream)
        }
        let final = stream.read(through: try norm("ln_final.hook_normalized", description.finalNorm, of: stream.current))
        let matrix = try output.matrix(checkpoint)
        var parameters = [try builder.parameter(matrix.name, shape: matrix.shape)]
        if let bias = description.output.bias {
            let name = try names.fullName(bias)
            parameters.append(try builder.parameter(name, shape: [matrix.entries]))
            if description.output.fixed.contains(bias), let added = parameters.last { builder.fix(added) }
        }
        let layer = builder.add("unembed", Linear(layout: matrix.layout), [final.node], parameters: parameters)
        builder.anatomy.streams = [stream.stream]
        var logits = layer
        let scores = try addTokenScores(to: layer, tokens: table.entries, answers: matrix.entries)
        builder.anatomy.output = OutputPart(reading: final, layer: layer, tokenScores: scores)
        if let scores { logits = scores }
        if description.output.scale != 1 { logits = builder.add("unembed.scaled", Scaling(description.output.scale), [logits]) }
        if let cap = description.output.cap { logits = builder.add("unembed.capped", SoftCap(cap), [logits]) }
        return try builder.network(
            input: .tokens(vocabulary: table.entries, positions: bound), output: logits, outputWidth: matrix.entries,
            ignoring: { name in name == output.unusedTwin || checkpoint[name].map { !catalog.isParameter($0) } ?? true })
    }

    private mutating func add(_ block: Int, to stream: inout ResidualStream) throws(Problem) {
        let site = "blocks.\(block)"
        let before = stream.current
        let first = try norm("\(site).ln1.hook_normalized", named(description.attention.norm, in: block), of: stream.current)
        let attention = try addAttention(
            block,
            reading: stream.read(through: first, then: try steps(from: first ?? stream.current, before: .attentionInput, in: block)))
        guard let mlp = description.mlp else {
            stream.write([attention.written], site: "\(site).hook_resid_post", in: &builder)
            builder.anatomy.blocks.append(
                Block(before: before, middle: nil, after: stream.current, attention: attention, mlp: nil, experts: nil))
            return
        }
        var middle: NodeID?
        if case .sequential = description.residual {
            stream.write([attention.written], site: "\(site).hook_resid_mid", in: &builder)
            middle = stream.current
        }
        let second: NodeID?
        if case .parallelSharingNorm = description.residual {
            second = first
        } else {
            second = try norm("\(site).ln2.hook_normalized", named(mlp.norm, in: block), of: stream.current)
        }
        let reading = stream.read(through: second, then: try steps(from: second ?? stream.current, before: .mlpInput, in: block))
        var (neurons, mixture): (MLPPart?, ExpertPart?)
        let written: NodeID
        if let experts = description.experts, experts.areIn(block: block) {
            let part = try addExperts(experts, mlp, block, reading: reading)
            (mixture, written) = (part, part.written)
        } else {
            let part = try addMLP(mlp, block, reading: reading)
            (neurons, written) = (part, part.written)
        }
        stream.write(
            middle == nil ? [attention.written, written] : [written], site: "\(site).hook_resid_post", in: &builder)
        builder.anatomy.blocks.append(
            Block(before: before, middle: middle, after: stream.current, attention: attention, mlp: neurons, experts: mixture))
    }

    private mutating func addAttention(_ block: Int, reading: Stream.Reader) throws(Problem) -> AttentionPart {
        let attention = description.attention
        let (heads, keyHeads, dimension) = (attention.heads, attention.keyHeads, attention.headDimension)
        let site = "blocks.\(block).attn"
        let products = try addProjections(block, reading: reading.node)
        let query = try stepped(products.query, "q", attention.headNorms?.query, block)
        let key = try stepped(products.key, "k", attention.headNorms?.key, block)
        var value = products.value
        if let kept = kept(value.node, at: .values, of: keyHeads * dimension, site: "\(site).v_kept") {
            value = AttentionPart.Projection(layer: value.layer, slice: value.slice, node: value.node, steps: [kept])
        }
        let scale = attention.scale(inBlock: block)
        let mask = attention.mask(inBlock: block)
        var adjustment: ScoreAdjustment = .none
        if let cap = attention.cap { adjustment = .cap(cap) }
        // The tensors of the heads have been found: there are not more of them than numbers in the file.
        if case .slopes = description.positions { adjustment = .alibi(heads: heads) }
        let scores = builder.add(
            "\(site).hook_attn_scores",
            AttentionScores(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, adjustment: adjustment, mask: mask),
            [query.read, key.read])
        var sinks: [ParameterID] = []
        if let name = attention.sinks {
            sinks.append(try builder.parameter(try names.fullName("\(description.blockName).\(block).\(name)"), shape: [heads]))
        }
        let pattern =
            sinks.isEmpty
            ? builder.add("\(site).hook_pattern", Softmax(), [scores])
            : builder.add("\(site).hook_pattern", SinkSoftmax(), [scores], parameters: sinks)
        let fusion = Node.Fusion(
            operation: Attention(
                heads: heads, keyHeads: keyHeads, headDimension: dimension, scale: scale, adjustment: adjustment, mask: mask),
            inputs: [query.read, key.read, value.read], parameters: sinks, replaces: [scores, pattern])
        let mixed = builder.add(
            "\(site).hook_z", AttentionValues(heads: heads, keyHeads: keyHeads, headDimension: dimension), [pattern, value.read],
            fusion: fusion)
        let branch = try written(
            "blocks.\(block).hook_attn_out", site, named(attention.output, in: block), named(attention.outputNorm, in: block),
            keeping: .attentionOutput, of: mixed, from: heads * dimension)
        return AttentionPart(
            reading: reading, query: query, key: key, value: value,
            heads: AttentionHeads(heads: heads, keyHeads: keyHeads, headDimension: dimension), scores: scores, pattern: pattern,
            mixed: mixed, output: branch.output, norms: branch.norms, scaling: branch.scaling)
    }

    /// A query or key with what is done to it before the products: its norm, then its turn by the position.
    private mutating func stepped(
        _ projection: AttentionPart.Projection, _ letter: String, _ norm: NormTensors?, _ block: Int
    ) throws(Problem) -> AttentionPart.Projection {
        let site = "blocks.\(block).attn"
        let dimension = description.attention.headDimension
        var steps: [NodeID] = []
        var last = projection.read
        func addNorm(_ norms: HeadNormsDescription) throws(Problem) {
            let hook = "\(site).\(letter)_norm.hook_normalized"
            let tensors = named(norm, in: block)
            switch norms.extent {
            case .head:
                let operation = HeadNorm(headDimension: dimension, kind: norms.kind, epsilon: norms.epsilon)
                var weights: [ParameterID] = []
                if let tensors { weights = try parameters(of: tensors, width: dimension) }
                last = builder.add(hook, operation, [last], parameters: weights)
            case .all:
                guard let tensors else { return }
                let heads = letter == "q" ? description.attention.heads : description.attention.keyHeads
                let parameters = try parameters(of: tensors, width: heads * dimension)
                switch norms.kind {
                case .layer: last = builder.add(hook, LayerNorm(epsilon: norms.epsilon), [last], parameters: parameters)
                case .rootMeanSquare(let offset):
                    last = builder.add(hook, RMSNorm(epsilon: norms.epsilon, offset: offset), [last], parameters: parameters)
                }
            }
            steps.append(last)
        }
        let norms = description.attention.headNorms.flatMap { $0.blocks.contains(block) ? $0 : nil }
        if let norms, !norms.followsPositions { try addNorm(norms) }
        if let rotary = description.rotary(inBlock: block), rotary.rotated > 0 {
            let operation = Rotary(
                headDimension: dimension, rotated: rotary.rotated, frequencies: rotary.frequencies, pairing: rotary.pairing,
                attentionScale: rotary.attentionScale, stretch: rotary.stretch)
            last = builder.add("\(site).hook_rot_\(letter)", operation, [last])
            steps.append(last)
        }
        if let norms, norms.followsPositions { try addNorm(norms) }
        if letter == "q", let growth = description.attention.growth, growth.blocks.contains(block) {
            last = builder.add("\(site).q_scaled", PositionScaling(slope: growth.slope, step: growth.step), [last])
            steps.append(last)
        }
        let heads = letter == "q" ? description.attention.heads : description.attention.keyHeads
        if let kept = kept(last, at: letter == "q" ? .queries : .keys, of: heads * dimension, site: "\(site).\(letter)_kept") {
            steps.append(kept)
        }
        return AttentionPart.Projection(layer: projection.layer, slice: projection.slice, node: projection.node, steps: steps)
    }

    /// The output of a part that is added to the stream: a linear layer, followed by a norm, a choice of what is kept, and a multiplication
    /// with a constant if the family has them inside the branch. The node that is added has the site `hook`; those before it have sites below `site`.
    private mutating func written(
        _ hook: String, _ site: String, _ layer: LinearTensors, _ norm: NormTensors?, keeping place: KeptEntries.Place, of input: NodeID,
        from inputs: Int
    ) throws(Problem) -> (output: NodeID, norms: [NodeID], scaling: NodeID?) {
        let isScaled = description.branchScale != 1
        let output = try linear(
            norm == nil && !isScaled && !keeps(place, of: description.width) ? hook : "\(site).out", layer, of: input, from: inputs,
            to: description.width)
        var norms: [NodeID] = []
        let isLast = !isScaled && !keeps(place, of: description.width)
        if let normed = try self.norm(isLast ? hook : "\(site).normed", norm, of: output) { norms.append(normed) }
        if let kept = kept(norms.last ?? output, at: place, of: description.width, site: isScaled ? "\(site).kept" : hook) {
            norms.append(kept)
        }
        let scaling = isScaled ? builder.add(hook, Scaling(description.branchScale), [norms.last ?? output]) : nil
        return (output, norms, scaling)
    }

    private mutating func addProjections(
        _ block: Int, reading input: NodeID
    ) throws(Problem) -> (query: AttentionPart.Projection, key: AttentionPart.Projection, value: AttentionPart.Projection) {
        let attention = description.attention
        let (width, dimension) = (description.readWidth, attention.headDimension)
        let site = "blocks.\(block).attn"
        switch attention.projections {
        case .separate(let query, let key, let value):
            let keys = attention.keyHeads * dimension
            func whole(_ layer: NodeID) -> AttentionPart.Projection { .init(layer: layer, slice: nil, node: layer, steps: []) }
            return (
                whole(
                    try linear("\(site).hook_q", named(query, in: block), of: input, from: width, to: attention.heads * dimension)),
                whole(try linear("\(site).hook_k", named(key, in: block), of: input, from: width, to: keys)),
                whole(try linear("\(site).hook_v", named(value, in: block), of: input, from: width, to: keys))
            )
        case .fused(let tensors, let order):
            let (all, keys) = (attention.heads * dimension, attention.keyHeads * dimension)
            let product = try linear("\(site).qkv", named(tensors, in: block), of: input, from: width, to: all + 2 * keys)
            let parts = ["q", "k", "v"].enumerated().map { part, letter in
                let slice =
                    switch order {
                    case .byKind: Slice(start: [0, all, all + keys][part], length: part == 0 ? all : keys)
                    case .byHead: Slice(start: part * dimension, length: dimension, stride: 3 * dimension, blocks: attention.heads)
                    }
                let node = builder.add("\(site).hook_\(letter)", slice, [product])
                return AttentionPart.Projection(layer: product, slice: slice, node: node, steps: [])
            }
            return (parts[0], parts[1], parts[2])
        }
    }

    private mutating func addMLP(_ mlp: MLPDescription, _ block: Int, reading: Stream.Reader) throws(Problem) -> MLPPart {
        let site = "blocks.\(block).mlp"
        let width = description.readWidth
        let isKept = keeps(.neurons, of: mlp.width)
        let postSite = isKept ? "\(site).activated" : "\(site).hook_post"
        var gate: NodeID?
        let input: NodeID
        var post: NodeID
        if let tensors = mlp.gate {
            let (first, second) = (named(tensors, in: block), named(mlp.input, in: block))
            let isFused = first.weight == second.weight
            let pre = try linear(
                "\(site).hook_pre", first, part: isFused ? "[gate]" : nil, of: reading.node, from: width, to: mlp.width)
            let gated = builder.add("\(site).gate", Activation(mlp.activation), [pre])
            input = try linear(
                "\(site).hook_pre_linear", second, part: isFused ? "[up]" : nil, of: reading.node, from: width, to: mlp.width)
            post = builder.add(postSite, GatedProduct(), [gated, input])
            gate = pre
        } else {
            input = try linear("\(site).hook_pre", named(mlp.input, in: block), of: reading.node, from: width, to: mlp.width)
            post = builder.add(postSite, Activation(mlp.activation), [input])
        }
        if let kept = kept(post, at: .neurons, of: mlp.width, site: "\(site).hook_post") { post = kept }
        let branch = try written(
            "blocks.\(block).hook_mlp_out", site, named(mlp.output, in: block), named(mlp.outputNorm, in: block), keeping: .mlpOutput,
            of: post, from: mlp.width)
        return MLPPart(
            reading: reading, gate: gate, input: input, post: post, output: branch.output, norms: branch.norms, scaling: branch.scaling)
    }

    /// A linear layer of tensors that are named in the model.
    ///
    /// - Parameter part: which of the two halves of a tensor [2 outputs, inputs] its weight is; nil for a tensor of its own.
    mutating func linear(
        _ site: String, _ tensors: LinearTensors, part: String? = nil, of input: NodeID, from inputs: Int, to outputs: Int
    ) throws(Problem) -> NodeID {
        if let part {
            let weight = try builder.parameter(
                try names.fullName(tensors.weight), part: part, shape: [outputs, inputs], of: [2 * outputs, inputs], catalog: catalog)
            return builder.add(site, Linear(layout: .outIn), [input], parameters: [weight])
        }
        let shape = tensors.layout == .outIn ? [outputs, inputs] : [inputs, outputs]
        let weight = try names.fullName(tensors.weight)
        var parameters = [try builder.parameter(weight, shape: shape, stored: tensors.stored, order: tensors.order)]
        if let bias = tensors.bias {
            parameters.append(try builder.parameter(try names.fullName(bias), shape: [outputs], stored: tensors.storedBias))
        }
        return builder.add(site, Linear(layout: tensors.layout), [input], parameters: parameters)
    }

    /// A norm of the stream's width; nil if the model has none.
    private mutating func norm(_ site: String, _ tensors: NormTensors?, of input: NodeID) throws(Problem) -> NodeID? {
        guard let tensors else { return nil }
        func parameters() throws(Problem) -> [ParameterID] { try self.parameters(of: tensors, width: description.width) }
        switch description.norm {
        case .none: return nil
        case .layer(let epsilon): return builder.add(site, LayerNorm(epsilon: epsilon), [input], parameters: try parameters())
        case .rootMeanSquare(let epsilon, let offset):
            return builder.add(site, RMSNorm(epsilon: epsilon, offset: offset), [input], parameters: try parameters())
        case .plainLayer(let epsilon): return builder.add(site, LayerNorm(epsilon: epsilon), [input])
        case .plainRootMeanSquare(let epsilon):
            let norm = HeadNorm(headDimension: description.width, kind: .rootMeanSquare(offset: 0), epsilon: epsilon)
            return builder.add(site, norm, [input])
        }
    }

    mutating func parameters(of tensors: NormTensors, width: Int) throws(Problem) -> [ParameterID] {
        var parameters = [try builder.parameter(try names.fullName(tensors.weight), shape: [width])]
        if let bias = tensors.bias { parameters.append(try builder.parameter(try names.fullName(bias), shape: [width])) }
        return parameters
    }

    func named(_ tensors: NormTensors?, in block: Int) -> NormTensors? {
        guard let tensors else { return nil }
        let front = "\(description.blockName).\(block)."
        return NormTensors(weight: front + tensors.weight, bias: tensors.bias.map { front + $0 })
    }

    func named(_ tensors: LinearTensors, in block: Int) -> LinearTensors {
        let front = "\(description.blockName).\(block)."
        var tensors = tensors
        tensors.weight = front + tensors.weight
        tensors.bias = tensors.bias.map { front + $0 }
        return tensors
    }
}
