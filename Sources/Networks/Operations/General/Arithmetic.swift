import Glibc
import Tensors
import Text

/// A function of two numbers, element by element; each operand is repeated along its dimensions of length 1.
///
/// The operands are the inputs, then the parameters; or the parameters first where a weight is the left operand.
package struct Arithmetic: Operation {
    package enum Function: String, Sendable {
        case add, subtract, multiply, divide, power, minimum, maximum
        /// Truth values are 1 and 0; they have no gradient.
        case equal, less, lessOrEqual, greater, greaterOrEqual, and, or, exclusiveOr
        /// The remainder with the sign of the divisor, as of whole numbers.
        case modulo
        /// The remainder with the sign of the number.
        case remainder
        /// The quotient without what is behind the point, as of whole numbers; no gradient.
        case quotient

        var hasGradient: Bool {
            switch self {
            case .add, .subtract, .multiply, .divide, .power, .minimum, .maximum, .modulo, .remainder: true
            default: false
            }
        }

        var isLinear: Bool { self == .add || self == .subtract }
    }

    package let function: Function
    /// Whether the parameter is the left operand.
    package let parameterFirst: Bool

    package init(_ function: Function, parameterFirst: Bool = false) {
        self.function = function
        self.parameterFirst = parameterFirst
    }

    package var name: String { function.rawValue }
    package var gradientReading: GradientReading { function.isLinear || !function.hasGradient ? [] : .inputs }

    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .fixed }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? { nil }

    private func operands<Value>(_ inputs: [Value], _ parameters: [Value]) -> (Value, Value) {
        let all = parameterFirst ? parameters + inputs : inputs + parameters
        return (all[0], all[1])
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] {
        let (a, b) = operands(inputs, parameters)
        return try repeatedShape(a, b)
    }

    private func steps(_ a: [Int], _ b: [Int], _ output: [Int]) -> IndexSteps {
        IndexSteps(
            output,
            [
                (0, IndexSteps.repeated(a, to: output)), (0, IndexSteps.repeated(b, to: output)), (0, IndexSteps.ofStored(output)),
            ])
    }

    package func forward(_ pass: ForwardPass) {
        let (a, b) = operands(pass.inputs, pass.parameters)
        if a.shape == pass.output.shape, b.shape == a.shape {
            switch function {
            case .add:
                pass.output.copy(from: a)
                return Elementwise.add(b, to: pass.output, team: pass.team)
            case .multiply: return Elementwise.multiply(a, b, into: pass.output, team: pass.team)
            default: break
            }
        }
        let (output, steps) = (pass.output, steps(a.shape, b.shape, pass.output.shape))
        func run(_ f: @escaping @Sendable (Float, Float) -> Float) { Self.run(a, b, output, steps, pass.team, f) }
        switch function {
        case .add: Self.run(a, b, output, steps, pass.team) { $0 + $1 }
        case .subtract: Self.run(a, b, output, steps, pass.team) { $0 - $1 }
        case .multiply: Self.run(a, b, output, steps, pass.team) { $0 * $1 }
        case .divide: Self.run(a, b, output, steps, pass.team) { $0 / $1 }
        case .power: run { $1 == 2 ? $0 * $0 : pow($0, $1) }
        case .minimum: run { $0.isNaN || $0 < $1 ? $0 : $1 }
        case .maximum: run { $0.isNaN || $0 > $1 ? $0 : $1 }
        case .equal: run { $0 == $1 ? 1 : 0 }
        case .less: run { $0 < $1 ? 1 : 0 }
        case .lessOrEqual: run { $0 <= $1 ? 1 : 0 }
        case .greater: run { $0 > $1 ? 1 : 0 }
        case .greaterOrEqual: run { $0 >= $1 ? 1 : 0 }
        case .and: run { $0 != 0 && $1 != 0 ? 1 : 0 }
        case .or: run { $0 != 0 || $1 != 0 ? 1 : 0 }
        case .exclusiveOr: run { ($0 != 0) != ($1 != 0) ? 1 : 0 }
        case .modulo: run { $0 - $1 * ($0 / $1).rounded(.down) }
        case .remainder: run { fmod($0, $1) }
        // In double precision no quotient of whole numbers is rounded up to the next.
        case .quotient: run { Float((Double($0) / Double($1)).rounded(.towardZero)) }
        }
    }

    @inline(__always)
    private static func run(
        _ a: Tensor, _ b: Tensor, _ output: MutableTensor, _ steps: IndexSteps, _ team: Team,
        _ f: @escaping @Sendable (Float, Float) -> Float
    ) {
        let (width, rows) = (steps.width, steps.rows)
        let (i, j) = (steps.step(0), steps.step(1))
        // A single long row is divided too.
        let piece = 1 << 14
        if rows == 1 {
            team.forEach(width, step: piece) { range in
                line(a, steps.start(of: 0, 0), i, b, steps.start(of: 0, 1), j, output, 0, range, f)
            }
        } else {
            team.forEach(rows, step: max(1, piece / max(1, width))) { range in
                for row in range {
                    line(a, steps.start(of: row, 0), i, b, steps.start(of: row, 1), j, output, row * width, 0..<width, f)
                }
            }
        }
    }

    @inline(__always)
    private static func line(
        _ a: Tensor, _ first: Int, _ i: Int, _ b: Tensor, _ second: Int, _ j: Int, _ output: MutableTensor, _ start: Int,
        _ range: Range<Int>, _ f: (Float, Float) -> Float
    ) {
        a.withElements { x in
            b.withElements { y in
                output.withMutableElements { z in
                    for k in range { z[start + k] = f(x[first + k * i], y[second + k * j]) }
                }
            }
        }
    }

    /// da += the sums of dy times the derivative by a over the places where an element of a was repeated; b alike. Where the two are equal, the
    /// larger and the smaller of them share the gradient, as in PyTorch.
    package func backward(_ pass: BackwardPass) {
        guard function.hasGradient else { return }
        let (a, b) = operands(pass.inputs, pass.parameters)
        let (toA, toB) = operands(pass.inputGradients, pass.parameterGradients)
        let shape = pass.outputGradient.shape
        let steps = steps(a.shape, b.shape, shape)
        for (gradient, own) in [(toA, 0), (toB, 1)] {
            guard let gradient else { continue }
            let isFirst = own == 0
            switch function {
            case .add: Self.add(pass, a, b, steps, to: gradient, own) { _, _ in 1 }
            case .subtract: Self.add(pass, a, b, steps, to: gradient, own) { _, _ in isFirst ? 1 : -1 }
            case .multiply: Self.add(pass, a, b, steps, to: gradient, own) { isFirst ? $1 : $0 }
            case .divide: Self.add(pass, a, b, steps, to: gradient, own) { isFirst ? 1 / $1 : -$0 / ($1 * $1) }
            case .power:
                Self.add(pass, a, b, steps, to: gradient, own) { x, y in
                    if isFirst { return y == 0 ? 0 : y == 2 ? 2 * x : y * pow(x, y - 1) }
                    return x == 0 && y >= 0 ? 0 : pow(x, y) * log(x)
                }
            case .minimum:
                Self.add(pass, a, b, steps, to: gradient, own) { $0 == $1 ? 0.5 : ($0 < $1) == isFirst ? 1 : 0 }
            case .maximum:
                Self.add(pass, a, b, steps, to: gradient, own) { $0 == $1 ? 0.5 : ($0 > $1) == isFirst ? 1 : 0 }
            // What was taken off is a whole number of divisors.
            case .modulo: Self.add(pass, a, b, steps, to: gradient, own) { isFirst ? 1 : -($0 / $1).rounded(.down) }
            case .remainder: Self.add(pass, a, b, steps, to: gradient, own) { isFirst ? 1 : -($0 / $1).rounded(.towardZero) }
            default: break
            }
        }
    }

    @inline(__always)
    private static func add(
        _ pass: BackwardPass, _ a: Tensor, _ b: Tensor, _ steps: IndexSteps, to gradient: MutableTensor, _ own: Int,
        _ slope: @escaping @Sendable (Float, Float) -> Float
    ) {
        let dy = pass.outputGradient
        let (width, i, j) = (steps.width, steps.step(0), steps.step(1))
        let target = own == 0 ? i : j
        @Sendable func row(_ row: Int) {
            let (first, second) = (steps.start(of: row, 0), steps.start(of: row, 1))
            let start = own == 0 ? first : second
            a.withElements { x in
                b.withElements { y in
                    dy.withElements { g in
                        gradient.withMutableElements { d in
                            if target == 0 {
                                var sum: Float = 0
                                for k in 0..<width { sum += g[row * width + k] * slope(x[first + k * i], y[second + k * j]) }
                                d[start] += sum
                            } else {
                                for k in 0..<width {
                                    d[start + k * target] += g[row * width + k] * slope(x[first + k * i], y[second + k * j])
                                }
                            }
                        }
                    }
                }
            }
        }
        if gradient.count == dy.count {
            pass.team.forEach(steps.rows, step: max(1, (1 << 14) / max(1, width))) { range in for index in range { row(index) } }
        } else {
            // Rows share elements of the gradient, which are added to in their order.
            for index in 0..<steps.rows { row(index) }
        }
    }
}
