import Checkpoints
import Text

/// An encoder of text as data: its embeddings, its blocks and its head. Names of tensors are those in the model.
struct TextEncoder: Sendable {
    /// A layer of the embeddings' entries.
    struct Positions: Sendable {
        var table: String
        var count: Int
        /// The id of the padding token if positions begin behind it and do not count it (RoBERTa).
        var padding: Int?
    }

    /// What is made of the last state.
    enum Head: Sendable {
        /// Nothing; files may hold a pooler.
        case none(pooler: String?)
        /// A linear layer, an activation and a norm at each position, then the table of embeddings.
        case masked(dense: String, Activation.Function, norm: String, matrix: String, biases: [String])
        /// A linear layer and an activation on the first position, then a score for each class.
        case classes(dense: String, Activation.Function, output: String)
        /// The same at each position.
        case each(dense: String, Activation.Function, output: String)
    }

    var blocks: EncoderDescription
    var words = "embeddings.word_embeddings.weight"
    /// The width of the embeddings, which a layer projects to that of the blocks.
    var embeddingWidth: Int
    var projection: String?
    var positions: Positions
    /// The table of token types, and the number of its entries.
    var types: (table: String, count: Int)?
    var norm = "embeddings.LayerNorm"
    var isTied = true
    var head: Head
}

extension TextEncoder {
    /// The network.
    ///
    /// - Throws: ``Problem`` naming a tensor that is missing or has another shape.
    func network(_ source: FamilySource) throws(Problem) -> Network {
        let stored = (0...blocks.blocks).first { block in
            source.names.parts(ofBlocks: String(blocks.blockPrefix.dropLast())).allSatisfy { $0.block != block }
        }
        if let stored, stored < blocks.blocks {
            throw Problem(
                "the configuration has more blocks than the checkpoint", subject: "config.json", expected: "at most \(stored)",
                found: "\(blocks.blocks)")
        }
        var parts = EncoderBuilder(source)
        let vocabulary = try parts.rows(of: words, width: embeddingWidth)
        let stream = try parts.addBlocks(blocks, reading: [try addEmbeddings(&parts, vocabulary, source)])
        return try addHead(&parts, stream, source, .tokens(vocabulary: vocabulary, positions: positions.bound))
    }

    /// The node whose output the first block reads.
    private func addEmbeddings(
        _ parts: inout EncoderBuilder, _ vocabulary: Int, _ source: FamilySource
    ) throws(Problem) -> NodeID {
        let embedding = Embedding(layout: .rows, padding: try PaddingToken.entry(source, of: vocabulary))
        var embeddings = [
            parts.builder.add("hook_embed", embedding, parameters: [try parts.parameter(words, shape: [vocabulary, embeddingWidth])])
        ]
        let table = try parts.parameter(positions.table, shape: [positions.count, embeddingWidth])
        if let padding = positions.padding {
            embeddings.append(parts.builder.add("hook_pos_embed", PaddedPositionEmbedding(padding: padding), parameters: [table]))
        } else {
            embeddings.append(parts.builder.add("hook_pos_embed", PositionEmbedding(layout: .rows), parameters: [table]))
        }
        if let types {
            embeddings.append(
                parts.builder.add(
                    "hook_token_type_embed", RepeatedEntry(),
                    parameters: [try parts.parameter(types.table, shape: [types.count, embeddingWidth])]))
        }
        var first = ResidualStream(of: embeddings, site: "hook_full_embed", in: &parts.builder)
        let normed = try parts.norm(
            "embed.ln.hook_normalized", NormTensors(module: norm, hasBias: true), of: first.current, width: embeddingWidth,
            epsilon: blocks.epsilon)
        _ = first.read(through: normed)
        parts.builder.anatomy.streams.append(first.stream)
        guard let projection else { return normed }
        return try parts.linear(
            "embed.project", LinearTensors(module: projection, hasBias: true), of: normed, from: embeddingWidth, to: blocks.width)
    }

    private func addHead(
        _ parts: inout EncoderBuilder, _ stream: ResidualStream, _ source: FamilySource, _ input: Network.Input
    ) throws(Problem) -> Network {
        var stream = stream
        let width = blocks.width
        let last = stream.current
        func linear(_ module: String) -> LinearTensors { LinearTensors(module: module, hasBias: true) }
        switch head {
        case .none(let pooler):
            parts.builder.anatomy.streams.append(stream.stream)
            parts.builder.anatomy.outputKind = .states
            let pooling = try SentencePooling(source.checkpoint)
            parts.builder.anatomy.sentenceProblem = pooling.problem
            if let kind = pooling.kind {
                let pooled =
                    kind == .mean
                    ? parts.builder.add("mean_pool", MeanRow(), [last]) : parts.builder.add("first_pool", SelectedRow(), [last])
                if pooling.isNormalized {
                    _ = parts.builder.add("sentence_embed", UnitRow(), [pooled])
                } else {
                    _ = parts.builder.add("sentence_embed", Identity(name: "sentence"), [pooled])
                }
            }
            if let pooler, source.names.has(pooler + ".weight") {
                let first = parts.builder.add("class_token", SelectedRow(), [last])
                let dense = try parts.linear("pooler.pre", linear(pooler), of: first, from: width, to: width)
                _ = parts.builder.add("pooler", Activation(.tanh), [dense])
            }
            return parts.network(input: input, output: last, outputWidth: width)
        case .masked(let dense, let activation, let norm, let matrix, let biases):
            _ = stream.read(through: nil)
            parts.builder.anatomy.streams.append(stream.stream)
            let inner = try parts.linear("head.pre", linear(dense), of: last, from: width, to: embeddingWidth)
            let post = parts.builder.add("head.post", Activation(activation), [inner])
            var final = ResidualStream(of: [post], site: "head.stream", in: &parts.builder)
            let normed = try parts.norm(
                "ln_final.hook_normalized", NormTensors(module: norm, hasBias: true), of: final.current, width: embeddingWidth,
                epsilon: blocks.epsilon)
            let reading = final.read(through: normed)
            parts.builder.anatomy.streams.append(final.stream)
            let (table, twin) = try outputMatrix(matrix, source)
            let entries = try parts.rows(of: table, width: embeddingWidth)
            var parameters = [try parts.parameter(table, shape: [entries, embeddingWidth])]
            let bias = biases.first(where: source.names.has) ?? biases[0]
            parameters.append(try parts.parameter(bias, shape: [entries]))
            let logits = parts.builder.add("unembed", Linear(), [normed], parameters: parameters)
            parts.builder.anatomy.output = OutputPart(reading: reading, layer: logits)
            parts.builder.anatomy.outputKind = .maskedTokens
            let unread = try ([twin].compactMap { $0 } + biases).filter { $0 != bias }.map(source.names.fullName)
            return parts.network(input: input, output: logits, outputWidth: entries) { unread.contains($0) }
        case .classes(let dense, let activation, let output):
            _ = stream.read(through: nil)
            parts.builder.anatomy.streams.append(stream.stream)
            parts.builder.anatomy.outputKind = .classes
            let first = parts.builder.add("class_token", SelectedRow(), [last])
            let inner = try parts.linear("pooler.pre", linear(dense), of: first, from: width, to: width)
            let pooled = parts.builder.add("pooler", Activation(activation), [inner])
            let classes = try parts.classes(of: output + ".weight", width: width, source.settings)
            let logits = try parts.linear("classifier", linear(output), of: pooled, from: width, to: classes)
            return parts.network(input: input, output: logits, outputWidth: classes)
        case .each(let dense, let activation, let output):
            _ = stream.read(through: nil)
            parts.builder.anatomy.streams.append(stream.stream)
            parts.builder.anatomy.outputKind = .states
            let inner = try parts.linear("head.pre", linear(dense), of: last, from: width, to: width)
            let post = parts.builder.add("head.post", Activation(activation), [inner])
            let scores = try parts.rows(of: output + ".weight", width: width)
            let logits = try parts.linear("head", linear(output), of: post, from: width, to: scores)
            return parts.network(input: input, output: logits, outputWidth: scores)
        }
    }

    /// The matrix of the logits, and a copy of it that is not read: see ``OutputMatrix``.
    private func outputMatrix(_ own: String, _ source: FamilySource) throws(Problem) -> (name: String, twin: String?) {
        guard isTied else { return (own, nil) }
        guard source.names.has(own) else { return (words, nil) }
        let (table, matrix) = (try source.names.fullName(words), try source.names.fullName(own))
        return OutputMatrix.areSame(source.checkpoint[table], source.checkpoint[matrix]) ? (words, own) : (own, nil)
    }
}

extension TextEncoder.Positions {
    /// The tokens of the longest sequence.
    var bound: Int { padding.map { max(0, count - 1 - $0) } ?? count }
}
