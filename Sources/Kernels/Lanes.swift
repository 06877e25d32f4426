// Sixteen numbers at a time. Ends of rows that fill no vector are loaded one by one and go through the same arithmetic,
// so that a result does not depend on where its element lies.

typealias Lanes = SIMD16<Float>
typealias LaneBits = SIMD16<UInt32>

@inline(__always)
func loadLanes(_ source: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

/// The first `count` lanes from memory, the others `filling`.
@inline(__always)
func loadLanes(_ source: UnsafePointer<Float>, _ count: Int, filling: Float) -> Lanes {
    var lanes = Lanes(repeating: filling)
    for lane in 0..<count { lanes[lane] = source[lane] }
    return lanes
}

@inline(__always)
func storeLanes(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: lanes, as: Lanes.self)
}

@inline(__always)
func storeLanes(_ lanes: Lanes, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    for lane in 0..<count { target[lane] = lanes[lane] }
}

/// a * b + c, rounded once where that is one instruction.
@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Lanes {
    #if FUSED_MULTIPLY_ADD
        return c.addingProduct(a, b)
    #else
        return a * b + c
    #endif
}

@inline(__always)
func multiplyAdd(_ a: Lanes, _ b: Lanes, _ c: Float) -> Lanes { multiplyAdd(a, b, Lanes(repeating: c)) }

@inline(__always)
func magnitude(_ x: Lanes) -> Lanes {
    unsafeBitCast(unsafeBitCast(x, to: LaneBits.self) & LaneBits(repeating: 0x7FFF_FFFF), to: Lanes.self)
}

/// y_i = f(x_i).
@inline(__always)
func mapLanes(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Lanes) -> Lanes) {
    var i = 0
    while i &+ 16 <= count {
        storeLanes(f(loadLanes(x + i)), y + i)
        i &+= 16
    }
    if i < count { storeLanes(f(loadLanes(x + i, count &- i, filling: 0)), y + i, count &- i) }
}

/// target_i += f(x_i, y_i).
@inline(__always)
func addLanes(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int,
    _ f: (Lanes, Lanes) -> Lanes
) {
    var i = 0
    while i &+ 16 <= count {
        storeLanes(loadLanes(target + i) + f(loadLanes(x + i), loadLanes(y + i)), target + i)
        i &+= 16
    }
    guard i < count else { return }
    let rest = count &- i
    let sum = loadLanes(target + i, rest, filling: 0) + f(loadLanes(x + i, rest, filling: 0), loadLanes(y + i, rest, filling: 0))
    storeLanes(sum, target + i, rest)
}

/// The sum of f(i, rest) over the vectors that begin at i, the last of which has `rest` lanes, the others all 16.
///
/// Lanes are added in single precision over 512 elements at most, the rest of the way in double precision.
@inline(__always)
func sumLanes(_ count: Int, _ f: (Int) -> Lanes, last: (Int, Int) -> Lanes) -> Double {
    var total = 0.0
    var i = 0
    while i &+ 16 <= count {
        let end = min(i &+ 512, count)
        var lanes = Lanes.zero
        while i &+ 16 <= end {
            lanes += f(i)
            i &+= 16
        }
        total += Double(lanes.sum())
    }
    if i < count { total += Double(last(i, count &- i).sum()) }
    return total
}

/// e^(x + correction) for x of at most 88 and a correction near 0, relative error 2e-7; 0 where it is no normal number.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; the polynomial for e^r is Cephes' `expf`. n comes out of the low bits of a sum with
/// 1.5 * 2^23, which rounds to integers, and goes into the exponent of the result.
@inline(__always)
func exponential(_ x: Lanes, _ correction: Lanes = .zero) -> Lanes {
    let isZero = x .< Lanes(repeating: -87.33654)
    let bounded = x.replacing(with: -87.0, where: isZero)
    let shifted = multiplyAdd(bounded, Lanes(repeating: 1.442_695_04), 12_582_912)
    let n = shifted - 12_582_912
    var r = multiplyAdd(n, Lanes(repeating: -0.693_359_375), bounded)
    r = multiplyAdd(n, Lanes(repeating: 2.121_944_40e-4), r) + correction
    var p = multiplyAdd(r, Lanes(repeating: 1.987_569_150_0e-4), 1.398_199_950_7e-3)
    p = multiplyAdd(p, r, 8.333_451_907_3e-3)
    p = multiplyAdd(p, r, 4.166_579_589_4e-2)
    p = multiplyAdd(p, r, 1.666_666_545_9e-1)
    p = multiplyAdd(p, r, 5.000_000_120_1e-1)
    p = multiplyAdd(p, r * r, r) + 1
    let power = (unsafeBitCast(shifted, to: LaneBits.self) &+ LaneBits(repeating: 127)) &<< LaneBits(repeating: 23)
    return (p * unsafeBitCast(power, to: Lanes.self)).replacing(with: 0, where: isZero)
}
