import Text

/// How and for how long weights are trained, before the data determines the number of samples and steps.
package struct TrainingPlan: Sendable {
    /// The samples of a batch.
    package enum Batch: Sendable {
        /// 64, or 8 windows of running text, which are larger.
        case standard
        case samples(Int)
        /// All.
        case wholeData
    }

    package enum Length: Sendable {
        case epochs(Int)
        case steps(Int)
    }

    package var optimizer = Optimizer(.adam)
    /// The largest learning rate.
    package var learningRate = 1e-3
    package var decay = LearningRate.Decay.constant
    /// The steps in which the learning rate rises.
    package var rateWarmup = 0
    /// The norm to which longer gradients are scaled down.
    package var largestNorm: Double?
    package var batch = Batch.standard
    /// The number of batches whose gradients are averaged for one step.
    package var accumulation = 1
    package var length = Length.epochs(1)

    package init() {}

    /// How samples come in batches.
    ///
    /// - Parameters:
    ///   - count: the samples of the data.
    ///   - isRunningText: whether they are windows of text.
    ///   - smallest: the fewest samples of a batch; see ``BatchOrder/smallestBatch``.
    /// - Throws: ``Problem`` if there are not as many, or batches of fewer were requested.
    package func order(count: Int, isRunningText: Bool, smallest: Int, seed: UInt64) throws(Problem) -> BatchOrder {
        let size: Int?
        switch batch {
        case .standard: size = min(count, isRunningText ? 8 : 64)
        case .samples(let wanted): size = min(count, wanted)
        case .wholeData: size = nil
        }
        guard size ?? count >= smallest else {
            throw Problem(
                "batch norm cannot be trained on batches of 1 sample", setting: count < smallest ? nil : .batchSize,
                expected: "at least \(smallest) samples", found: "\(size ?? count)")
        }
        return BatchOrder(
            count: count, batchSize: size, smallestBatch: smallest, accumulation: accumulation, arrangement: .shuffled(seed: seed))
    }

    /// The steps of the whole run.
    ///
    /// - Throws: ``Problem`` for more than can be counted.
    package func stepCount(_ order: BatchOrder) throws(Problem) -> Int {
        switch length {
        case .steps(let steps): return steps
        case .epochs(let epochs):
            let (count, overflow) = epochs.multipliedReportingOverflow(by: order.stepsPerEpoch)
            if overflow { throw Problem("more steps than can be counted", setting: .epochs) }
            return count
        }
    }

    /// - Parameter steps: the steps of the whole run.
    package func settings(steps: Int) -> Trainer.Settings {
        Trainer.Settings(
            optimizer: optimizer, learningRate: LearningRate(learningRate, decay: decay, warmup: rateWarmup, total: steps),
            largestNorm: largestNorm)
    }
}
