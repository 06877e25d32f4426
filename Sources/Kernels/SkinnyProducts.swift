// Products of four row vectors with a matrix that is read once. BLAS would first copy the matrix into its own layout,
// which costs more than the product itself when there are only a few vectors.

#if WIDE_VECTORS
private typealias Vector = SIMD16<Float>
#else
private typealias Vector = SIMD8<Float>
#endif

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

/// out [4, rows] = x [4, columns] matrix [rows, columns]^T; `outStride` is the length of a row of `out`.
package func multiplyFourByTransposed(
    _ x: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
    _ out: UnsafeMutablePointer<Float>, _ outStride: Int
) {
    let (x0, x1, x2, x3) = (x, x + columns, x + 2 &* columns, x + 3 &* columns)
    let width = Vector.scalarCount
    let whole = columns &- columns % width
    var row = 0
    // Two rows at a time: eight running sums, each vector of x used twice.
    while row &+ 2 <= rows {
        let a = matrix + row &* columns
        let b = a + columns
        var a0 = Vector.zero
        var a1 = a0
        var a2 = a0
        var a3 = a0
        var b0 = a0
        var b1 = a0
        var b2 = a0
        var b3 = a0
        var j = 0
        while j < whole {
            let (va, vb) = (load(a + j), load(b + j))
            let (v0, v1, v2, v3) = (load(x0 + j), load(x1 + j), load(x2 + j), load(x3 + j))
            a0 = fused(a0, va, v0)
            a1 = fused(a1, va, v1)
            a2 = fused(a2, va, v2)
            a3 = fused(a3, va, v3)
            b0 = fused(b0, vb, v0)
            b1 = fused(b1, vb, v1)
            b2 = fused(b2, vb, v2)
            b3 = fused(b3, vb, v3)
            j &+= width
        }
        var (s0, s1, s2, s3) = (a0.sum(), a1.sum(), a2.sum(), a3.sum())
        var (t0, t1, t2, t3) = (b0.sum(), b1.sum(), b2.sum(), b3.sum())
        while j < columns {
            s0 += a[j] * x0[j]
            s1 += a[j] * x1[j]
            s2 += a[j] * x2[j]
            s3 += a[j] * x3[j]
            t0 += b[j] * x0[j]
            t1 += b[j] * x1[j]
            t2 += b[j] * x2[j]
            t3 += b[j] * x3[j]
            j &+= 1
        }
        let target = out + row
        (target[0], target[outStride], target[2 &* outStride], target[3 &* outStride]) = (s0, s1, s2, s3)
        (target[1], target[outStride &+ 1], target[2 &* outStride &+ 1], target[3 &* outStride &+ 1]) = (t0, t1, t2, t3)
        row &+= 2
    }
    if row < rows {
        let a = matrix + row &* columns
        for vector in 0..<4 {
            var lanes = Vector.zero
            let v = x + vector &* columns
            var j = 0
            while j < whole {
                lanes = fused(lanes, load(a + j), load(v + j))
                j &+= width
            }
            var sum = lanes.sum()
            while j < columns {
                sum += a[j] * v[j]
                j &+= 1
            }
            out[vector &* outStride &+ row] = sum
        }
    }
}

/// out [4, columns] += x [4, rows] matrix [rows, columns]; `xStride` is the length of a row of `x`.
package func addFourByMatrix(
    _ x: UnsafePointer<Float>, _ xStride: Int, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
    _ out: UnsafeMutablePointer<Float>
) {
    let width = Vector.scalarCount
    let whole = columns &- columns % (2 &* width)
    // Strips of two vectors keep their eight sums in registers while the rows pass by, a few rows at a time so that
    // the lines of the next strip are still near.
    let height = 64
    var top = 0
    while top < rows {
        let bottom = min(top &+ height, rows)
        var j = 0
        while j < whole {
            let (o0, o1, o2, o3) = (out + j, out + columns + j, out + 2 &* columns + j, out + 3 &* columns + j)
            var (p0, p1, p2, p3) = (load(o0), load(o1), load(o2), load(o3))
            var (q0, q1, q2, q3) = (load(o0 + width), load(o1 + width), load(o2 + width), load(o3 + width))
            for row in top..<bottom {
                let line = matrix + row &* columns + j
                let (u, v) = (load(line), load(line + width))
                let c0 = Vector(repeating: x[row])
                let c1 = Vector(repeating: x[xStride &+ row])
                let c2 = Vector(repeating: x[2 &* xStride &+ row])
                let c3 = Vector(repeating: x[3 &* xStride &+ row])
                p0 = fused(p0, c0, u)
                p1 = fused(p1, c1, u)
                p2 = fused(p2, c2, u)
                p3 = fused(p3, c3, u)
                q0 = fused(q0, c0, v)
                q1 = fused(q1, c1, v)
                q2 = fused(q2, c2, v)
                q3 = fused(q3, c3, v)
            }
            store(p0, o0)
            store(p1, o1)
            store(p2, o2)
            store(p3, o3)
            store(q0, o0 + width)
            store(q1, o1 + width)
            store(q2, o2 + width)
            store(q3, o3 + width)
            j &+= 2 &* width
        }
        while j < columns {
            for vector in 0..<4 {
                var sum = out[vector &* columns &+ j]
                for row in top..<bottom { sum += x[vector &* xStride &+ row] * matrix[row &* columns &+ j] }
                out[vector &* columns &+ j] = sum
            }
            j &+= 1
        }
        top = bottom
    }
}
