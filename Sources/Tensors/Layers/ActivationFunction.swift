import Kernels
import KernelsV3

/// The functions that networks put between their layers, by the names that models give them.
package enum ActivationFunction: String, Sendable, CaseIterable {
    /// max(x, 0).
    case relu
    /// x times the distribution function of the normal distribution.
    case gelu
    /// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    case geluTanh = "gelu_tanh"
    /// x / (1 + e^-x).
    case silu
    case tanh
    /// 1 / (1 + e^-x).
    case sigmoid

    /// The number by which the kernels know it.
    var code: Int {
        switch self {
        case .relu: 0
        case .gelu: 1
        case .geluTanh: 2
        case .silu: 3
        case .tanh: 4
        case .sigmoid: 5
        }
    }

    private static let near = 1 << 11

    /// target = f(source), element by element; both may be the same memory. Relative error below 6e-7.
    package func apply(to source: Tensor, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) into \(target.shape)")
        team.forEach(target.count, step: Elementwise.piece) { range in
            let x = source.pointer + range.lowerBound
            let y = target.mutablePointer + range.lowerBound
            Elementwise.isWide ? KernelsV3.activate(code, x, y, range.count) : Kernels.activate(code, x, y, range.count)
        }
    }

    /// gradient = or += f'(source) * outputGradient, element by element.
    package func addGradient(
        at source: Tensor, outputGradient: Tensor, to gradient: MutableTensor, _ target: Product.Target = .add, team: Team
    ) {
        precondition(
            source.count == gradient.count && outputGradient.count == gradient.count,
            "\(source.shape), \(outputGradient.shape) to \(gradient.shape)")
        team.forEach(gradient.count, step: Elementwise.piece) { range in
            // Zeros are written into the nearest cache just before they are added to.
            for first in stride(from: range.lowerBound, to: range.upperBound, by: Self.near) {
                let count = min(Self.near, range.upperBound - first)
                let (x, dy, dx) = (
                    source.pointer + first, outputGradient.pointer + first, gradient.mutablePointer + first
                )
                if target == .overwrite { dx.update(repeating: 0, count: count) }
                Elementwise.isWide
                    ? KernelsV3.addActivationGradient(code, x, dy, dx, count) : Kernels.addActivationGradient(code, x, dy, dx, count)
            }
        }
    }
}

extension Elementwise {
    /// target = a * b, element by element; target may be a.
    package static func multiply(_ a: Tensor, _ b: Tensor, into target: MutableTensor, team: Team) {
        precondition(a.count == target.count && b.count == target.count, "\(a.shape), \(b.shape) into \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let (x, y) = (a.pointer + range.lowerBound, b.pointer + range.lowerBound)
            let z = target.mutablePointer + range.lowerBound
            isWide ? KernelsV3.multiply(x, y, z, range.count) : Kernels.multiply(x, y, z, range.count)
        }
    }

    /// target += a * b, element by element.
    package static func addProduct(_ a: Tensor, _ b: Tensor, to target: MutableTensor, team: Team) {
        precondition(a.count == target.count && b.count == target.count, "\(a.shape), \(b.shape) to \(target.shape)")
        team.forEach(target.count, step: piece) { range in
            let (x, y) = (a.pointer + range.lowerBound, b.pointer + range.lowerBound)
            let z = target.mutablePointer + range.lowerBound
            isWide ? KernelsV3.addProduct(x, y, z, range.count) : Kernels.addProduct(x, y, z, range.count)
        }
    }
}
