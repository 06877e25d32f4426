// Maxima of squares of two by two. The first of equals is the largest; what is not a number is larger than all before it.

private typealias Vector = SIMD8<Float>
private typealias Mask = SIMDMask<SIMD8<Int32>>

/// The places i and i + 1 of every two.
@inline(__always)
private func pairs(_ pointer: UnsafePointer<Float>) -> (even: Vector, odd: Vector) {
    let both = UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
    return (both.evenHalf, both.oddHalf)
}

/// Replaces `largest` by `candidate` where that is larger, and returns where.
@inline(__always)
private func raise(_ largest: inout Vector, _ candidate: Vector) -> Mask {
    let isLarger = (candidate .> largest) .| (candidate .!= candidate)
    largest.replace(with: candidate, where: isLarger)
    return isLarger
}

/// out_i = the largest of top_2i, top_2i+1, bottom_2i, bottom_2i+1.
package func maximaOfSquares(
    _ top: UnsafePointer<Float>, _ bottom: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ count: Int
) {
    var i = 0
    while i &+ 8 <= count {
        let (a, b) = pairs(top + 2 &* i)
        let (c, d) = pairs(bottom + 2 &* i)
        var largest = a
        _ = raise(&largest, b)
        _ = raise(&largest, c)
        _ = raise(&largest, d)
        UnsafeMutableRawPointer(out + i).storeBytes(of: largest, as: Vector.self)
        i &+= 8
    }
    while i < count {
        var largest = top[2 &* i]
        for place in 1..<4 {
            let candidate = (place < 2 ? top : bottom)[2 &* i &+ (place & 1)]
            if candidate > largest || candidate.isNaN { largest = candidate }
        }
        out[i] = largest
        i &+= 1
    }
}

/// Adds gradient_i to the place of the largest of top_2i, top_2i+1, bottom_2i, bottom_2i+1.
package func addToMaximaOfSquares(
    _ top: UnsafePointer<Float>, _ bottom: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>,
    _ topGradient: UnsafeMutablePointer<Float>, _ bottomGradient: UnsafeMutablePointer<Float>, _ count: Int
) {
    var i = 0
    while i &+ 8 <= count {
        let (a, b) = pairs(top + 2 &* i)
        let (c, d) = pairs(bottom + 2 &* i)
        var largest = a
        let isB = raise(&largest, b)
        let isC = raise(&largest, c)
        let isD = raise(&largest, d)
        let g = UnsafeRawPointer(gradient + i).loadUnaligned(as: Vector.self)
        add(g.replacing(with: 0, where: isB .| isC .| isD), g.replacing(with: 0, where: .!isB .| isC .| isD), topGradient + 2 &* i)
        add(g.replacing(with: 0, where: .!isC .| isD), g.replacing(with: 0, where: .!isD), bottomGradient + 2 &* i)
        i &+= 8
    }
    while i < count {
        var largest = top[2 &* i]
        var chosen = 0
        for place in 1..<4 {
            let candidate = (place < 2 ? top : bottom)[2 &* i &+ (place & 1)]
            if candidate > largest || candidate.isNaN { (largest, chosen) = (candidate, place) }
        }
        (chosen < 2 ? topGradient : bottomGradient)[2 &* i &+ (chosen & 1)] += gradient[i]
        i &+= 1
    }
}

/// target_2i += even_i, target_2i+1 += odd_i.
@inline(__always)
private func add(_ even: Vector, _ odd: Vector, _ target: UnsafeMutablePointer<Float>) {
    var both = SIMD16<Float>()
    both.evenHalf = even
    both.oddHalf = odd
    let raw = UnsafeMutableRawPointer(target)
    raw.storeBytes(of: raw.loadUnaligned(as: SIMD16<Float>.self) + both, as: SIMD16<Float>.self)
}

/// The largest numbers of eight neighbouring windows, `step` (1 or 2) apart, and how far from each window's first tap they are.
/// The taps of a window are rows `down` apart and `across` apart in them.
@inline(__always)
private func largest(
    _ first: UnsafePointer<Float>, _ rows: Int, _ down: Int, _ columns: Int, _ across: Int, _ step: Int
) -> (values: Vector, places: SIMD8<Int32>) {
    var values = Vector.zero
    var places = SIMD8<Int32>.zero
    for row in 0..<rows {
        for column in 0..<columns {
            let place = row &* down &+ column &* across
            let tap = first + place
            let candidates = step == 1 ? UnsafeRawPointer(tap).loadUnaligned(as: Vector.self) : pairs(tap).even
            if place == 0 {
                values = candidates
            } else {
                let isLarger = raise(&values, candidates)
                places.replace(with: SIMD8<Int32>(repeating: Int32(truncatingIfNeeded: place)), where: isLarger)
            }
        }
    }
    return (values, places)
}

/// out [8] = the largest numbers of eight windows, the first of which begins at `first`.
///
/// With steps of two, one number after the last window's is read.
package func maximaOfEight(
    _ first: UnsafePointer<Float>, _ rows: Int, _ down: Int, _ columns: Int, _ across: Int, _ step: Int, _ out: UnsafeMutablePointer<Float>
) {
    UnsafeMutableRawPointer(out).storeBytes(of: largest(first, rows, down, columns, across, step).values, as: Vector.self)
}

/// Adds gradient [8] to the places of the largest numbers of eight windows, the first of which begins at `first` and in the
/// gradient at `target`.
package func addToMaximaOfEight(
    _ first: UnsafePointer<Float>, _ rows: Int, _ down: Int, _ columns: Int, _ across: Int, _ step: Int,
    _ gradient: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>
) {
    let places = largest(first, rows, down, columns, across, step).places
    for lane in 0..<8 { target[Int(places[lane]) &+ lane &* step] += gradient[lane] }
}
