/// How a tensor's elements, in row-major order, make an [out, in] matrix.
package enum MatrixLayout: Sendable, Equatable {
    /// Rows are out-neurons already; further leading dimensions (attention heads) are rows as well.
    case asStored(out: Int, in: Int)
    /// `blocks` matrices of [in, out] one after the other; the rows of the result are the blocks' columns.
    case transposed(blocks: Int, in: Int, out: Int)
    /// A convolution [out, in, ...]: each weight is the root of the summed squares over `kernel` elements.
    case convolution(out: Int, in: Int, kernel: Int)

    /// The number of out-neurons.
    package var rows: Int {
        switch self {
        case .asStored(let out, _), .convolution(let out, _, _): out
        case .transposed(let blocks, _, let out): blocks * out
        }
    }

    /// The number of in-neurons.
    package var columns: Int {
        switch self {
        case .asStored(_, let input), .convolution(_, let input, _), .transposed(_, let input, _): input
        }
    }
}
