// Sums over a run of numbers and their use. Long sums are made of short ones in single precision, added in double.

private typealias Vector = SIMD8<Float>

/// The numbers of a short sum.
private let stretch = 1024

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> Vector { UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self) }

/// The sum of `terms` over four vectors at a time, the rest by `single`.
@inline(__always)
private func summed(_ count: Int, _ terms: (Int) -> Vector, _ single: (Int) -> Float) -> Double {
    var total = 0.0
    var first = 0
    while first < count {
        let end = min(first &+ stretch, count)
        var a = Vector.zero
        var b = a
        var c = a
        var d = a
        var i = first
        while i &+ 32 <= end {
            a += terms(i)
            b += terms(i &+ 8)
            c += terms(i &+ 16)
            d += terms(i &+ 24)
            i &+= 32
        }
        var rest: Float = 0
        while i < end {
            rest += single(i)
            i &+= 1
        }
        total += Double(((a + b) + (c + d)).sum()) + Double(rest)
        first = end
    }
    return total
}

/// The sum of x.
package func sum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    summed(count, { load(x + $0) }, { x[$0] })
}

/// The sum of (x - mean)^2.
package func sumOfSquares(_ x: UnsafePointer<Float>, around mean: Float, _ count: Int) -> Double {
    summed(
        count,
        {
            let d = load(x + $0) - mean
            return d * d
        },
        { (x[$0] - mean) * (x[$0] - mean) })
}

/// The sum of (x - mean) y.
package func sumOfProducts(_ x: UnsafePointer<Float>, around mean: Float, _ y: UnsafePointer<Float>, _ count: Int) -> Double {
    summed(count, { (load(x + $0) - mean) * load(y + $0) }, { (x[$0] - mean) * y[$0] })
}

/// out = scale x + shift.
package func scaleAndShift(_ x: UnsafePointer<Float>, _ scale: Float, _ shift: Float, _ out: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count { out[i] = x[i] * scale + shift }
}

/// out += scale y + slope (x - mean) + shift.
package func addLinear(
    _ y: UnsafePointer<Float>, _ scale: Float, _ x: UnsafePointer<Float>, _ mean: Float, _ slope: Float, _ shift: Float,
    _ out: UnsafeMutablePointer<Float>, _ count: Int
) {
    for i in 0..<count { out[i] += y[i] * scale + ((x[i] - mean) * slope + shift) }
}
