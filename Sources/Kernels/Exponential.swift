// Functions of single elements, written for one number without branches: the compiler makes vectors of the loops around
// them. (Written for vectors they come out slower: most operators of SIMD types are loops over lanes until the last.)

/// a * b + c, rounded once if that is one instruction.
@inline(__always)
func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float {
    #if FUSED_MULTIPLY_ADD
    return c.addingProduct(a, b)
    #else
    return a * b + c
    #endif
}

/// e^(x + correction) for x of at most 88 and a correction near 0, relative error 2e-7; 0 if it is not a normal number.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial for e^r is Cephes' `expf`. n comes out of the low bits of a sum with
/// 1.5 * 2^23, which rounds to integers, and goes into the exponent of the result.
@inline(__always)
func exponential(_ x: Float, _ correction: Float = 0) -> Float {
    let shifted = multiplyAdd(x, 1.442_695_04, 12_582_912)
    let n = shifted - 12_582_912
    let r = multiplyAdd(n, 2.121_944_40e-4, multiplyAdd(n, -0.693_359_375, x)) + correction
    var p = multiplyAdd(r, 1.987_569_150_0e-4, 1.398_199_950_7e-3)
    p = multiplyAdd(p, r, 8.333_451_907_3e-3)
    p = multiplyAdd(p, r, 4.166_579_589_4e-2)
    p = multiplyAdd(p, r, 1.666_666_545_9e-1)
    p = multiplyAdd(p, r, 5.000_000_120_1e-1)
    p = multiplyAdd(p, r * r, r) + 1
    let power = Float(bitPattern: (shifted.bitPattern &+ 127) &<< 23)
    // What is too small, minus infinity too, came out as anything.
    return x < -87.33654 ? 0 : p * power
}

/// y_i = f(x_i); x and y may be the same.
@inline(__always)
func mapElements(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Float) -> Float) {
    // A loop over one pointer needs no proof that two do not overlap.
    if x == UnsafePointer(y) {
        for i in 0..<count { y[i] = f(y[i]) }
    } else {
        for i in 0..<count { y[i] = f(x[i]) }
    }
}

/// target_i += f(x_i, y_i).
@inline(__always)
func addElements(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Float, Float) -> Float
) {
    for i in 0..<count { target[i] += f(x[i], y[i]) }
}
