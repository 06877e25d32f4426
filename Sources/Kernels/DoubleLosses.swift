// Losses of many samples side by side in double precision, and the sums that lead to them. Functions of single elements are written
// without branches: the compiler makes vectors of the loops around them.

/// a * b + c, rounded once if that is one instruction.
@inline(__always)
private func multiplyAdd(_ a: Double, _ b: Double, _ c: Double) -> Double {
    #if FUSED_MULTIPLY_ADD
    return c.addingProduct(a, b)
    #else
    return a * b + c
    #endif
}

/// e^x for x of at most 0, relative error 3e-16; 0 if it is not a normal number.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, and the power series of e^r up to r^13. n comes out of the low bits of a sum with 1.5 * 2^52,
/// which rounds to integers, and goes into the exponent of the result.
@inline(__always)
private func exponential(_ x: Double) -> Double {
    let shifted = multiplyAdd(x, 1.442_695_040_888_963_4, 6_755_399_441_055_744)
    let n = shifted - 6_755_399_441_055_744
    let r = multiplyAdd(n, -1.908_214_929_270_587_7e-10, multiplyAdd(n, -6.931_471_803_691_238_164_90e-1, x))
    var p = multiplyAdd(r, 1.605_904_383_682_161_3e-10, 2.087_675_698_786_809_8e-9)
    p = multiplyAdd(p, r, 2.505_210_838_544_171_9e-8)
    p = multiplyAdd(p, r, 2.755_731_922_398_589_1e-7)
    p = multiplyAdd(p, r, 2.755_731_922_398_589_1e-6)
    p = multiplyAdd(p, r, 2.480_158_730_158_730_2e-5)
    p = multiplyAdd(p, r, 1.984_126_984_126_984_1e-4)
    p = multiplyAdd(p, r, 1.388_888_888_888_888_9e-3)
    p = multiplyAdd(p, r, 8.333_333_333_333_333_3e-3)
    p = multiplyAdd(p, r, 4.166_666_666_666_666_4e-2)
    p = multiplyAdd(p, r, 1.666_666_666_666_666_6e-1)
    p = multiplyAdd(p, r, 0.5)
    p = multiplyAdd(p, r, 1)
    p = multiplyAdd(p, r, 1)
    let power = Double(bitPattern: (shifted.bitPattern &+ 1023) &<< 52)
    return x < -708 ? 0 : p * power
}

/// ln x for finite x of at least 1, as fdlibm has it, error below 1e-16 + 3e-16 ln x.
@inline(__always)
private func logarithm(_ x: Double) -> Double {
    let bits = x.bitPattern
    // x = 2^e m with m from the root of 1/2 to the root of 2.
    let e = (bits &- 0x3FE6_A09E_667F_3BCD) >> 52
    let f = Double(bitPattern: bits &- (e << 52)) - 1
    let exponent = Double(bitPattern: e | 0x4330_0000_0000_0000) - 4_503_599_627_370_496
    let s = f / (2 + f)
    let z = s * s
    var series = multiplyAdd(z, 1.479_819_860_511_658_591e-1, 1.531_383_769_920_937_332e-1)
    series = multiplyAdd(series, z, 1.818_357_216_161_805_012e-1)
    series = multiplyAdd(series, z, 2.222_219_843_214_978_396e-1)
    series = multiplyAdd(series, z, 2.857_142_874_366_239_149e-1)
    series = multiplyAdd(series, z, 3.999_999_999_940_941_908e-1)
    series = multiplyAdd(series, z, 6.666_666_666_666_735_130e-1)
    let half = 0.5 * f * f
    let rest = multiplyAdd(s, multiplyAdd(series, z, half), exponent * 1.908_214_929_270_587_7e-10)
    return multiplyAdd(exponent, 6.931_471_803_691_238_164_90e-1, f - (half - rest))
}

/// y_i += factor * x_i.
package func addScaled(_ factor: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    for i in 0..<count { y[i] = multiplyAdd(factor, x[i], y[i]) }
}

/// z_i = y_i + factor * x_i.
package func writeScaledSum(
    _ factor: Double, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ z: UnsafeMutablePointer<Double>, _ count: Int
) {
    for i in 0..<count { z[i] = multiplyAdd(factor, x[i], y[i]) }
}

/// y_i = max(x_i, 0); NaN stays NaN.
package func rectify(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    for i in 0..<count { y[i] = x[i] <= 0 ? 0 : x[i] }
}

/// y_i = max(x_i, y_i), x_i if it is not a number.
package func raise(_ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int) {
    for i in 0..<count { y[i] = x[i] <= y[i] ? y[i] : x[i] }
}

/// out_j = log of the sum over k < classes of e^(z_kj) for z [classes, stride], of which `count` columns are used. Room [2 count].
package func logSumExponentials(
    _ z: UnsafePointer<Double>, _ classes: Int, _ stride: Int, _ count: Int, _ room: UnsafeMutablePointer<Double>,
    _ out: UnsafeMutablePointer<Double>
) {
    let (largest, sum) = (room, room + count)
    for j in 0..<count {
        largest[j] = z[j]
        sum[j] = 0
    }
    for k in 1..<max(classes, 1) {
        let row = z + k &* stride
        for j in 0..<count { largest[j] = row[j] > largest[j] ? row[j] : largest[j] }
    }
    for k in 0..<classes {
        let row = z + k &* stride
        for j in 0..<count { sum[j] += exponential(row[j] - largest[j]) }
    }
    for j in 0..<count { out[j] = largest[j] + logarithm(sum[j]) }
}

/// y_i = log(1 + e^(x_i)) - share_i x_i; y may be x.
package func binaryLosses(
    _ x: UnsafePointer<Double>, _ share: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ count: Int
) {
    for i in 0..<count {
        let value = x[i]
        let softplus = (value > 0 ? value : 0) + logarithm(1 + exponential(value > 0 ? -value : value))
        y[i] = softplus - share[i] * value
    }
}

/// The terms that are added side by side, so that the loops over them become vectors.
private let lanes = 64

/// The sum of terms i < count, in a fixed order of its own; `term` is written without branches.
@inline(__always)
private func sum(_ count: Int, _ term: (Int) -> Double) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { buffer in
        guard let sums = buffer.baseAddress else { return 0 }
        for j in 0..<lanes { sums[j] = 0 }
        var i = 0
        while i &+ lanes <= count {
            for j in 0..<lanes { sums[j] += term(i &+ j) }
            i &+= lanes
        }
        for j in 0..<count &- i { sums[j] += term(i &+ j) }
        var total = 0.0
        for j in 0..<lanes { total += sums[j] }
        return total
    }
}

/// The sum of e^(x_i - shift) for a shift of at least the largest x_i.
package func sumExponentials(_ x: UnsafePointer<Float>, _ count: Int, _ shift: Double) -> Double {
    sum(count) { i in exponential(Double(x[i]) - shift) }
}

/// The sum of e^p_i (p_i - q_i) with p_i = x_i - xTotal and q_i = y_i - yTotal, logarithms of probabilities: what has the probability 0 in p
/// adds nothing.
package func sumDivergence(_ x: UnsafePointer<Float>, _ xTotal: Double, _ y: UnsafePointer<Float>, _ yTotal: Double, _ count: Int) -> Double
{
    sum(count) { i in
        let p = Double(x[i]) - xTotal
        let probability = exponential(p)
        let term = probability * (p - (Double(y[i]) - yTotal))
        // NaN stays NaN.
        return probability > 0 ? term : probability
    }
}
