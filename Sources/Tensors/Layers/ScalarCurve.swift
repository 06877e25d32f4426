import Glibc
import Text

/// Activation functions with settings, less common than those of ``ActivationFunction``, as PyTorch defines them.
///
/// Each number is computed in double precision and rounded once.
package enum ScalarCurve: Sendable, Equatable {
    /// x above 0, slope x elsewhere.
    case leakyReLU(slope: Double)
    /// x above 0, alpha (e^x - 1) elsewhere.
    case elu(alpha: Double)
    /// ELU with the constants that keep mean and variance.
    case selu
    /// x above 0, alpha (e^(x / alpha) - 1) elsewhere.
    case celu(alpha: Double)
    /// ln(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.
    case softplus(beta: Double, threshold: Double)
    /// x cut to a range.
    case hardtanh(low: Double, high: Double)
    /// (x + 3) / 6, cut to 0 to 1.
    case hardsigmoid
    /// x hardsigmoid(x).
    case hardswish
    /// x tanh(softplus(x)).
    case mish
    /// x / (1 + |x|).
    case softsign
    /// -ln(1 + e^-x).
    case logSigmoid
    /// c sigmoid(slope c) with c = min(x, limit).
    case limitedSwish(slope: Double, limit: Double)
    /// x cut to -limit to limit, plus shift.
    case shiftedClamp(limit: Double, shift: Double)

    private static let seluAlpha = 1.673_263_242_354_377_2
    private static let seluScale = 1.050_700_987_355_480_5

    /// The function's value.
    package func value(_ x: Double) -> Double {
        switch self {
        case .leakyReLU(let slope): x > 0 ? x : slope * x
        case .elu(let alpha): x > 0 ? x : alpha * expm1(x)
        case .selu: Self.seluScale * (x > 0 ? x : Self.seluAlpha * expm1(x))
        case .celu(let alpha): x > 0 ? x : alpha * expm1(x / alpha)
        case .softplus(let beta, let threshold): beta * x > threshold ? x : Self.smoothRectifier(beta * x) / beta
        // A number that is none stays what it is.
        case .hardtanh(let low, let high): x < low ? low : x > high ? high : x
        case .hardsigmoid: x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6
        case .hardswish: x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6
        case .mish: x * tanh(Self.smoothRectifier(x))
        case .softsign: x / (1 + abs(x))
        case .logSigmoid: -Self.smoothRectifier(-x)
        case .limitedSwish(let slope, let limit):
            (x > limit ? limit : x) * Self.sigmoid(slope * (x > limit ? limit : x))
        case .shiftedClamp(let limit, let shift): (x < -limit ? -limit : x > limit ? limit : x) + shift
        }
    }

    /// The function's derivative; at a kink, PyTorch's.
    package func slope(_ x: Double) -> Double {
        switch self {
        case .leakyReLU(let slope): return x > 0 ? 1 : slope
        case .elu(let alpha): return x > 0 ? 1 : alpha * exp(x)
        case .selu: return Self.seluScale * (x > 0 ? 1 : Self.seluAlpha * exp(x))
        case .celu(let alpha): return x > 0 ? 1 : exp(x / alpha)
        case .softplus(let beta, let threshold): return beta * x > threshold ? 1 : Self.sigmoid(beta * x)
        case .hardtanh(let low, let high): return x > low && x < high ? 1 : 0
        case .hardsigmoid: return x > -3 && x < 3 ? 1 / 6 : 0
        case .hardswish: return x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1
        case .mish:
            let t = tanh(Self.smoothRectifier(x))
            return t + x * (1 - t * t) * Self.sigmoid(x)
        case .softsign: return 1 / ((1 + abs(x)) * (1 + abs(x)))
        case .logSigmoid: return Self.sigmoid(-x)
        case .limitedSwish(let slope, let limit):
            guard x <= limit else { return 0 }
            let share = Self.sigmoid(slope * x)
            return share + slope * x * share * (1 - share)
        case .shiftedClamp(let limit, _): return x >= -limit && x <= limit ? 1 : 0
        }
    }

    private static func smoothRectifier(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

    private static func sigmoid(_ x: Double) -> Double {
        let small = exp(-abs(x))
        return (x >= 0 ? 1 : small) / (1 + small)
    }

    /// target = f(source), element by element; both may be the same memory.
    package func apply(to source: Tensor, into target: MutableTensor, team: Team) {
        precondition(source.count == target.count, "\(source.shape) into \(target.shape)")
        team.forEach(target.count, step: Elementwise.piece) { range in
            let (x, y) = (source.pointer, target.mutablePointer)
            for i in range { y[i] = Float(value(Double(x[i]))) }
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
            let (x, dy, dx) = (source.pointer, outputGradient.pointer, gradient.mutablePointer)
            for i in range {
                let change = Float(slope(Double(x[i]))) * dy[i]
                dx[i] = target == .overwrite ? change : dx[i] + change
            }
        }
    }
}
