import Glibc
import Kernels
import KernelsV3

/// The cross-entropy of rows of logits with the right classes.
package enum RowCrossEntropy {
    /// Losses and best classes of the rows of `logits` [rows, classes].
    ///
    /// - Parameters:
    ///   - targets: a class for each row, or -1 if there is none.
    /// - Returns: for each row log(sum e^logits) - logits[target], 0 if there is no target; and the class of the largest logit,
    ///   the first one if several are equal, with NaN as the largest.
    package static func losses(_ logits: Tensor, targets: [Int32], team: Team) -> (losses: [Double], best: [Int32]) {
        let (rows, classes) = (logits.rows, logits.width)
        check(targets, rows, classes)
        var losses = [Double](repeating: 0, count: rows)
        var best = [Int32](repeating: 0, count: rows)
        losses.withUnsafeMutableBufferPointer { losses in
            best.withUnsafeMutableBufferPointer { best in
                nonisolated(unsafe) let (losses, best) = (losses, best)
                team.forEach(rows, step: RowSoftmax.step(classes)) { range in
                    for row in range {
                        let x = logits.pointer + row * classes
                        let largest = RowSoftmax.maximum(x, classes)
                        best[row] = Int32(truncatingIfNeeded: firstIndex(of: largest, x, classes))
                        if targets[row] >= 0 {
                            let sum = RowSoftmax.sumOfExponentials(x, classes, shift: largest)
                            losses[row] = log(sum) - (Double(x[Int(targets[row])]) - Double(largest))
                        }
                    }
                }
            }
        }
        return (losses, best)
    }

    /// gradient = (softmax - one-hot) * weight row by row: that of weight times the sum of the losses. Rows without a target get 0.
    package static func writeGradient(_ logits: Tensor, targets: [Int32], weight: Float, into gradient: MutableTensor, team: Team) {
        let (rows, classes) = (logits.rows, logits.width)
        check(targets, rows, classes)
        precondition(gradient.count == logits.count, "\(gradient.shape) for \(logits.shape)")
        team.forEach(rows, step: RowSoftmax.step(classes)) { range in
            for row in range {
                let target = gradient.mutablePointer + row * classes
                guard targets[row] >= 0 else {
                    target.update(repeating: 0, count: classes)
                    continue
                }
                let sum = RowSoftmax.exponentials(logits.pointer + row * classes, classes, into: target)
                RowSoftmax.scale(target, classes, by: Float(Double(weight) / sum))
                target[Int(targets[row])] -= weight
            }
        }
    }

    private static func check(_ targets: [Int32], _ rows: Int, _ classes: Int) {
        precondition(targets.count == rows, "\(targets.count) targets for \(rows) rows")
        precondition(targets.allSatisfy { $0 >= -1 && Int($0) < classes }, "a target outside \(classes) classes")
    }

    /// The index of the first largest element, or of the first NaN if there is one.
    private static func firstIndex(of largest: Float, _ x: UnsafePointer<Float>, _ count: Int) -> Int {
        let place = Elementwise.isWide ? KernelsV3.firstPlace(of: largest, x, count) : Kernels.firstPlace(of: largest, x, count)
        return min(place, max(count - 1, 0))
    }
}
