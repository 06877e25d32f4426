/// Turns stored matrices over.
package enum Transposition {
    /// target [columns, rows] = source [rows, columns]^T.
    ///
    /// - Parameters:
    ///   - source: at least `rows * columns` elements, row after row.
    ///   - target: with `targetStride` elements from one row to the next.
    package static func write<Scalar: BitwiseCopyable>(
        _ source: UnsafeBufferPointer<Scalar>, rows: Int, columns: Int, to target: UnsafeMutableBufferPointer<Scalar>, targetStride: Int
    ) {
        guard rows > 0, columns > 0 else { return }
        precondition(source.count >= rows * columns, "\(source.count) elements for \(rows) x \(columns)")
        precondition(target.count >= (columns - 1) * targetStride + rows, "\(target.count) elements for \(columns) x \(rows)")
        if Scalar.self == Float.self {
            source.withMemoryRebound(to: Float.self) { source in
                target.withMemoryRebound(to: Float.self) { target in
                    KernelSet.current.transpose(source.baseAddress!, columns, rows, columns, target.baseAddress!, targetStride)
                }
            }
        } else {
            for column in 0..<columns {
                for row in 0..<rows { target[column * targetStride + row] = source[row * columns + column] }
            }
        }
    }
}
