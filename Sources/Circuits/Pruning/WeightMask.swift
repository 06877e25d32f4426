/// Which weights of some tensors are kept. Those that were zero before are no weights.
public struct WeightMask: Sendable, Equatable {
    /// One tensor's part.
    public struct Layer: Sendable, Equatable {
        /// The tensor's name.
        public let name: String
        /// The tensor's own shape.
        public let shape: [Int]
        /// Whether each weight is kept, in the tensor's order.
        public var isKept: [Bool]
        /// The weights that are not zero in the intact model.
        public let weightCount: Int

        public init(name: String, shape: [Int], isKept: [Bool], weightCount: Int) {
            precondition(isKept.count == shape.reduce(1, *), "\(isKept.count) weights of \(shape)")
            self.name = name
            self.shape = shape
            self.isKept = isKept
            self.weightCount = weightCount
        }

        public var keptCount: Int { isKept.count { $0 } }

        /// The places of the kept weights in the tensor.
        public var kept: [Int] { isKept.indices.filter { isKept[$0] } }
    }

    /// In the model's order.
    public var layers: [Layer]

    public init(layers: [Layer]) { self.layers = layers }

    /// Whether each weight is kept, layer after layer.
    var isKept: [Bool] { layers.flatMap(\.isKept) }

    public var keptCount: Int { layers.reduce(0) { $0 + $1.keptCount } }
    public var weightCount: Int { layers.reduce(0) { $0 + $1.weightCount } }

    /// The effective circuit size: kept weights over all weights; nil where there are none.
    public var effectiveSize: Double? { weightCount > 0 ? Double(keptCount) / Double(weightCount) : nil }
}
