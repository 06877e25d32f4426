// Activation functions and their derivatives, by polynomials in single precision.

/// 1 / (1 + e^-x), e^-|x| and 1 / (1 + e^-|x|); the relative error is 3e-7 on both sides.
@inline(__always)
private func logistic(_ x: Float) -> (value: Float, decay: Float, inverse: Float) {
    let decay = exponential(-x.magnitude)
    let inverse = 1 / (1 + decay)
    return ((x < 0 ? decay : 1) * inverse, decay, inverse)
}

/// tanh(x): a polynomial (Cephes' `tanhf`) where |x| < 0.625, (1 - e^-2|x|) / (1 + e^-2|x|) beyond.
@inline(__always)
private func hyperbolicTangent(_ x: Float) -> Float {
    let a = x.magnitude
    let decay = exponential(-2 * a)
    let far = (1 - decay) / (1 + decay)
    let z = a * a
    var p = multiplyAdd(z, -5.704_988_727_45e-3, 2.063_908_879_54e-2)
    p = multiplyAdd(p, z, -5.373_971_555_31e-2)
    p = multiplyAdd(p, z, 1.333_144_220_36e-1)
    p = multiplyAdd(p, z, -3.333_328_194_22e-1)
    let near = multiplyAdd(p * z, a, a)
    let value = a < 0.625 ? near : far
    return Float(bitPattern: value.bitPattern | (x.bitPattern & 0x8000_0000))
}

/// The distribution function of the normal distribution at x, and e^(-x^2/2).
///
/// With a = |x|, its value at -a is e^(-a^2/2) p(u) / (a + 3.5), u = 1 - 7 / (a + 3.5); p is a minimax polynomial on
/// 0...16 (relative error 1e-8). a^2 is computed in two parts, so that the tail's relative error stays below 5e-7: without
/// that, the rounding of a^2 would be multiplied by a^2/2.
@inline(__always)
private func normalDistribution(_ x: Float) -> (value: Float, bell: Float) {
    let a = x.magnitude
    let head = Float(bitPattern: a.bitPattern & 0xFFFF_F000)
    let bell = exponential(-0.5 * (head * head), -0.5 * ((a - head) * (a + head)))
    let inverse = 1 / (a + 3.5)
    let u = multiplyAdd(inverse, -7, 1)
    var p = multiplyAdd(u, 1.048_711_2e-4, 4.117_208e-4)
    p = multiplyAdd(p, u, -4.947_448_6e-4)
    p = multiplyAdd(p, u, -3.167_944_3e-3)
    p = multiplyAdd(p, u, 6.494_680_4e-3)
    p = multiplyAdd(p, u, 1.740_465_5e-2)
    p = multiplyAdd(p, u, -1.160_534e-1)
    p = multiplyAdd(p, u, 3.154_252e-1)
    p = multiplyAdd(p, u, -5.655_617e-1)
    p = multiplyAdd(p, u, 7.444_160_6e-1)
    let below = bell * (p * inverse)
    let above = 1 - below
    return (x < 0 ? below : above, bell)
}

/// The argument 2 sqrt(2/pi) (x + 0.044715 x^3) of GELU's approximation as x times a logistic function, and its derivative.
@inline(__always)
private func geluArgument(_ x: Float) -> (value: Float, slope: Float) {
    let square = x * x
    return (x * multiplyAdd(square, 0.071_354_814, 1.595_769_1), multiplyAdd(square, 0.214_064_44, 1.595_769_1))
}

/// y_i = f(x_i); x and y may be the same.
///
/// - Parameter function: 0 ReLU, 1 GELU, 2 GELU by tanh, 3 SiLU, 4 tanh, 5 logistic.
package func activate(_ function: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    switch function {
    case 0: mapElements(x, y, count) { $0 < 0 ? 0 : $0 }
    case 1: mapElements(x, y, count) { $0 * normalDistribution($0).value }
    case 2: mapElements(x, y, count) { $0 * logistic(geluArgument($0).value).value }
    case 3: mapElements(x, y, count) { $0 * logistic($0).value }
    case 4: mapElements(x, y, count) { hyperbolicTangent($0) }
    default: mapElements(x, y, count) { logistic($0).value }
    }
}

/// gradient_i += f'(x_i) * outputGradient_i; functions as in ``activate(_:_:_:_:)``.
package func addActivationGradient(
    _ function: Int, _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>,
    _ count: Int
) {
    switch function {
    case 0: addElements(x, outputGradient, gradient, count) { x, dy in x > 0 ? dy : 0 }
    case 1:
        addElements(x, outputGradient, gradient, count) { x, dy in
            let normal = normalDistribution(x)
            return dy * multiplyAdd(x * 0.398_942_28, normal.bell, normal.value)
        }
    case 2:
        addElements(x, outputGradient, gradient, count) { x, dy in
            let argument = geluArgument(x)
            let (value, decay, inverse) = logistic(argument.value)
            return dy * multiplyAdd(x * argument.slope, decay * (inverse * inverse), value)
        }
    case 3:
        addElements(x, outputGradient, gradient, count) { x, dy in
            let (value, decay, inverse) = logistic(x)
            return dy * multiplyAdd(x, decay * (inverse * inverse), value)
        }
    case 4:
        addElements(x, outputGradient, gradient, count) { x, dy in
            // 1 - tanh^2 = 4 e^-2|x| / (1 + e^-2|x|)^2, which has a tail.
            let (_, decay, inverse) = logistic(2 * x)
            return dy * (4 * decay * (inverse * inverse))
        }
    default:
        addElements(x, outputGradient, gradient, count) { x, dy in
            let (_, decay, inverse) = logistic(x)
            return dy * (decay * (inverse * inverse))
        }
    }
}

/// y_i = a_i * b_i; y may be a.
package func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    if a == UnsafePointer(y) {
        for i in 0..<count { y[i] *= b[i] }
    } else {
        for i in 0..<count { y[i] = a[i] * b[i] }
    }
}

/// target_i += a_i * b_i.
package func addProduct(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { target[i] += a[i] * b[i] }
}
