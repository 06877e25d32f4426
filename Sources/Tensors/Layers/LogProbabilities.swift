import Glibc

/// Rows of logits as logarithms of probabilities, in double precision; for logits of any size.
package enum LogProbabilities {
    /// log(sum e^x), which is what a logit has more than its log-probability. The largest element is taken out first: no overflow, and no loss
    /// where one element outweighs the others.
    package static func total(_ logits: UnsafeBufferPointer<Float>) -> Double {
        guard let first = logits.baseAddress else { return -.infinity }
        let largest = RowSoftmax.maximum(first, logits.count)
        guard largest.isFinite else { return Double(largest) }
        return Double(largest) + log(DoubleKernels.current.sumExponentials(first, logits.count, Double(largest)))
    }

    /// KL(p || q) in nats for the softmax p of `logits` and q of `others`: what p gives no probability adds nothing.
    package static func divergence(_ logits: UnsafeBufferPointer<Float>, from others: UnsafeBufferPointer<Float>) -> Double {
        precondition(logits.count == others.count, "\(logits.count) and \(others.count) logits")
        guard let p = logits.baseAddress, let q = others.baseAddress else { return 0 }
        return DoubleKernels.current.sumDivergence(p, total(logits), q, total(others), logits.count)
    }
}
