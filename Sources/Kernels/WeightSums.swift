// Sums over one row of a weight matrix. Long sums are kept in double precision; the order of additions is fixed by
// the lane structure, which is the same for every instruction set, so the results are too.

/// Adds |w| to `columnSums` element by element and returns the sum of |w| over the row.
@inline(__always)
private func addAbsolute<Scalar: BinaryFloatingPoint>(
    _ row: UnsafePointer<Scalar>, _ count: Int, _ columnSums: UnsafeMutablePointer<Double>, _ wide: (Scalar) -> Double
) -> Double {
    // Eight running sums: lane l sums the elements j with j mod 8 = l.
    var lanes = SIMD8<Double>.zero
    var j = 0
    while j &+ 8 <= count {
        var values = SIMD8<Double>.zero
        for lane in 0..<8 { values[lane] = wide(row[j &+ lane]) }
        let target = UnsafeMutableRawPointer(columnSums + j)
        let sums = target.loadUnaligned(as: SIMD8<Double>.self) + values
        target.storeBytes(of: sums, as: SIMD8<Double>.self)
        lanes += values
        j &+= 8
    }
    var sum = lanes.sum()
    while j < count {
        let value = wide(row[j])
        columnSums[j] += value
        sum += value
        j &+= 1
    }
    return sum
}

package func addAbsoluteRow(_ row: UnsafePointer<Float>, _ count: Int, _ columnSums: UnsafeMutablePointer<Double>) -> Double {
    addAbsolute(row, count, columnSums) { Double(abs($0)) }
}

package func addAbsoluteRow(_ row: UnsafePointer<Double>, _ count: Int, _ columnSums: UnsafeMutablePointer<Double>) -> Double {
    addAbsolute(row, count, columnSums) { abs($0) }
}

/// Adds w^2 to `squares` and |w| to `absolutes`, element by element.
package func addSquaresRow(
    _ row: UnsafePointer<Float>, _ count: Int, _ squares: UnsafeMutablePointer<Double>, _ absolutes: UnsafeMutablePointer<Double>
) {
    for j in 0..<count {
        let value = Double(row[j])
        squares[j] += value * value
        absolutes[j] += abs(value)
    }
}

package func addSquaresRow(
    _ row: UnsafePointer<Double>, _ count: Int, _ squares: UnsafeMutablePointer<Double>, _ absolutes: UnsafeMutablePointer<Double>
) {
    for j in 0..<count {
        let value = row[j]
        squares[j] += value * value
        absolutes[j] += abs(value)
    }
}

/// target_j = |w_j| * rowScale * columnScale_j - rowTrivial * columnTrivial_j: a row of the normalised matrix
/// without its first singular triplet.
package func normalizeRow(
    _ row: UnsafePointer<Float>, _ count: Int, _ rowScale: Float, _ columnScale: UnsafePointer<Float>,
    _ rowTrivial: Float, _ columnTrivial: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>
) {
    for j in 0..<count {
        target[j] = (abs(row[j]) * rowScale) * columnScale[j] - rowTrivial * columnTrivial[j]
    }
}

/// The same in double precision, from either kind of weights.
@inline(__always)
private func normalizeWide<Scalar: BinaryFloatingPoint>(
    _ row: UnsafePointer<Scalar>, _ count: Int, _ rowScale: Double, _ columnScale: UnsafePointer<Double>,
    _ rowTrivial: Double, _ columnTrivial: UnsafePointer<Double>, _ target: UnsafeMutablePointer<Double>,
    _ wide: (Scalar) -> Double
) {
    for j in 0..<count {
        target[j] = (wide(row[j]) * rowScale) * columnScale[j] - rowTrivial * columnTrivial[j]
    }
}

package func normalizeRow(
    _ row: UnsafePointer<Float>, _ count: Int, _ rowScale: Double, _ columnScale: UnsafePointer<Double>,
    _ rowTrivial: Double, _ columnTrivial: UnsafePointer<Double>, _ target: UnsafeMutablePointer<Double>
) {
    normalizeWide(row, count, rowScale, columnScale, rowTrivial, columnTrivial, target) { Double(abs($0)) }
}

package func normalizeRow(
    _ row: UnsafePointer<Double>, _ count: Int, _ rowScale: Double, _ columnScale: UnsafePointer<Double>,
    _ rowTrivial: Double, _ columnTrivial: UnsafePointer<Double>, _ target: UnsafeMutablePointer<Double>
) {
    normalizeWide(row, count, rowScale, columnScale, rowTrivial, columnTrivial, target) { abs($0) }
}
