// Products of four row vectors with a matrix that is read once. BLAS would first copy the matrix into its own layout,
// which costs more than the product itself when there are only a few vectors.

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> SIMD8<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<Float>.self)
}

@inline(__always)
private func store(_ first: SIMD8<Float>, _ second: SIMD8<Float>, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: first, as: SIMD8<Float>.self)
    UnsafeMutableRawPointer(pointer + 8).storeBytes(of: second, as: SIMD8<Float>.self)
}

/// out [4, rows] = x [4, columns] matrix [rows, columns]^T; `outStride` is the length of a row of `out`.
public func multiplyFourByTransposed(
    _ x: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
    _ out: UnsafeMutablePointer<Float>, _ outStride: Int
) {
    let (x0, x1, x2, x3) = (x, x + columns, x + 2 &* columns, x + 3 &* columns)
    let whole = columns & ~7
    var row = 0
    while row &+ 2 <= rows {
        let a = matrix + row &* columns
        let b = a + columns
        var a0 = SIMD8<Float>.zero, a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0
        var j = 0
        while j < whole {
            let (va, vb) = (load(a + j), load(b + j))
            let (v0, v1, v2, v3) = (load(x0 + j), load(x1 + j), load(x2 + j), load(x3 + j))
            a0 += va * v0
            a1 += va * v1
            a2 += va * v2
            a3 += va * v3
            b0 += vb * v0
            b1 += vb * v1
            b2 += vb * v2
            b3 += vb * v3
            j &+= 8
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
            var lanes = SIMD8<Float>.zero
            let v = x + vector &* columns
            var j = 0
            while j < whole {
                lanes += load(a + j) * load(v + j)
                j &+= 8
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
public func addFourByMatrix(
    _ x: UnsafePointer<Float>, _ xStride: Int, _ matrix: UnsafePointer<Float>, _ rows: Int, _ columns: Int,
    _ out: UnsafeMutablePointer<Float>
) {
    let whole = columns & ~15
    // Strips of sixteen columns keep their sums in registers while the rows pass by, a few rows at a time so
    // that the lines of the next strip are still near.
    let height = 64
    var top = 0
    while top < rows {
        let bottom = min(top &+ height, rows)
        var j = 0
        while j < whole {
            var (p0, p1, p2, p3) = (load(out + j), load(out + columns + j), load(out + 2 &* columns + j), load(out + 3 &* columns + j))
            var (q0, q1, q2, q3) = (
                load(out + j + 8), load(out + columns + j + 8), load(out + 2 &* columns + j + 8), load(out + 3 &* columns + j + 8)
            )
            for row in top..<bottom {
                let line = matrix + row &* columns + j
                let (u, v) = (load(line), load(line + 8))
                let (c0, c1, c2, c3) = (x[row], x[xStride &+ row], x[2 &* xStride &+ row], x[3 &* xStride &+ row])
                p0 += c0 * u
                p1 += c1 * u
                p2 += c2 * u
                p3 += c3 * u
                q0 += c0 * v
                q1 += c1 * v
                q2 += c2 * v
                q3 += c3 * v
            }
            store(p0, q0, out + j)
            store(p1, q1, out + columns + j)
            store(p2, q2, out + 2 &* columns + j)
            store(p3, q3, out + 3 &* columns + j)
            j &+= 16
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
