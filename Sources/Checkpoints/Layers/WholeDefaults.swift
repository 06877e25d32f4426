import Archives

/// The default layers of a model of no known family as if all of its tensors could be read.
///
/// What is left of a damaged chain may follow shape by shape by chance, and has other ends: its default layers would be others than those of the
/// whole file. The shapes of damaged tensors are known as a rule, and with them the layers that the whole file has.
struct WholeDefaults: Sendable {
    /// The names of the default layers; nil if what is missing could be anything.
    let names: Set<String>?
    /// The tensors that cannot be read and hold default layers, or may hold some.
    let unreadable: [UnreadableTensor]
    /// Whether the whole file holds a plain chain.
    let isChain: Bool

    /// - Parameters:
    ///   - tensors: those that can be read.
    ///   - keepsOrder: whether they are in the order of the model.
    ///   - catalog: the catalog of a model in which nothing is damaged.
    /// - Returns: nil if no tensor is damaged that could be a layer.
    init?(
        _ tensors: [TensorRecord], unreadable: [UnreadableTensor], keepsOrder: Bool,
        catalog: ([TensorRecord], [UnreadableTensor]) -> LayerCatalog
    ) {
        let unknown = unreadable.filter { $0.shape == nil && $0.dtype == nil }
        let unclear = unknown.filter { TensorName($0.name).last != "bias" }
        let described = unreadable.compactMap(\.description)
        guard !described.isEmpty || !unknown.isEmpty else { return nil }
        let others = Set(described.map(\.name) + unknown.map(\.name)).subtracting(unclear.map(\.name))
        let whole = catalog(
            Self.merged(tensors, described, places: unreadable, keepsOrder: keepsOrder), unreadable.filter { !others.contains($0.name) })
        let layers = whole.defaultLayers
        let holders = Set(layers.map(\.tensorName))
        self.names = unclear.isEmpty ? Set(layers.map(\.name)) : nil
        self.unreadable = unreadable.filter { holders.contains($0.name) } + unclear
        isChain = whole.family == .chain
    }

    /// The tensors of the whole file, in its order.
    private static func merged(
        _ tensors: [TensorRecord], _ described: [TensorRecord], places unreadable: [UnreadableTensor], keepsOrder: Bool
    ) -> [TensorRecord] {
        guard keepsOrder else { return tensors + described }
        /// Where each that cannot be read belongs.
        let places = Dictionary(unreadable.compactMap { tensor in tensor.place.map { (tensor.name, $0) } }, uniquingKeysWith: { $1 })
        let byPlace = Dictionary(described.compactMap { record in places[record.name].map { ($0, record) } }, uniquingKeysWith: { $1 })
        let taken = Set(places.values)
        var whole: [TensorRecord] = []
        var rest = tensors[...]
        for place in 0..<(tensors.count + unreadable.count) {
            if let record = byPlace[place] {
                whole.append(record)
            } else if let next = rest.first, !taken.contains(place) {
                whole.append(next)
                rest = rest.dropFirst()
            }
        }
        return whole + rest + described.filter { places[$0.name] == nil }
    }
}

extension UnreadableTensor {
    /// A tensor of the same name, shape and kind of numbers, all of them 0; nil if the file does not say both, and for what could not be read
    /// in a whole file either.
    fileprivate var description: TensorRecord? {
        guard isDamaged, let shape, let type = numberType else { return nil }
        let block = ByteRegion(copying: [UInt8](repeating: 0, count: type.bytesPerBlock))
        return try? TensorRecord(
            name: name, dtype: type.blockFormat == nil ? type : .f32, shape: shape, strides: shape.map { _ in 0 }, offset: 0, storage: block
        )
    }

    /// The type of the numbers; nil if the file does not give it, or gives one that is not read.
    private var numberType: DType? {
        guard let dtype else { return nil }
        return DType(rawValue: dtype.lowercased()) ?? Safetensors.type(named: dtype) ?? NPY.type(named: dtype)
    }
}
