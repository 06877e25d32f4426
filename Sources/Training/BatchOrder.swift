import Tensors

/// The samples that each step of a run uses.
package struct BatchOrder: Sendable, Equatable {
    package enum Arrangement: Sendable, Equatable {
        /// A new random order in every epoch.
        case shuffled(seed: UInt64)
        /// The order in which they are stored.
        case stored
    }

    /// The number of samples.
    package let count: Int
    /// The samples of one batch; the last batch of an epoch may be smaller.
    package let batchSize: Int
    /// The fewest samples of a batch: a last batch that has fewer is left out.
    package let smallestBatch: Int
    /// The batches whose gradients are averaged in one step; the last step of an epoch may have fewer.
    package let accumulation: Int
    package let arrangement: Arrangement

    /// - Parameter batchSize: all samples if nil; at least `smallestBatch`, as is the number of samples.
    package init(count: Int, batchSize: Int?, smallestBatch: Int = 1, accumulation: Int = 1, arrangement: Arrangement) {
        precondition(
            smallestBatch > 0 && count >= smallestBatch && (batchSize ?? count) >= smallestBatch && accumulation > 0,
            "\(batchSize ?? 0) x \(accumulation) of \(count)")
        self.smallestBatch = smallestBatch
        self.count = count
        self.batchSize = min(batchSize ?? count, count)
        // No step has more batches than an epoch.
        self.accumulation = min(accumulation, Self.batches(of: count, self.batchSize, smallestBatch))
        self.arrangement = arrangement
    }

    private var batchesPerEpoch: Int { Self.batches(of: count, batchSize, smallestBatch) }

    private static func batches(of count: Int, _ size: Int, _ smallest: Int) -> Int { count / size + (count % size >= smallest ? 1 : 0) }

    /// The samples that an epoch leaves out: those of a last batch that would be too small.
    package var leftOut: Int { count - min(count, batchesPerEpoch * batchSize) }

    /// The steps of one pass over all samples.
    package var stepsPerEpoch: Int { (batchesPerEpoch + accumulation - 1) / accumulation }

    /// The epoch of a step, counted from 0.
    package func epoch(ofStep step: Int) -> Int { step / stepsPerEpoch }

    /// The batches of all steps before a step.
    package func batchCount(beforeStep step: Int) -> Int {
        step / stepsPerEpoch * batchesPerEpoch + step % stepsPerEpoch * accumulation
    }

    /// The samples of an epoch in their order.
    package func samples(ofEpoch epoch: Int) -> [Int] {
        var samples = Array(0..<count)
        // One batch of everything has no order.
        if case .shuffled(let seed) = arrangement, batchSize < count {
            var generator = SeededGenerator(seed: seed, purpose: "batches", index: epoch)
            samples.withUnsafeMutableBufferPointer { generator.shuffle($0) }
        }
        return samples
    }

    /// The batches of a step, as places in the epoch's order.
    func batches(ofStep step: Int) -> [Range<Int>] {
        let first = step % stepsPerEpoch * accumulation
        return (first..<min(first + accumulation, batchesPerEpoch)).map { batch in
            batch * batchSize..<min(count, (batch + 1) * batchSize)
        }
    }
}
