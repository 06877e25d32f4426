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
