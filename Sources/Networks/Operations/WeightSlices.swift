import Tensors

/// Parts of layers' weights as separate weights, so that a part of a layer is computed by the layer's own operation.
package enum WeightSlices {
    /// The entries `rows` of the first dimension: filters, biases, rows of a matrix [out, in].
    package static func entries(_ rows: [Int], of tensor: Tensor) -> Tensor {
        let length = tensor.shape.first ?? 1
        let step = length == 0 ? 0 : tensor.count / length
        let part = MutableTensor(uninitialized: [rows.count] + tensor.shape.dropFirst())
        tensor.withElements { source in
            part.withMutableElements { target in
                for (place, row) in rows.enumerated() {
                    for inner in 0..<step { target[place * step + inner] = source[row * step + inner] }
                }
            }
        }
        return part
    }

    /// The entries `columns` of the last dimension of a matrix, each as a row.
    static func columnsAsRows(_ columns: [Int], of matrix: Tensor) -> Tensor {
        let (rows, width) = (matrix.rows, matrix.width)
        let part = MutableTensor(uninitialized: [columns.count, rows])
        matrix.withElements { source in
            part.withMutableElements { target in
                for row in 0..<rows {
                    for (place, column) in columns.enumerated() { target[place * rows + row] = source[row * width + column] }
                }
            }
        }
        return part
    }

    /// The entries `columns` of the last dimension of a matrix.
    static func columns(_ columns: [Int], of matrix: Tensor) -> Tensor {
        let (rows, width) = (matrix.rows, matrix.width)
        let part = MutableTensor(uninitialized: [rows, columns.count])
        matrix.withElements { source in
            part.withMutableElements { target in
                for row in 0..<rows {
                    for (place, column) in columns.enumerated() { target[row * columns.count + place] = source[row * width + column] }
                }
            }
        }
        return part
    }

    /// Neurons along a dimension of a matrix, each as a row.
    package static func rows(_ neurons: [Int], of matrix: Tensor, along dimension: Int) -> Tensor {
        dimension == 0 ? entries(neurons, of: matrix) : columnsAsRows(neurons, of: matrix)
    }
}
