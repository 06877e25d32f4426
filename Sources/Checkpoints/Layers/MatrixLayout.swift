/// How a tensor's elements, in row-major order, make an [out, in] matrix.
package enum MatrixLayout: Sendable, Equatable {
    /// Rows are out-neurons already; further leading dimensions (attention heads) are rows as well.
    case asStored(out: Int, in: Int)
    /// `blocks` matrices of [in, out] one after the other; the rows of the result are the blocks' columns.
    case transposed(blocks: Int, in: Int, out: Int)
    /// A convolution [out, in, ...]: each weight is the root of the summed squares over `kernel` elements.
    case convolution(out: Int, in: Int, kernel: Int)
    /// A transposed convolution.
    case transposedConvolution(TransposedFilters)

    /// The number of out-neurons.
    package var rows: Int {
        switch self {
        case .asStored(let out, _), .convolution(let out, _, _): out
        case .transposed(let blocks, _, let out): blocks * out
        case .transposedConvolution(let filters): filters.groups * filters.outputs
        }
    }

    /// The number of in-neurons.
    package var columns: Int {
        switch self {
        case .asStored(_, let input), .convolution(_, let input, _), .transposed(_, let input, _): input
        case .transposedConvolution(let filters): filters.isUnfolded ? filters.inputs * filters.kernel : filters.inputs
        }
    }

    /// A convolution of the same neurons in the place of a transposed one; any other layout unchanged.
    var outputsFirst: MatrixLayout {
        guard case .transposedConvolution(let filters) = self else { return self }
        return .convolution(out: rows, in: columns, kernel: filters.isUnfolded ? 1 : filters.kernel)
    }
}

/// The filters of a transposed convolution as they are stored: for each group, one after the other, [in, out, ...].
///
/// A row of the matrix is an out-neuron of a group, a column an in-neuron of the same group, as in a convolution [out, in / groups, ...].
package struct TransposedFilters: Sendable, Equatable {
    package let groups: Int
    /// The in-neurons of a group.
    package let inputs: Int
    /// The out-neurons of a group.
    package let outputs: Int
    /// The elements of a kernel.
    package let kernel: Int
    /// Whether each of them is a column of its own, [out, in * kernel]; else a weight is the root of their summed squares.
    package var isUnfolded = false

    /// - Parameters:
    ///   - groups: a divisor of the first dimension.
    ///   - shape: that of the tensor, [in, out / groups, ...].
    package init(_ groups: Int, shape: [Int]) {
        self.groups = groups
        inputs = shape[0] / groups
        outputs = shape[1]
        kernel = shape[2...].reduce(1, *)
    }

    /// The elements as a convolution has them, [out, in, ...] of group after group.
    package func outputsFirst<Element>(_ elements: UnsafeBufferPointer<Element>) -> [Element] {
        var turned: [Element] = []
        turned.reserveCapacity(elements.count)
        for group in 0..<groups {
            for output in 0..<outputs {
                for input in 0..<inputs {
                    let first = ((group * inputs + input) * outputs + output) * kernel
                    turned += elements[first..<first + kernel]
                }
            }
        }
        return turned
    }
}
