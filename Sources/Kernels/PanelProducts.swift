// Products of eight rows with a panel of columns, the inner loop of large convolutions. A panel is a copy of three vectors' columns, row
// after row; the eight rows are read where they are. Eight rows of three vectors are the most sums that 32 registers hold.

#if WIDE_VECTORS
private typealias Vector = SIMD16<Float>
#else
private typealias Vector = SIMD8<Float>
#endif

/// The columns of a panel.
package func panelWidth() -> Int { 3 &* Vector.scalarCount }

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

@inline(__always)
private func store(_ vector: Vector, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: vector, as: Vector.self)
}

/// sum + a * b, rounded once if that is one instruction.
@inline(__always)
private func fused(_ sum: Vector, _ a: Vector, _ b: Vector) -> Vector {
    #if FUSED_MULTIPLY_ADD
    return sum.addingProduct(a, b)
    #else
    return sum + a * b
    #endif
}

/// c [8, a panel's width] = or += a [8, inner] panel [inner, a panel's width].
///
/// - Parameters:
///   - rowStep: from one row of `a` to the next.
///   - adds: whether `c` is added to.
package func multiplyPanel(
    _ a: UnsafePointer<Float>, _ rowStep: Int, _ inner: Int, _ panel: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>,
    _ cStride: Int, _ adds: Bool
) {
    let wide = Vector.scalarCount
    var (x0, y0, z0) = (Vector.zero, Vector.zero, Vector.zero)
    var (x1, y1, z1) = (x0, x0, x0)
    var (x2, y2, z2) = (x0, x0, x0)
    var (x3, y3, z3) = (x0, x0, x0)
    var (x4, y4, z4) = (x0, x0, x0)
    var (x5, y5, z5) = (x0, x0, x0)
    var (x6, y6, z6) = (x0, x0, x0)
    var (x7, y7, z7) = (x0, x0, x0)
    var upper = a
    var lower = a + 4 &* rowStep
    var b = panel
    for _ in 0..<inner {
        let (x, y, z) = (load(b), load(b + wide), load(b + 2 &* wide))
        let a0 = Vector(repeating: upper[0])
        x0 = fused(x0, a0, x)
        y0 = fused(y0, a0, y)
        z0 = fused(z0, a0, z)
        let a1 = Vector(repeating: upper[rowStep])
        x1 = fused(x1, a1, x)
        y1 = fused(y1, a1, y)
        z1 = fused(z1, a1, z)
        let a2 = Vector(repeating: upper[2 &* rowStep])
        x2 = fused(x2, a2, x)
        y2 = fused(y2, a2, y)
        z2 = fused(z2, a2, z)
        let a3 = Vector(repeating: upper[3 &* rowStep])
        x3 = fused(x3, a3, x)
        y3 = fused(y3, a3, y)
        z3 = fused(z3, a3, z)
        let a4 = Vector(repeating: lower[0])
        x4 = fused(x4, a4, x)
        y4 = fused(y4, a4, y)
        z4 = fused(z4, a4, z)
        let a5 = Vector(repeating: lower[rowStep])
        x5 = fused(x5, a5, x)
        y5 = fused(y5, a5, y)
        z5 = fused(z5, a5, z)
        let a6 = Vector(repeating: lower[2 &* rowStep])
        x6 = fused(x6, a6, x)
        y6 = fused(y6, a6, y)
        z6 = fused(z6, a6, z)
        let a7 = Vector(repeating: lower[3 &* rowStep])
        x7 = fused(x7, a7, x)
        y7 = fused(y7, a7, y)
        z7 = fused(z7, a7, z)
        upper += 1
        lower += 1
        b += 3 &* wide
    }
    @inline(__always)
    func put(_ row: Int, _ x: Vector, _ y: Vector, _ z: Vector) {
        let line = c + row &* cStride
        store(adds ? load(line) + x : x, line)
        store(adds ? load(line + wide) + y : y, line + wide)
        store(adds ? load(line + 2 &* wide) + z : z, line + 2 &* wide)
    }
    put(0, x0, y0, z0)
    put(1, x1, y1, z1)
    put(2, x2, y2, z2)
    put(3, x3, y3, z3)
    put(4, x4, y4, z4)
    put(5, x5, y5, z5)
    put(6, x6, y6, z6)
    put(7, x7, y7, z7)
}

/// Writes taps of a filter into a panel, [taps, a panel's width]: line t holds what tap t reads of the images at the panel's places.
///
/// - Parameters:
///   - images: the first channel of the first sample; `end`, where the memory of the images ends.
///   - channelStep: from one channel to the next.
///   - taps: counted by channel, then by the `kernel` positions of the filter.
///   - runs: for each run of places that a position reads inside the images: its first element in the channel, its first place in the
///     panel, its length. Those of position p are `starts[p]` up to `starts[p + 1]`, in the order of places.
///   - columnStep: from the element of one place of a run to that of the next.
///   - panel: with room for a vector beyond the last line.
package func writeTaps(
    _ images: UnsafePointer<Float>, _ end: UnsafePointer<Float>, _ channelStep: Int, _ taps: Range<Int>, _ kernel: Int,
    _ runs: UnsafePointer<Int>, _ starts: UnsafePointer<Int>, _ columnStep: Int, _ panel: UnsafeMutablePointer<Float>
) {
    let wide = Vector.scalarCount
    var channel = images + (taps.lowerBound / kernel) &* channelStep
    var position = taps.lowerBound % kernel
    var line = panel
    for _ in taps {
        store(Vector.zero, line)
        store(Vector.zero, line + wide)
        store(Vector.zero, line + 2 &* wide)
        for run in starts[position]..<starts[position &+ 1] {
            let source = channel + runs[3 &* run]
            let target = line + runs[3 &* run &+ 1]
            let count = runs[3 &* run &+ 2]
            var place = 0
            if columnStep == 1 {
                while place &+ wide <= count {
                    store(load(source + place), target + place)
                    place &+= wide
                }
                if place < count, source + (place &+ wide) <= end {
                    store(firstLanes(load(source + place), count &- place), target + place)
                    place = count
                }
            } else if columnStep == 2 {
                while place < count, source + (2 &* place &+ 2 &* wide) <= end {
                    let even = evenLanes(source + 2 &* place)
                    store(place &+ wide <= count ? even : firstLanes(even, count &- place), target + place)
                    place &+= wide
                }
            }
            while place < count {
                target[place] = source[place &* columnStep]
                place &+= 1
            }
        }
        position &+= 1
        if position == kernel {
            position = 0
            channel += channelStep
        }
        line += 3 &* wide
    }
}

/// The first `count` lanes, and zeros.
@inline(__always)
private func firstLanes(_ vector: Vector, _ count: Int) -> Vector {
    #if WIDE_VECTORS
    let order = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    return Vector.zero.replacing(with: vector, where: order .< SIMD16<Int32>(repeating: Int32(truncatingIfNeeded: count)))
    #else
    let order = SIMD8<Int32>(0, 1, 2, 3, 4, 5, 6, 7)
    return Vector.zero.replacing(with: vector, where: order .< SIMD8<Int32>(repeating: Int32(truncatingIfNeeded: count)))
    #endif
}

/// Every second element of two vectors' length.
@inline(__always)
private func evenLanes(_ source: UnsafePointer<Float>) -> Vector {
    #if WIDE_VECTORS
    return UnsafeRawPointer(source).loadUnaligned(as: SIMD32<Float>.self).evenHalf
    #else
    return UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Float>.self).evenHalf
    #endif
}
