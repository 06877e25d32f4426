import Glibc
import Tensors
import Text

/// A function of one number, element by element, beyond those that networks use as activations.
package struct ElementCurve: Operation {
    package enum Function: Sendable, Equatable {
        case negative, absolute, reciprocal, squareRoot, exponential, logarithm, error
        case sine, cosine, tangent, arcSine, arcCosine, arcTangent
        /// Of hyperbolas, and their inverses.
        case hyperbolicSine, hyperbolicCosine, areaSine, areaCosine, areaTangent
        /// 1 - erf(x) and e^x - 1, with all digits where they are small.
        case complementaryError, exponentialLessOne
        case sign, floor, ceiling, round, not
        /// Towards 0: what a cast to whole numbers does.
        case truncate
        /// 1 for all numbers but 0.
        case truth
        /// Whether it is no number.
        case isNaN
        /// The nearest number of half precision, or of bfloat16, ties to even: what a cast to it does. Its slope is 1.
        case halfPrecision, brainPrecision
        /// x cut to a range.
        case clip(low: Float, high: Float)
        /// alpha x + beta, cut to 0 to 1.
        case hardSigmoid(alpha: Float, beta: Float)
        /// x above alpha, 0 elsewhere.
        case threshold(alpha: Float)
        /// x times the logistic function of alpha x.
        case scaledLogistic(alpha: Float)
        /// gamma x above 0, gamma alpha (e^x - 1) elsewhere.
        case scaledExponential(alpha: Float, gamma: Float)
        /// x + the number.
        case shift(Float)
        /// x to the power of the number.
        case power(Float)
        /// x without what is between -lambda and lambda, moved by bias.
        case shrink(bias: Float, lambda: Float)
    }

    package let function: Function
    package let name: String

    package init(_ function: Function, name: String) {
        self.function = function
        self.name = name
    }

    package var gradientReading: GradientReading { .inputs }
    package var worksInPlace: Bool { true }
    package func joinedDimensions(ofInput input: Int, rank: Int) -> [Int] { [] }
    package var neurons: NeuronRule { .elementwise }

    package func restricted(to neurons: [Int], parameters: [Tensor]) -> RestrictedOperation? {
        RestrictedOperation(operation: self, parameters: parameters, reading: .same)
    }

    package func outputShape(inputs: [[Int]], parameters: [[Int]], batch: BatchShape) throws(Problem) -> [Int] { inputs[0] }

    private static func brainPrecision(_ x: Float) -> Float {
        guard x.isFinite else { return x }
        let bits = x.bitPattern
        return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    /// The function's value.
    func value(_ x: Float) -> Float {
        switch function {
        case .negative: -x
        case .absolute: abs(x)
        case .reciprocal: 1 / x
        case .squareRoot: x.squareRoot()
        case .exponential: exp(x)
        case .logarithm: log(x)
        case .error: Float(erf(Double(x)))
        case .complementaryError: Float(erfc(Double(x)))
        case .exponentialLessOne: expm1(x)
        case .sine: sin(x)
        case .cosine: cos(x)
        case .tangent: tan(x)
        case .arcSine: asin(x)
        case .arcCosine: acos(x)
        case .arcTangent: atan(x)
        case .hyperbolicSine: sinh(x)
        case .hyperbolicCosine: cosh(x)
        case .areaSine: asinh(x)
        case .areaCosine: acosh(x)
        case .areaTangent: atanh(x)
        case .sign: x > 0 ? 1 : x < 0 ? -1 : x
        case .floor: x.rounded(.down)
        case .ceiling: x.rounded(.up)
        case .round: x.rounded(.toNearestOrEven)
        case .truncate: x.rounded(.towardZero)
        case .not: x == 0 ? 1 : 0
        case .truth: x == 0 ? 0 : 1
        case .isNaN: x.isNaN ? 1 : 0
        case .halfPrecision: Float(Float16(x))
        case .brainPrecision: Self.brainPrecision(x)
        case .clip(let low, let high): x.isNaN ? x : min(high, max(low, x))
        case .hardSigmoid(let alpha, let beta): max(0, min(1, alpha * x + beta))
        case .threshold(let alpha): x > alpha ? x : 0
        case .scaledLogistic(let alpha): x / (1 + exp(-alpha * x))
        case .scaledExponential(let alpha, let gamma): gamma * (x > 0 ? x : alpha * expm1(x))
        case .shift(let number): x + number
        case .power(let exponent): exponent == 2 ? x * x : exponent == 3 ? x * x * x : pow(x, exponent)
        case .shrink(let bias, let lambda): x < -lambda ? x + bias : x > lambda ? x - bias : 0
        }
    }

    /// The function's derivative; at a kink, PyTorch's.
    func slope(_ x: Float) -> Float {
        switch function {
        case .negative: return -1
        case .absolute: return x > 0 ? 1 : x < 0 ? -1 : 0
        case .reciprocal: return -1 / (x * x)
        case .squareRoot: return 0.5 / x.squareRoot()
        case .exponential: return exp(x)
        case .logarithm: return 1 / x
        case .error: return Float(2 / Double.pi.squareRoot() * exp(-Double(x) * Double(x)))
        case .complementaryError: return Float(-2 / Double.pi.squareRoot() * exp(-Double(x) * Double(x)))
        case .exponentialLessOne: return exp(x)
        case .sine: return cos(x)
        case .cosine: return -sin(x)
        case .tangent: return 1 + tan(x) * tan(x)
        case .arcSine: return 1 / (1 - x * x).squareRoot()
        case .arcCosine: return -1 / (1 - x * x).squareRoot()
        case .arcTangent: return 1 / (1 + x * x)
        case .hyperbolicSine: return cosh(x)
        case .hyperbolicCosine: return sinh(x)
        case .areaSine: return 1 / (x * x + 1).squareRoot()
        case .areaCosine: return 1 / (x * x - 1).squareRoot()
        case .areaTangent: return 1 / (1 - x * x)
        case .halfPrecision, .brainPrecision: return 1
        case .sign, .floor, .ceiling, .round, .truncate, .not, .truth, .isNaN: return 0
        case .clip(let low, let high): return x >= low && x <= high ? 1 : 0
        case .hardSigmoid(let alpha, let beta): return alpha * x + beta > 0 && alpha * x + beta < 1 ? alpha : 0
        case .threshold(let alpha): return x > alpha ? 1 : 0
        case .scaledLogistic(let alpha):
            let s = 1 / (1 + exp(-alpha * x))
            return s + alpha * x * s * (1 - s)
        case .scaledExponential(let alpha, let gamma): return gamma * (x > 0 ? 1 : alpha * exp(x))
        case .shift: return 1
        case .power(let exponent): return exponent == 2 ? 2 * x : exponent == 0 ? 0 : exponent * pow(x, exponent - 1)
        case .shrink(_, let lambda): return x < -lambda || x > lambda ? 1 : 0
        }
    }

    package func forward(_ pass: ForwardPass) {
        let (input, output) = (pass.inputs[0], pass.output)
        pass.team.forEach(output.count, step: 1 << 13) { range in
            input.withElements { x in output.withMutableElements { y in for place in range { y[place] = value(x[place]) } } }
        }
    }

    /// dx += f'(x) dy.
    package func backward(_ pass: BackwardPass) {
        guard let gradient = pass.inputGradients[0] else { return }
        let (input, dy) = (pass.inputs[0], pass.outputGradient)
        pass.team.forEach(gradient.count, step: 1 << 13) { range in
            input.withElements { x in
                dy.withElements { g in
                    gradient.withMutableElements { d in
                        for place in range where g[place] != 0 { d[place] += slope(x[place]) * g[place] }
                    }
                }
            }
        }
    }
}
