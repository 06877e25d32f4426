// Sums over the taps of a filter: a matrix product whose second factor is read directly from the image. Tap t at the position
// (y, x) of the output reads input[offsets[t] + y * inputStride + x], so that shifted copies of the image need not be made.

#if WIDE_VECTORS
private typealias Vector = SIMD16<Float>
#else
private typealias Vector = SIMD8<Float>
#endif

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
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

/// Where a vector of places begins in the image and in the output, and which of its lanes count.
private struct Places {
    var input = 0
    var output = 0
    var from = 0
    var to = 0

    /// The vector number `index` of `perRow` in each row of `width` places; nothing counts beyond the last row.
    ///
    /// The last vector of a row reaches back if the row is not a multiple of a vector.
    @inline(__always)
    init(_ index: Int, _ perRow: Int, _ height: Int, _ width: Int, _ inputStride: Int) {
        let lanes = Vector.scalarCount
        let row = index / perRow
        guard row < height else { return }
        let wanted = (index &- row &* perRow) &* lanes
        let first = max(0, min(wanted, width &- lanes))
        input = row &* inputStride &+ first
        output = row &* width &+ first
        from = wanted &- first
        to = min(lanes, width)
    }

    @inline(__always)
    func put(_ vector: Vector, _ plane: UnsafeMutablePointer<Float>, adding: Bool) {
        let target = plane + output
        if from == 0, to == Vector.scalarCount {
            UnsafeMutableRawPointer(target).storeBytes(of: adding ? load(target) + vector : vector, as: Vector.self)
        } else {
            for lane in from..<max(from, to) { target[lane] = adding ? target[lane] + vector[lane] : vector[lane] }
        }
    }
}

/// output [rows, height * width] = start + sum over t of weights [row, t] * input[offsets[t] + place], or += if `starts` is nil.
///
/// The last vector of a row shorter than sixteen positions reads beyond it.
///
/// - Parameters:
///   - weights: rows in blocks of four, [block, tap, 4], zeros after the last row.
///   - starts: the initial value of each row, a whole number of blocks.
package func correlate(
    _ input: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ taps: Int, _ weights: UnsafePointer<Float>, _ rows: Int,
    _ starts: UnsafePointer<Float>?, _ height: Int, _ width: Int, _ inputStride: Int, _ output: UnsafeMutablePointer<Float>
) {
    let perRow = (width &+ Vector.scalarCount &- 1) / Vector.scalarCount
    let plane = height &* width
    let adding = starts == nil
    var row = 0
    while row < rows {
        let block = weights + row &* taps
        let s0 = Vector(repeating: starts?[row] ?? 0)
        let s1 = Vector(repeating: starts?[row &+ 1] ?? 0)
        let s2 = Vector(repeating: starts?[row &+ 2] ?? 0)
        let s3 = Vector(repeating: starts?[row &+ 3] ?? 0)
        let count = min(4, rows &- row)
        let target = output + row &* plane
        var index = 0
        while index < height &* perRow {
            let a = Places(index, perRow, height, width, inputStride)
            let b = Places(index &+ 1, perRow, height, width, inputStride)
            let c = Places(index &+ 2, perRow, height, width, inputStride)
            var a0 = s0
            var a1 = s1
            var a2 = s2
            var a3 = s3
            var b0 = s0
            var b1 = s1
            var b2 = s2
            var b3 = s3
            var c0 = s0
            var c1 = s1
            var c2 = s2
            var c3 = s3
            let (pa, pb, pc) = (input + a.input, input + b.input, input + c.input)
            var w = block
            for tap in 0..<taps {
                let offset = Int(offsets[tap])
                let (va, vb, vc) = (load(pa + offset), load(pb + offset), load(pc + offset))
                let w0 = Vector(repeating: w[0])
                a0 = fused(a0, w0, va)
                b0 = fused(b0, w0, vb)
                c0 = fused(c0, w0, vc)
                let w1 = Vector(repeating: w[1])
                a1 = fused(a1, w1, va)
                b1 = fused(b1, w1, vb)
                c1 = fused(c1, w1, vc)
                let w2 = Vector(repeating: w[2])
                a2 = fused(a2, w2, va)
                b2 = fused(b2, w2, vb)
                c2 = fused(c2, w2, vc)
                let w3 = Vector(repeating: w[3])
                a3 = fused(a3, w3, va)
                b3 = fused(b3, w3, vb)
                c3 = fused(c3, w3, vc)
                w += 4
            }
            a.put(a0, target, adding: adding)
            b.put(b0, target, adding: adding)
            c.put(c0, target, adding: adding)
            if count > 1 {
                a.put(a1, target + plane, adding: adding)
                b.put(b1, target + plane, adding: adding)
                c.put(c1, target + plane, adding: adding)
            }
            if count > 2 {
                a.put(a2, target + 2 &* plane, adding: adding)
                b.put(b2, target + 2 &* plane, adding: adding)
                c.put(c2, target + 2 &* plane, adding: adding)
            }
            if count > 3 {
                a.put(a3, target + 3 &* plane, adding: adding)
                b.put(b3, target + 3 &* plane, adding: adding)
                c.put(c3, target + 3 &* plane, adding: adding)
            }
            index &+= 3
        }
        row &+= 4
    }
}

/// sums [rows, tap] += the sum over samples and places of gradient [row, place] * input[offsets[tap] + place], for at most four rows.
///
/// - Parameters:
///   - width: a multiple of sixteen.
///   - gradientPlane: the distance between rows of the product; `gradientStride` that between rows of places.
///   - sumsStride: the distance between rows of `sums`.
package func addTapProducts(
    _ gradient: UnsafePointer<Float>, _ gradientPlane: Int, _ gradientStride: Int, _ gradientSample: Int, _ rows: Int,
    _ input: UnsafePointer<Float>, _ offsets: UnsafePointer<Int32>, _ taps: Int, _ inputStride: Int, _ inputSample: Int,
    _ height: Int, _ width: Int, _ samples: Int, _ sums: UnsafeMutablePointer<Float>, _ sumsStride: Int
) {
    // Rows and taps that are not there repeat the last.
    let (g1, g2, g3) = (min(1, rows &- 1) &* gradientPlane, min(2, rows &- 1) &* gradientPlane, min(3, rows &- 1) &* gradientPlane)
    var tap = 0
    while tap < taps {
        let x = input + Int(offsets[tap])
        let y = input + Int(offsets[min(tap &+ 1, taps &- 1)])
        let z = input + Int(offsets[min(tap &+ 2, taps &- 1)])
        var x0 = Vector.zero
        var x1 = x0
        var x2 = x0
        var x3 = x0
        var y0 = x0
        var y1 = x0
        var y2 = x0
        var y3 = x0
        var z0 = x0
        var z1 = x0
        var z2 = x0
        var z3 = x0
        for sample in 0..<samples {
            for row in 0..<height {
                let line = gradient + (sample &* gradientSample &+ row &* gradientStride)
                let shift = sample &* inputSample &+ row &* inputStride
                var place = 0
                while place < width {
                    let at = shift &+ place
                    let (vx, vy, vz) = (load(x + at), load(y + at), load(z + at))
                    let d0 = load(line + place)
                    x0 = fused(x0, d0, vx)
                    y0 = fused(y0, d0, vy)
                    z0 = fused(z0, d0, vz)
                    let d1 = load(line + (place &+ g1))
                    x1 = fused(x1, d1, vx)
                    y1 = fused(y1, d1, vy)
                    z1 = fused(z1, d1, vz)
                    let d2 = load(line + (place &+ g2))
                    x2 = fused(x2, d2, vx)
                    y2 = fused(y2, d2, vy)
                    z2 = fused(z2, d2, vz)
                    let d3 = load(line + (place &+ g3))
                    x3 = fused(x3, d3, vx)
                    y3 = fused(y3, d3, vy)
                    z3 = fused(z3, d3, vz)
                    place &+= Vector.scalarCount
                }
            }
        }
        let count = taps &- tap
        @inline(__always)
        func add(_ row: Int, _ a: Vector, _ b: Vector, _ c: Vector) {
            let target = sums + (row &* sumsStride &+ tap)
            target[0] += a.sum()
            if count > 1 { target[1] += b.sum() }
            if count > 2 { target[2] += c.sum() }
        }
        add(0, x0, y0, z0)
        if rows > 1 { add(1, x1, y1, z1) }
        if rows > 2 { add(2, x2, y2, z2) }
        if rows > 3 { add(3, x3, y3, z3) }
        tap &+= 3
    }
}
