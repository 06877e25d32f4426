import Tensors

/// The loss of a model that predicts classes or tokens: -log of the probability that it gives to the right one.
package enum CrossEntropy {
    /// The losses and predictions of rows of logits.
    package struct Rows: Sendable, Equatable {
        /// For each row log(sum e^logits) - logits[target], computed in double precision; 0 if there is no target.
        package let losses: [Double]
        /// For each row, the class of its largest logit, the first one if several are equal.
        package let predictions: [Int32]
        /// The rows that have a target.
        package let counted: Int

        /// The mean loss of the rows that have a target; nil if none has.
        package var mean: Double? { counted > 0 ? losses.reduce(0, +) / Double(counted) : nil }
    }

    /// Losses and predictions of the rows of `logits` [..., classes].
    ///
    /// - Parameter targets: a class for each row, or -1 for rows that do not count.
    package static func forward(_ logits: Tensor, targets: [Int32], team: Team) -> Rows {
        let (losses, best) = RowCrossEntropy.losses(logits, targets: targets, team: team)
        return Rows(losses: losses, predictions: best, counted: targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) })
    }

    /// gradient = (softmax - one-hot) * weight, 0 for rows that do not count: the gradient of weight times the sum of the losses.
    ///
    /// - Parameter gradient: of the logits' shape; may be their memory.
    package static func backward(_ logits: Tensor, targets: [Int32], weight: Float, into gradient: MutableTensor, team: Team) {
        RowCrossEntropy.writeGradient(logits, targets: targets, weight: weight, into: gradient, team: team)
    }
}
