import Checkpoints
import Text

/// Builds the blocks of any ``EncoderDescription``, and the layers around them.
///
/// The sites are TransformerLens's hooks, as in ``TransformerBuilder``. Where the stream is normalised, `hook_resid_mid` and
/// `hook_resid_post` are the sums before their norms, and `hook_normalized_resid_mid` is what the MLP reads.
struct EncoderBuilder {
    let names: CheckpointNames
    let checkpoint: Checkpoint
    var builder: NetworkBuilder
    private let catalog: LayerCatalog

    init(_ source: FamilySource) {
        names = source.names
        checkpoint = source.checkpoint
        catalog = source.catalog
        builder = NetworkBuilder(source.checkpoint)
    }

    // MARK: - Blocks

    /// Adds all blocks.
    ///
    /// - Parameter beginning: the nodes whose sum the first block reads.
    /// - Returns: the node after the last block; the stream that it is a state of has no reader for it yet.
    mutating func addBlocks(
        _ description: EncoderDescription, reading beginning: [NodeID]
    ) throws(Problem) -> ResidualStream {
        var stream = ResidualStream(of: beginning, site: "blocks.0.hook_resid_pre", in: &builder)
        for block in 0..<description.blocks {
            switch description.order {
            case .before: try addBefore(description, block, &stream)
            case .after: try addAfter(description, block, &stream)
            }
        }
        return stream
    }

    /// A block that reads the stream through norms and adds to it.
    private mutating func addBefore(
        _ description: EncoderDescription, _ block: Int, _ stream: inout ResidualStream
    ) throws(Problem) {
        let site = "blocks.\(block)"
        if block > 0 { stream.mark("\(site).hook_resid_pre", in: &builder) }
        let before = stream.current
        let first = try norm("\(site).ln1.hook_normalized", description.attentionNorm, description, block, of: before)
        let attention = try addAttention(description, block, reading: stream.read(through: first))
        stream.write([attention.written], site: "\(site).hook_resid_mid", in: &builder)
        let middle = stream.current
        let second = try norm("\(site).ln2.hook_normalized", description.mlpNorm, description, block, of: middle)
        let mlp = try addMLP(description, block, reading: stream.read(through: second))
        stream.write([mlp.written], site: "\(site).hook_resid_post", in: &builder)
        builder.anatomy.blocks.append(
            Block(before: before, middle: middle, after: stream.current, attention: attention, mlp: mlp, experts: nil))
    }

    /// A block whose sums are normalised. Each norm begins a stream of its own, since what was added before it is not in the stream any
    /// more as it was.
    private mutating func addAfter(
        _ description: EncoderDescription, _ block: Int, _ stream: inout ResidualStream
    ) throws(Problem) {
        let site = "blocks.\(block)"
        let before = stream.current
        let attention = try addAttention(description, block, reading: stream.read(through: nil))
        stream.write([attention.written], site: "\(site).hook_resid_mid", in: &builder)
        let first = try norm("\(site).ln1.hook_normalized", description.attentionNorm, description, block, of: stream.current)
        _ = stream.read(through: first)
        builder.anatomy.streams.append(stream.stream)
        stream = ResidualStream(of: [first], site: "\(site).hook_normalized_resid_mid", in: &builder)
        let middle = stream.current
        let mlp = try addMLP(description, block, reading: stream.read(through: nil))
        stream.write([mlp.written], site: "\(site).hook_resid_post", in: &builder)
        let second = try norm("\(site).ln2.hook_normalized", description.mlpNorm, description, block, of: stream.current)
        _ = stream.read(through: second)
        builder.anatomy.streams.append(stream.stream)
        let isLast = block + 1 == description.blocks
        stream = ResidualStream(
            of: [second], site: isLast ? "\(site).hook_normalized_resid_post" : "blocks.\(block + 1).hook_resid_pre", in: &builder)
        builder.anatomy.blocks.append(
            Block(before: before, middle: middle, after: stream.current, attention: attention, mlp: mlp, experts: nil))
    }

    private mutating func addAttention(
        _ description: EncoderDescription, _ block: Int, reading: Stream.Reader
    ) throws(Problem) -> AttentionPart {
        let site = "blocks.\(block).attn"
        let (width, heads) = (description.width, description.heads)
        let dimension = width / heads
        func whole(_ layer: NodeID) -> AttentionPart.Projection { .init(layer: layer, slice: nil, node: layer, steps: []) }
        let parts: [AttentionPart.Projection]
        switch description.projections {
        case .separate(let query, let key, let value):
            parts = [
                whole(try linear("\(site).hook_q", query, description, block, of: reading.node, from: width, to: width)),
                whole(try linear("\(site).hook_k", key, description, block, of: reading.node, from: width, to: width)),
                whole(try linear("\(site).hook_v", value, description, block, of: reading.node, from: width, to: width)),
            ]
        case .fused(let tensors):
            let product = try linear("\(site).qkv", tensors, description, block, of: reading.node, from: width, to: 3 * width)
            parts = ["q", "k", "v"].enumerated().map { part, letter in
                let slice = Slice(start: part * width, length: width)
                let node = builder.add("\(site).hook_\(letter)", slice, [product])
                return AttentionPart.Projection(layer: product, slice: slice, node: node, steps: [])
            }
        }
        let (query, key, value) = (parts[0], parts[1], parts[2])
        let scale = Float(1 / Double(dimension).squareRoot())
        let scores = builder.add(
            "\(site).hook_attn_scores",
            AttentionScores(heads: heads, keyHeads: heads, headDimension: dimension, scale: scale, mask: .none), [query.read, key.read])
        let pattern = builder.add("\(site).hook_pattern", Softmax(), [scores])
        let fusion = Node.Fusion(
            operation: Attention(heads: heads, keyHeads: heads, headDimension: dimension, scale: scale, mask: .none),
            inputs: [query.read, key.read, value.read], replaces: [scores, pattern])
        let mixed = builder.add(
            "\(site).hook_z", AttentionValues(heads: heads, keyHeads: heads, headDimension: dimension), [pattern, value.read],
            fusion: fusion)
        let (output, scaling) = try written(
            "blocks.\(block).hook_attn_out", "\(site).out", description.attentionOutput, description.scales?.attention, description, block,
            of: mixed, from: width)
        return AttentionPart(
            reading: reading, query: query, key: key, value: value,
            heads: AttentionHeads(heads: heads, keyHeads: heads, headDimension: dimension), scores: scores, pattern: pattern, mixed: mixed,
            output: output, norms: [], scaling: scaling)
    }

    private mutating func addMLP(
        _ description: EncoderDescription, _ block: Int, reading: Stream.Reader
    ) throws(Problem) -> MLPPart {
        let site = "blocks.\(block).mlp"
        let (width, inner) = (description.width, description.mlpWidth)
        let input = try linear("\(site).hook_pre", description.mlpInput, description, block, of: reading.node, from: width, to: inner)
        let post = builder.add("\(site).hook_post", Activation(description.activation), [input])
        let (output, scaling) = try written(
            "blocks.\(block).hook_mlp_out", "\(site).out", description.mlpOutput, description.scales?.mlp, description, block, of: post,
            from: inner)
        return MLPPart(reading: reading, gate: nil, input: input, post: post, output: output, norms: [], scaling: scaling)
    }

    /// The output of a part that is added to the stream: a linear layer, then the factors of its elements if there are any.
    private mutating func written(
        _ hook: String, _ site: String, _ layer: LinearTensors, _ scale: String?, _ description: EncoderDescription, _ block: Int,
        of input: NodeID, from inputs: Int
    ) throws(Problem) -> (output: NodeID, scaling: NodeID?) {
        let width = description.width
        guard let scale else {
            return (try linear(hook, layer, description, block, of: input, from: inputs, to: width), nil)
        }
        let output = try linear(site, layer, description, block, of: input, from: inputs, to: width)
        let factors = try parameter("\(description.blockPrefix)\(block).\(scale)", shape: [width])
        return (output, builder.add(hook, ChannelScale(), [output], parameters: [factors]))
    }

    private mutating func linear(
        _ site: String, _ tensors: LinearTensors, _ description: EncoderDescription, _ block: Int, of input: NodeID, from inputs: Int,
        to outputs: Int
    ) throws(Problem) -> NodeID {
        let front = "\(description.blockPrefix)\(block)."
        var tensors = tensors
        tensors.weight = front + tensors.weight
        tensors.bias = tensors.bias.map { front + $0 }
        return try linear(site, tensors, of: input, from: inputs, to: outputs)
    }

    private mutating func norm(
        _ site: String, _ tensors: NormTensors, _ description: EncoderDescription, _ block: Int, of input: NodeID
    ) throws(Problem) -> NodeID {
        let front = "\(description.blockPrefix)\(block)."
        return try norm(
            site, NormTensors(weight: front + tensors.weight, bias: tensors.bias.map { front + $0 }), of: input, width: description.width,
            epsilon: description.epsilon)
    }

    // MARK: - Layers

    /// A parameter of a tensor that is named in the model.
    mutating func parameter(_ name: String, shape: [Int], stored: [Int]? = nil) throws(Problem) -> ParameterID {
        try builder.parameter(try names.fullName(name), shape: shape, stored: stored)
    }

    /// A linear layer of tensors that are named in the model.
    mutating func linear(
        _ site: String, _ tensors: LinearTensors, of input: NodeID, from inputs: Int, to outputs: Int
    ) throws(Problem) -> NodeID {
        var parameters = [try parameter(tensors.weight, shape: [outputs, inputs], stored: tensors.stored)]
        if let bias = tensors.bias { parameters.append(try parameter(bias, shape: [outputs])) }
        return builder.add(site, Linear(), [input], parameters: parameters)
    }

    /// A layer norm; old files call its tensors `gamma` and `beta`.
    mutating func norm(
        _ site: String, _ tensors: NormTensors, of input: NodeID, width: Int, epsilon: Float
    ) throws(Problem) -> NodeID {
        var tensors = tensors
        if !names.has(tensors.weight), tensors.weight.hasSuffix(".weight") {
            let old = tensors.weight.dropLast("weight".count)
            if names.has(old + "gamma") { tensors = NormTensors(weight: old + "gamma", bias: tensors.bias.map { _ in old + "beta" }) }
        }
        var parameters = [try parameter(tensors.weight, shape: [width])]
        if let bias = tensors.bias { parameters.append(try parameter(bias, shape: [width])) }
        return builder.add(site, LayerNorm(epsilon: epsilon), [input], parameters: parameters)
    }

    /// The number of rows of a matrix that is named in the model, whose width is known.
    func rows(of name: String, width: Int) throws(Problem) -> Int {
        let full = try names.fullName(name)
        let subject = "tensor '\(full)'"
        guard let shape = checkpoint[full]?.shape else {
            if let problem = checkpoint.problem(ofTensor: full) { throw problem }
            throw Problem("is missing", subject: subject, expected: "anyx\(width)")
        }
        guard shape.count == 2, shape[1] == width, shape[0] > 0 else {
            throw Problem("wrong shape", subject: subject, expected: "anyx\(width)", found: words(shape))
        }
        return shape[0]
    }

    /// The number of classes that a layer scores, which must be the configuration's if that states one.
    func classes(of name: String, width: Int, _ settings: Configuration) throws(Problem) -> Int {
        let count = try rows(of: name, width: width)
        try settings.checkClasses(count, rowsOf: name)
        return count
    }

    /// The network; tensors that are neither read nor parameters are not mentioned.
    func network(
        input: Network.Input, output: NodeID, outputWidth: Int, ignoring isIgnored: (String) -> Bool = { _ in false }
    ) -> Network {
        builder.network(input: input, output: output, outputWidth: outputWidth) { name in
            isIgnored(name) || checkpoint[name].map { !catalog.isParameter($0) } ?? true
        }
    }
}
