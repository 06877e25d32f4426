/// Which weights of some tensors are kept. Those that were zero before do not count.
package struct WeightMask: Sendable, Equatable {
    /// One tensor's part.
    package struct Layer: Sendable, Equatable {
        /// The tensor's name.
        package let name: String
        /// The tensor's own shape.
        package let shape: [Int]
        /// Whether each weight is kept, in the tensor's order.
        package var isKept: [Bool]
        /// The weights that are not zero in the intact model.
        package let weightCount: Int

        package init(name: String, shape: [Int], isKept: [Bool], weightCount: Int) {
            precondition(isKept.count == shape.reduce(1, *), "\(isKept.count) weights of \(shape)")
            self.name = name
            self.shape = shape
            self.isKept = isKept
            self.weightCount = weightCount
        }

        package var keptCount: Int { isKept.count { $0 } }

        /// The places of the kept weights in the tensor.
        package var kept: [Int] { isKept.indices.filter { isKept[$0] } }
    }

    /// In the model's order.
    package var layers: [Layer]

    package init(layers: [Layer]) { self.layers = layers }

    /// Whether each weight is kept, layer by layer.
    var isKept: [Bool] { layers.flatMap(\.isKept) }

    package var keptCount: Int { layers.reduce(0) { $0 + $1.keptCount } }
    package var weightCount: Int { layers.reduce(0) { $0 + $1.weightCount } }

    /// The effective circuit size: kept weights over all weights; nil if there are none.
    package var effectiveSize: Double? { weightCount > 0 ? Double(keptCount) / Double(weightCount) : nil }
}
