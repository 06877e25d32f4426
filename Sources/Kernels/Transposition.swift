// Matrices turned over in tiles of eight by eight, which are read and written in whole vectors: with strides that are
// powers of two, single elements of a column fall into the same few lines of the cache.

@inline(__always)
private func interleaved(_ even: SIMD8<Float>, _ odd: SIMD8<Float>) -> SIMD16<Float> {
    var result = SIMD16<Float>()
    result.evenHalf = even
    result.oddHalf = odd
    return result
}

/// Three perfect shuffles of eight rows are their transposition.
@inline(__always)
private func shuffled(
    _ r: (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>)
) -> (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>) {
    let a = interleaved(r.0, r.4)
    let b = interleaved(r.1, r.5)
    let c = interleaved(r.2, r.6)
    let d = interleaved(r.3, r.7)
    return (a.lowHalf, a.highHalf, b.lowHalf, b.highHalf, c.lowHalf, c.highHalf, d.lowHalf, d.highHalf)
}

/// target [columns, rows] = source [rows, columns]^T; the strides are the distances between stored rows.
package func transpose(
    _ source: UnsafePointer<Float>, _ sourceStride: Int, _ rows: Int, _ columns: Int,
    _ target: UnsafeMutablePointer<Float>, _ targetStride: Int
) {
    let (wholeRows, wholeColumns) = (rows & ~7, columns & ~7)
    var column = 0
    while column < wholeColumns {
        var row = 0
        while row < wholeRows {
            let tile = UnsafeRawPointer(source + row &* sourceStride + column)
            let step = sourceStride &* 4
            func line(_ i: Int) -> SIMD8<Float> { tile.loadUnaligned(fromByteOffset: i &* step, as: SIMD8<Float>.self) }
            let turned = shuffled(shuffled(shuffled((line(0), line(1), line(2), line(3), line(4), line(5), line(6), line(7)))))
            let out = UnsafeMutableRawPointer(target + column &* targetStride + row)
            let width = targetStride &* 4
            out.storeBytes(of: turned.0, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.1, toByteOffset: width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.2, toByteOffset: 2 &* width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.3, toByteOffset: 3 &* width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.4, toByteOffset: 4 &* width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.5, toByteOffset: 5 &* width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.6, toByteOffset: 6 &* width, as: SIMD8<Float>.self)
            out.storeBytes(of: turned.7, toByteOffset: 7 &* width, as: SIMD8<Float>.self)
            row &+= 8
        }
        column &+= 8
    }
    for column in 0..<columns {
        let first = column < wholeColumns ? wholeRows : 0
        for row in first..<rows { target[column &* targetStride &+ row] = source[row &* sourceStride &+ column] }
    }
}
