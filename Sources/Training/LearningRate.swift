import Glibc

/// The learning rate of each step.
package struct LearningRate: Sendable, Equatable {
    package enum Decay: String, Sendable, CaseIterable {
        case constant
        /// Half a cosine down to 0 after the last step (PyTorch's `CosineAnnealingLR`).
        case cosine
        /// It falls linearly to 0 after the last step.
        case linear

        /// The documentation of the value for help and manual, one sentence.
        package var documentation: String {
            switch self {
            case .constant: "It stays the same."
            case .cosine: "It falls to 0 after the last step along half a cosine."
            case .linear: "It falls linearly to 0 after the last step."
            }
        }
    }

    /// The largest rate.
    package var peak: Double
    package var decay: Decay
    /// The steps in which the rate rises in a line to its peak, the first having `peak / warmup`.
    package var warmup: Int
    /// The steps of the whole run.
    package var total: Int

    package init(_ peak: Double, decay: Decay = .constant, warmup: Int = 0, total: Int) {
        self.peak = peak
        self.decay = decay
        self.warmup = warmup
        self.total = total
    }

    /// The rate of a step, counted from 0.
    package subscript(step: Int) -> Double {
        if step < warmup { return peak * Double(step + 1) / Double(warmup) }
        let length = max(total - warmup, 1)
        let progress = min(1, Double(step - warmup) / Double(length))
        switch decay {
        case .constant: return peak
        case .cosine: return peak * 0.5 * (1 + cos(Double.pi * progress))
        case .linear: return peak * (1 - progress)
        }
    }
}
