import Checkpoints
import Text

/// A transformer over the patches of an image as data: the patches, the tokens among them, the blocks and the head. Names of tensors are
/// those in the model.
struct VisionTransformer: Sendable {
    /// Which positions the table of positions is for.
    enum PositionedRows: Sendable {
        /// The tokens in front and the patches, without registers.
        case tokensAndPatches
        /// The patches alone.
        case patches
    }

    /// What is made of the last state.
    enum Head: Sendable {
        /// Nothing; files may hold a pooler, a layer and a nonlinearity on the first position.
        case none(pooler: (module: String, activation: Activation.Function)?)
        /// A score for each class from the token at the first position.
        case token(String)
        /// The mean of two layers' scores, of the first and the second position.
        case twoTokens(String, String)
        /// From the mean over the patches, after a norm if there is one.
        case patches(String, norm: String?)
        /// From the first token beside the mean over the patches.
        case tokenAndPatches(String)
    }

    var blocks: EncoderDescription
    /// The convolution that makes the patches.
    var patches: String
    /// The tables of the tokens in front, [1, count, width], in their order.
    var tokens: [String]
    /// Tables of further rows behind the tokens.
    var registers: [String] = []
    var positions: String
    var positioned = PositionedRows.tokensAndPatches
    /// nil if the last state is not normalised.
    var norm: String?
    var head: Head
}

extension VisionTransformer {
    /// The network, for images of the one size that the table of positions fits.
    ///
    /// - Parameters:
    ///   - size: the side of an image, as the configuration states it; nil for a square of as many patches as there are positions.
    ///   - isIgnored: whether a tensor that nothing reads is known to be of no use.
    func network(
        _ source: FamilySource, size: Int?, isIgnored: (String) -> Bool = { _ in false }
    ) throws(Problem) -> Network {
        var parts = EncoderBuilder(source)
        let width = blocks.width
        let weight = try parts.shape(of: patches + ".weight", rank: 4)
        guard weight[0] == width, weight[2] == weight[3], weight[1] > 0, weight[2] > 0 else {
            throw Problem(
                "wrong shape", subject: "tensor '\(try source.names.fullName(patches + ".weight"))'",
                expected: "\(width) x channels x side x side", found: words(weight))
        }
        let side = try imageSide(parts, patch: weight[2], stated: size)
        let image = parts.builder.add("input", InputOperation())
        var parameters = [try parts.parameter(patches + ".weight", shape: weight)]
        if source.names.has(patches + ".bias") { parameters.append(try parts.parameter(patches + ".bias", shape: [width])) }
        let grid = parts.builder.add(
            "patches", Convolution(stride: (weight[2], weight[2])), [image], parameters: parameters)
        let beginning = try addEmbeddings(&parts, parts.builder.add("patch_embed", ImageRows(), [grid]))
        var stream = try parts.addBlocks(blocks, reading: beginning)
        parts.builder.anatomy.outputKind = .classes
        let (output, count) = try addHead(&parts, &stream, source)
        return parts.network(
            input: .values(shape: [weight[1], side, side]), output: output, outputWidth: count, ignoring: isIgnored)
    }

    /// The side of the images: the table of positions has a row for each patch, and is not stretched to other sizes here.
    private func imageSide(_ parts: EncoderBuilder, patch: Int, stated: Int?) throws(Problem) -> Int {
        let rows = try parts.shape(of: positions, rank: 3)[1]
        var tokenRows = 0
        if case .tokensAndPatches = positioned {
            for token in tokens { tokenRows += try parts.shape(of: token, rank: 3)[1] }
        }
        let places = rows - tokenRows
        let root = Int(Double(max(places, 0)).squareRoot().rounded())
        let subject = "tensor '\(try parts.names.fullName(positions))'"
        if let stated {
            let wanted = (stated / patch) * (stated / patch) + tokenRows
            guard wanted == rows else {
                throw Problem(
                    "the positions do not fit the images", subject: subject,
                    expected: "\(wanted) for images of \(stated)x\(stated) and patches of \(patch)x\(patch)", found: "\(rows)")
            }
            return stated
        }
        guard places > 0, root * root == places else {
            throw Problem(
                "the positions fit no square of patches", subject: subject, expected: "a square number and \(tokenRows)",
                found: "\(rows)")
        }
        return root * patch
    }

    /// The nodes whose sum the first block reads.
    private func addEmbeddings(_ parts: inout EncoderBuilder, _ patches: NodeID) throws(Problem) -> [NodeID] {
        let width = blocks.width
        func tables(_ names: [String], _ parts: inout EncoderBuilder) throws(Problem) -> [ParameterID] {
            var parameters: [ParameterID] = []
            for name in names {
                let shape = try parts.shape(of: name, rank: 3)
                parameters.append(
                    try parts.parameter(name, shape: [shape[1], width], stored: [1, shape[1], width]))
            }
            return parameters
        }
        let count = try parts.shape(of: self.positions, rank: 3)[1]
        let table = try parts.parameter(self.positions, shape: [count, width], stored: [1, count, width])
        let positions = parts.builder.add("hook_pos_embed", PositionRows(), parameters: [table])
        let front = try tables(tokens, &parts)
        let others = try tables(registers, &parts)
        switch positioned {
        case .tokensAndPatches:
            let rows = parts.builder.add("hook_embed", InsertedRows(), [patches], parameters: front)
            guard !others.isEmpty else { return [rows, positions] }
            let placed = parts.builder.add("hook_full_embed", Sum(), [rows, positions])
            return [parts.builder.add("registers", InsertedRows(position: front.count), [placed], parameters: others)]
        case .patches:
            let placed = parts.builder.add("hook_embed", Sum(), [patches, positions])
            guard !(front + others).isEmpty else { return [placed] }
            return [parts.builder.add("hook_full_embed", InsertedRows(), [placed], parameters: front + others)]
        }
    }

    private func addHead(
        _ parts: inout EncoderBuilder, _ stream: inout ResidualStream, _ source: FamilySource
    ) throws(Problem) -> (output: NodeID, count: Int) {
        let width = blocks.width
        // The first patch's position: a table may hold several registers.
        var first = 0
        for table in tokens + registers { first += try parts.shape(of: table, rank: 3)[1] }
        func normed(_ parts: inout EncoderBuilder) throws(Problem) -> Stream.Reader {
            guard let norm else { return stream.read(through: nil) }
            let node = try parts.norm(
                "ln_final.hook_normalized", NormTensors(module: norm, hasBias: true), of: stream.current, width: width,
                epsilon: blocks.epsilon)
            return stream.read(through: node)
        }
        func layer(_ module: String) -> LinearTensors {
            LinearTensors(module: module, hasBias: source.names.has(module + ".bias"))
        }
        func classes(_ parts: EncoderBuilder, _ module: String, _ width: Int) throws(Problem) -> Int {
            try parts.classes(of: module + ".weight", width: width, source.settings)
        }
        let reading = try normed(&parts)
        defer { parts.builder.anatomy.streams = [stream.stream] }
        switch head {
        case .none(let pooler):
            parts.builder.anatomy.outputKind = .states
            let token = parts.builder.add("class_token", SelectedRow(), [reading.node])
            if let pooler, source.names.has(pooler.module + ".weight") {
                let rows = try parts.rows(of: pooler.module + ".weight", width: width)
                let dense = try parts.linear("pooler.pre", layer(pooler.module), of: token, from: width, to: rows)
                _ = parts.builder.add("pooler", Activation(pooler.activation), [dense])
            }
            return (reading.node, width)
        case .token(let module):
            // The scores of all positions cost little beside the blocks, and the layer then reads the stream as other readers do.
            let count = try classes(parts, module, width)
            let scores = try parts.linear("unembed", layer(module), of: reading.node, from: width, to: count)
            parts.builder.anatomy.output = OutputPart(reading: reading, layer: scores)
            return (parts.builder.add("classifier", SelectedRow(), [scores]), count)
        case .twoTokens(let module, let second):
            let count = try classes(parts, module, width)
            let one = parts.builder.add("class_token", SelectedRow(), [reading.node])
            let other = parts.builder.add("distillation_token", SelectedRow(position: 1), [reading.node])
            let scores = [
                try parts.linear("class_token.classifier", layer(module), of: one, from: width, to: count),
                try parts.linear("distillation_token.classifier", layer(second), of: other, from: width, to: count),
            ]
            return (parts.builder.add("classifier", Mean(), scores), count)
        case .patches(let module, let norm):
            var pooled = parts.builder.add("mean_pool", MeanRow(first: first), [reading.node])
            if let norm {
                pooled = try parts.norm(
                    "pool_norm", NormTensors(module: norm, hasBias: true), of: pooled, width: width, epsilon: blocks.epsilon)
            }
            let count = try classes(parts, module, width)
            return (try parts.linear("classifier", layer(module), of: pooled, from: width, to: count), count)
        case .tokenAndPatches(let module):
            let token = parts.builder.add("class_token", SelectedRow(), [reading.node])
            let pooled = parts.builder.add("mean_pool", MeanRow(first: first), [reading.node])
            let both = parts.builder.add("pooled", SideBySide(), [token, pooled])
            let count = try classes(parts, module, 2 * width)
            return (try parts.linear("classifier", layer(module), of: both, from: 2 * width, to: count), count)
        }
    }
}

extension EncoderBuilder {
    /// The shape of a tensor that is named in the model, which has `rank` dimensions, none of them 0.
    func shape(of name: String, rank: Int) throws(Problem) -> [Int] { try names.shape(of: name, rank: rank, in: checkpoint) }
}
