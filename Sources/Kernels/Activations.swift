// Activation functions and their derivatives, by polynomials in single precision.

/// 1 / (1 + e^-x) and e^-|x|; the relative error is 3e-7 on both sides.
@inline(__always)
private func logistic(_ x: Lanes) -> (value: Lanes, decay: Lanes) {
    let decay = exponential(-magnitude(x))
    let inverse = 1 / (1 + decay)
    return (inverse.replacing(with: decay * inverse, where: x .< 0), decay)
}

/// tanh(x): a polynomial (Cephes' `tanhf`) where |x| < 0.625, (1 - e^-2|x|) / (1 + e^-2|x|) beyond.
@inline(__always)
private func hyperbolicTangent(_ x: Lanes) -> Lanes {
    let a = magnitude(x)
    let decay = exponential(-2 * a)
    let far = (1 - decay) / (1 + decay)
    let z = a * a
    var p = multiplyAdd(z, Lanes(repeating: -5.704_988_727_45e-3), 2.063_908_879_54e-2)
    p = multiplyAdd(p, z, -5.373_971_555_31e-2)
    p = multiplyAdd(p, z, 1.333_144_220_36e-1)
    p = multiplyAdd(p, z, -3.333_328_194_22e-1)
    let near = multiplyAdd(p * z, a, a)
    let value = far.replacing(with: near, where: a .< 0.625)
    let sign = unsafeBitCast(x, to: LaneBits.self) & LaneBits(repeating: 0x8000_0000)
    return unsafeBitCast(unsafeBitCast(value, to: LaneBits.self) | sign, to: Lanes.self)
}

/// The distribution function of the normal distribution at x, and e^(-x^2/2).
///
/// With a = |x|, its value at -a is e^(-a^2/2) p(u) / (a + 3.5), u = (a - 3.5) / (a + 3.5); p is a minimax polynomial on
/// 0...16 (relative error 1e-8). a^2 is taken in two parts, so that the tail's relative error stays below 5e-7: without
/// that, the rounding of a^2 would be multiplied by a^2/2.
@inline(__always)
private func normalDistribution(_ x: Lanes) -> (value: Lanes, bell: Lanes) {
    let whole = magnitude(x)
    let a = whole.replacing(with: 16, where: whole .> 16)
    let head = unsafeBitCast(unsafeBitCast(a, to: LaneBits.self) & LaneBits(repeating: 0xFFFF_F000), to: Lanes.self)
    let bell = exponential(-0.5 * (head * head), -0.5 * ((a - head) * (a + head)))
    let inverse = 1 / (a + 3.5)
    let u = (a - 3.5) * inverse
    var p = multiplyAdd(u, Lanes(repeating: 1.048_711_2e-4), 4.117_208e-4)
    p = multiplyAdd(p, u, -4.947_448_6e-4)
    p = multiplyAdd(p, u, -3.167_944_3e-3)
    p = multiplyAdd(p, u, 6.494_680_4e-3)
    p = multiplyAdd(p, u, 1.740_465_5e-2)
    p = multiplyAdd(p, u, -1.160_534e-1)
    p = multiplyAdd(p, u, 3.154_252e-1)
    p = multiplyAdd(p, u, -5.655_617e-1)
    p = multiplyAdd(p, u, 7.444_160_6e-1)
    let below = bell * (p * inverse)
    return ((1 - below).replacing(with: below, where: x .< 0), bell)
}

/// The argument 2 sqrt(2/pi) (x + 0.044715 x^3) of GELU's approximation as x times a logistic function, and its derivative.
@inline(__always)
private func geluArgument(_ x: Lanes) -> (value: Lanes, slope: Lanes) {
    let square = x * x
    let value = x * multiplyAdd(square, Lanes(repeating: 0.071_354_814), 1.595_769_1)
    return (value, multiplyAdd(square, Lanes(repeating: 0.214_064_44), 1.595_769_1))
}

/// y_i = f(x_i); x and y may be the same.
///
/// - Parameter function: 0 ReLU, 1 GELU, 2 GELU by tanh, 3 SiLU, 4 tanh, 5 logistic.
public func activate(_ function: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
    switch function {
    case 0: mapLanes(x, y, count) { $0.replacing(with: 0, where: $0 .< 0) }
    case 1: mapLanes(x, y, count) { $0 * normalDistribution($0).value }
    case 2: mapLanes(x, y, count) { $0 * logistic(geluArgument($0).value).value }
    case 3: mapLanes(x, y, count) { $0 * logistic($0).value }
    case 4: mapLanes(x, y, count) { hyperbolicTangent($0) }
    default: mapLanes(x, y, count) { logistic($0).value }
    }
}

/// gradient_i += f'(x_i) * outputGradient_i; functions as in ``activate(_:_:_:_:)``.
public func addActivationGradient(
    _ function: Int, _ x: UnsafePointer<Float>, _ outputGradient: UnsafePointer<Float>, _ gradient: UnsafeMutablePointer<Float>,
    _ count: Int
) {
    switch function {
    case 0: addLanes(x, outputGradient, gradient, count) { x, dy in dy.replacing(with: 0, where: x .<= 0) }
    case 1:
        addLanes(x, outputGradient, gradient, count) { x, dy in
            let normal = normalDistribution(x)
            return dy * multiplyAdd(x * 0.398_942_28, normal.bell, normal.value)
        }
    case 2:
        addLanes(x, outputGradient, gradient, count) { x, dy in
            let argument = geluArgument(x)
            let (value, decay) = logistic(argument.value)
            let inverse = 1 / (1 + decay)
            return dy * multiplyAdd(x * argument.slope, decay * (inverse * inverse), value)
        }
    case 3:
        addLanes(x, outputGradient, gradient, count) { x, dy in
            let (value, decay) = logistic(x)
            let inverse = 1 / (1 + decay)
            return dy * multiplyAdd(x, decay * (inverse * inverse), value)
        }
    case 4:
        addLanes(x, outputGradient, gradient, count) { x, dy in
            // 1 - tanh^2 = 4 e^-2|x| / (1 + e^-2|x|)^2, which has a tail.
            let decay = exponential(-2 * magnitude(x))
            let inverse = 1 / (1 + decay)
            return dy * (4 * decay * (inverse * inverse))
        }
    default:
        addLanes(x, outputGradient, gradient, count) { x, dy in
            let decay = exponential(-magnitude(x))
            let inverse = 1 / (1 + decay)
            return dy * (decay * (inverse * inverse))
        }
    }
}

/// y_i = a_i * b_i; y may be a.
public func multiply(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { y[i] = a[i] * b[i] }
}

/// target_i += a_i * b_i.
public func addProduct(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int
) {
    addLanes(a, b, target, count) { $0 * $1 }
}
