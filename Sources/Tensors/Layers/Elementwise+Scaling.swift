import Kernels
import KernelsV3

extension Elementwise {
    /// target = cap tanh(source / cap), element by element; both may be the same memory.
    package static func cap(_ source: Tensor, at cap: Float, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) into \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let (x, y) = (source.pointer + range.lowerBound, target.mutablePointer + range.lowerBound)
            for i in 0..<range.count { y[i] = x[i] / cap }
            let code = ActivationFunction.tanh.code
            isWide ? KernelsV3.activate(code, y, y, range.count) : Kernels.activate(code, y, y, range.count)
            RowSoftmax.scale(y, range.count, by: cap)
        }
    }

    /// gradient += (1 - (output / cap)^2) * outputGradient, for the output of ``cap(_:at:into:team:)``.
    package static func addCapGradient(
        at output: Tensor, cap: Float, outputGradient: Tensor, to gradient: MutableTensor, team: Team
    ) {
        precondition(output.count == gradient.count && outputGradient.count == gradient.count, "\(output.shape) to \(gradient.shape)")
        team.forEach(gradient.count, step: piece) { range in
            let (y, dy, dx) = (output.pointer, outputGradient.pointer, gradient.mutablePointer)
            for i in range {
                let bent = y[i] / cap
                dx[i] += (1 - bent * bent) * dy[i]
            }
        }
    }

    /// target = factor source, element by element; both may be the same memory.
    package static func scale(_ source: Tensor, by factor: Float, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) into \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let (x, y) = (source.pointer, target.mutablePointer)
            for i in range { y[i] = factor * x[i] }
        }
    }

    /// target += factor source, element by element.
    package static func addScaled(_ source: Tensor, by factor: Float, to target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) to \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let (x, y) = (source.pointer, target.mutablePointer)
            for i in range { y[i] += factor * x[i] }
        }
    }
}
