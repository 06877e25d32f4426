import Networks
import Tensors

/// The weights of the step that an evaluation found best so far.
struct BestWeights {
    var step: Int
    var loss: Double
    /// In the order of the run's own memory.
    var tensors: [MutableTensor]
}

extension Trainer {
    /// The memory of the weights and statistics.
    private var keptMemory: [MutableTensor] { [weights] + measured }

    /// The step that was best and its loss; nil before ``keepIfBest(loss:)``.
    package var bestStep: (step: Int, loss: Double)? { best.map { ($0.step, $0.loss) } }

    /// Remembers the current weights if the loss is lower than any before.
    package func keepIfBest(loss: Double) {
        guard loss.isFinite, loss < best?.loss ?? .infinity else { return }
        if best == nil {
            best = BestWeights(step: step, loss: loss, tensors: keptMemory.map { $0.copied() })
        } else {
            best?.step = step
            best?.loss = loss
            for (kept, current) in zip(best?.tensors ?? [], keptMemory) { kept.copy(from: current) }
        }
    }

    /// Puts the best weights in the place of the last, and the last in theirs: done twice, nothing has changed. No step may be made in between.
    package func exchangeBest() {
        for (kept, current) in zip(best?.tensors ?? [], keptMemory) {
            let last = current.copied()
            current.copy(from: kept)
            kept.copy(from: last)
        }
    }
}
