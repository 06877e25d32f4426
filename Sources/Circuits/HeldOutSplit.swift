import Tensors

/// A seeded random split of samples: those that circuits are found with, and those that they are judged on.
package struct HeldOutSplit: Sendable, Equatable {
    /// In ascending order.
    package let found: [Int]
    package let judged: [Int]

    /// - Parameter share: of the samples that are judged by, rounded; one sample at least stays in each part if there are two.
    package init(count: Int, share: Double, seed: UInt64) {
        var order = Array(0..<count)
        var generator = SeededGenerator(seed: seed, purpose: "held-out samples")
        order.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        let judged = count < 2 ? 0 : min(count - 1, max(1, Int((Double(count) * share).rounded())))
        self.judged = order.prefix(judged).sorted()
        found = order.dropFirst(judged).sorted()
    }
}
