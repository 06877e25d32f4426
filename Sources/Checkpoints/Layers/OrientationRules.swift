/// What decides the orientation of a model's matrices, beyond each tensor's own name.
struct OrientationRules {
    private let family: ModelFamily
    private let index: TensorIndex
    private let storesConv1D: Bool
    private let readings: GraphReadings?

    /// - Parameter readings: how the operations of the model read its matrices, which decides before any name does.
    init(family: ModelFamily, index: TensorIndex, readings: GraphReadings? = nil) {
        self.family = family
        self.index = index
        self.readings = readings
        storesConv1D = Self.storesConv1D(index)
    }

    private static let conv1DNames: Set<Substring> = ["c_attn", "q_attn", "c_proj", "c_fc"]

    /// Whether the modules named like GPT-2's Conv1D are stored [in, out], as Hugging Face's are, or [out, in], as in nanoGPT, which
    /// has the same names for its linear layers. The model's width d decides: both c_attn and c_fc read d inputs.
    private static func storesConv1D(_ index: TensorIndex) -> Bool {
        let pairs = zip(index.names, index.shapes)
        let readers = pairs.filter {
            $0.1.count == 2 && $0.1[0] != $0.1[1] && $0.0.last == "weight" && ["c_attn", "c_fc"].contains($0.0.moduleName)
        }
        guard !readers.isEmpty else { return true }
        let width =
            pairs.first { $0.1.count == 1 && $0.0.moduleName == "ln_1" }?.1[0]
            ?? pairs.first { $0.1.count == 2 && ["wte", "embed_tokens", "tokens_embed"].contains($0.0.moduleName) }?.1[1]
        if let width, let shape = readers.lazy.map(\.1).first(where: { $0.contains(width) }) { return shape[0] == width }
        for (name, shape) in readers {
            if let bias = index.biasShape(of: name), bias.count == 1, shape.contains(bias[0]) { return shape[1] == bias[0] }
        }
        return true
    }

    /// The most neurons on a side. A view can claim any number for a few stored bytes; the data kept for each neuron must fit into memory.
    static let largestSide = 1 << 28

    /// The layout of a tensor of at least two dimensions as one weight matrix.
    ///
    /// - Parameter readsTables: whether a table of embeddings is read as one, [entries, d]; else as a linear layer of that name.
    func layout(of name: TensorName, shape: [Int], readsTables: Bool = true) -> MatrixLayout {
        if let layout = readings?[name.full]?.layout(shape) { return layout }
        if let layout = family.layout?(name, shape) { return layout }
        if case .whole(let layout)? = TranscoderParts(index: index).reading(of: name, shape: shape) { return layout }
        guard shape.count == 2 else {
            if let groups = transposedGroups(name, shape: shape) {
                return .transposedConvolution(.init(groups, shape: shape))
            }
            return .convolution(out: shape[0], in: shape[1], kernel: shape[2...].reduce(1, *))
        }
        return isTransposed(name, shape, readsTables)
            ? .transposed(blocks: 1, in: shape[0], out: shape[1]) : .asStored(out: shape[0], in: shape[1])
    }

    /// Whether the operation that reads a matrix is known, and with it the matrix's orientation.
    func isKnown(_ name: TensorName) -> Bool { index.shape(of: name.full).map { readings?[name.full]?.layout($0) != nil } ?? false }

    /// The groups of a convolution whose bias shows that it is stored [in, out / groups, ...], as transposed convolutions are; nil for any other.
    private func transposedGroups(_ name: TensorName, shape: [Int]) -> Int? {
        guard shape.count > 2, let bias = index.biasShape(of: name), bias.count == 1, bias[0] != shape[0], shape[1] > 0,
            bias[0] > 0, bias[0] % shape[1] == 0
        else { return nil }
        let groups = bias[0] / shape[1]
        return shape[0] % groups == 0 ? groups : nil
    }

    /// The bias has one number for each out-neuron, which decides if the sides differ; otherwise the names do.
    private func isTransposed(_ name: TensorName, _ shape: [Int], _ readsTables: Bool) -> Bool {
        let isReversed = storesConv1D && Self.conv1DNames.contains(name.moduleName) && name.last == "weight"
        if shape[0] != shape[1], let bias = index.biasShape(of: name), bias.count == 1 {
            if bias[0] == shape[0] { return false }
            if bias[0] == shape[1] { return true }
        }
        return isReversed || (readsTables || EmbeddingNames.isTable(name)) && EmbeddingNames.isEmbedding(name, index)
    }
}
