import Glibc
import Kernels
import KernelsV3

/// Softmax over the rows of a tensor: its last dimension.
package enum RowSoftmax {
    /// target = softmax of each row of `source`; both may be the same memory. Minus infinity gets exactly 0.
    package static func apply(to source: Tensor, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count && source.width == target.width, "\(source.shape) into \(target.shape)")
        let width = target.width
        team.forEach(target.rows, step: step(width)) { rows in
            for row in rows {
                let y = target.mutablePointer + row * width
                let sum = exponentials(source.pointer + row * width, width, into: y)
                scale(y, width, by: Float(1 / sum))
            }
        }
    }

    /// The same with one more score in each row, which takes its share and is left out of the result: row r has sink r / `rowsOfSink`, in
    /// turn.
    package static func apply(to source: Tensor, sinks: Tensor, rowsOfSink: Int, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count && source.width == target.width, "\(source.shape) into \(target.shape)")
        let (width, count) = (target.width, sinks.count)
        precondition(target.rows % max(1, rowsOfSink * count) == 0, "\(count) sinks of \(rowsOfSink) rows for \(target.shape)")
        team.forEach(target.rows, step: step(width)) { rows in
            for row in rows {
                let y = target.mutablePointer + row * width
                let sink = sinks.pointer[row / rowsOfSink % count]
                let sum = exponentials(source.pointer + row * width, width, sink: sink, into: y).sum
                scale(y, width, by: Float(1 / sum))
            }
        }
    }

    /// The sinks' gradient += -(1 - sum p) sum(p dp) over the rows of each.
    package static func addSinkGradient(
        of softmax: Tensor, outputGradient: Tensor, rowsOfSink: Int, to gradient: MutableTensor, team: Team
    ) {
        let (width, count) = (softmax.width, gradient.count)
        let groups = softmax.rows / max(1, rowsOfSink * count)
        precondition(outputGradient.count == softmax.count, "\(softmax.shape), \(outputGradient.shape)")
        team.forEach(count) { sink in
            var sum = 0.0
            for group in 0..<groups {
                for row in (group * count + sink) * rowsOfSink..<(group * count + sink + 1) * rowsOfSink {
                    let p = softmax.pointer + row * width
                    var share = 1.0
                    for place in 0..<width { share -= Double(p[place]) }
                    sum -= max(0, share) * product(p, outputGradient.pointer + row * width, width)
                }
            }
            gradient.mutablePointer[sink] += Float(sum)
        }
    }

    /// gradient += p * (dp - sum(p dp)) row by row, for a softmax p and the gradient dp at it.
    package static func addGradient(of softmax: Tensor, outputGradient: Tensor, to gradient: MutableTensor, team: Team) {
        precondition(
            softmax.count == gradient.count && outputGradient.count == gradient.count,
            "\(softmax.shape), \(outputGradient.shape) to \(gradient.shape)")
        let width = softmax.width
        team.forEach(softmax.rows, step: step(width)) { rows in
            for row in rows {
                let p = softmax.pointer + row * width
                let dp = outputGradient.pointer + row * width
                let mean = Float(product(p, dp, width))
                let dx = gradient.mutablePointer + row * width
                Elementwise.isWide
                    ? KernelsV3.addSoftmaxGradient(p, dp, width, mean, dx) : Kernels.addSoftmaxGradient(p, dp, width, mean, dx)
            }
        }
    }

    /// The rows that make one piece of work.
    static func step(_ width: Int) -> Int { max(1, Elementwise.piece / max(width, 1)) }

    /// The largest element of a row.
    static func maximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
        Elementwise.isWide ? KernelsV3.rowMaximum(x, count) : Kernels.rowMaximum(x, count)
    }

    /// y = e^(x - the largest x); returns the sum.
    static func exponentials(_ x: UnsafePointer<Float>, _ count: Int, into y: UnsafeMutablePointer<Float>) -> Double {
        let largest = maximum(x, count)
        return Elementwise.isWide ? KernelsV3.exponentials(x, count, largest, y) : Kernels.exponentials(x, count, largest, y)
    }

    /// The same with one more score, if there is one, whose exponential is in the sum and is returned beside it.
    static func exponentials(
        _ x: UnsafePointer<Float>, _ count: Int, sink: Float?, into y: UnsafeMutablePointer<Float>
    ) -> (sum: Double, sink: Double) {
        guard let sink else { return (exponentials(x, count, into: y), 0) }
        // A row may be seen by nobody but its sink.
        let largest = max(count > 0 ? maximum(x, count) : sink, sink)
        let sum = Elementwise.isWide ? KernelsV3.exponentials(x, count, largest, y) : Kernels.exponentials(x, count, largest, y)
        let own = exp(Double(sink) - Double(largest))
        return (sum + own, own)
    }

    /// The sum of e^(x - shift).
    static func sumOfExponentials(_ x: UnsafePointer<Float>, _ count: Int, shift: Float) -> Double {
        Elementwise.isWide ? KernelsV3.sumOfExponentials(x, count, shift) : Kernels.sumOfExponentials(x, count, shift)
    }

    static func scale(_ x: UnsafeMutablePointer<Float>, _ count: Int, by factor: Float) {
        Elementwise.isWide ? KernelsV3.scaleInPlace(x, count, factor) : Kernels.scaleInPlace(x, count, factor)
    }

    /// The sum of a_i b_i.
    static func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
        Elementwise.isWide ? KernelsV3.sumOfProducts(a, b, count) : Kernels.sumOfProducts(a, b, count)
    }
}
