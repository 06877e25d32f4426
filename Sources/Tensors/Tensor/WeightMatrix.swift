/// The weights of one layer, [out, in]: out-neurons are rows, in-neurons columns.
///
/// Single precision if that holds the stored values exactly (f32, f16, bf16, 8-bit, quantised); double precision for
/// what it does not (f64, wide integers, the norms that make a matrix of a convolution), so that measures are exact.
package enum WeightMatrix: Sendable {
    case single(Matrix<Float>)
    case double(Matrix<Double>)

    /// The number of out-neurons.
    package var rows: Int {
        switch self {
        case .single(let matrix): matrix.rows
        case .double(let matrix): matrix.rows
        }
    }

    /// The number of in-neurons.
    package var columns: Int {
        switch self {
        case .single(let matrix): matrix.columns
        case .double(let matrix): matrix.columns
        }
    }

    /// One weight, W[row, column].
    package subscript(row: Int, column: Int) -> Double {
        switch self {
        case .single(let matrix): Double(matrix[row, column])
        case .double(let matrix): matrix[row, column]
        }
    }

    /// Calls `body` with each row in turn, in double precision; the pointer must not outlive the call.
    package func forEachRow(_ body: (Int, UnsafeBufferPointer<Double>) throws -> Void) rethrows {
        switch self {
        case .double(let matrix):
            for row in 0..<matrix.rows { try matrix.withRow(row) { try body(row, $0) } }
        case .single(let matrix):
            let wide = UnsafeMutableBufferPointer<Double>.allocate(capacity: matrix.columns)
            defer { wide.deallocate() }
            for row in 0..<matrix.rows {
                matrix.withRow(row) { for (column, value) in $0.enumerated() { wide[column] = Double(value) } }
                try body(row, UnsafeBufferPointer(wide))
            }
        }
    }
}
