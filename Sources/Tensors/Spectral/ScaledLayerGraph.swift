/// I + D^-1/2 A D^-1/2 - q q^T for the graph whose nodes are the neurons of successive layers: the shifted normalised adjacency without its first eigenvector.
///
/// The shift makes the algebraically largest eigenvalues the largest in magnitude too. Nodes without edges are left out of the space.
package struct ScaledLayerGraph: Sendable {
    /// The number of nodes, layer after layer, the first layer's in-neurons first.
    package let size: Int
    /// The first node of each group of neurons; one more than there are layers, then the size.
    package let offsets: [Int]
    /// The summed |W| of each node's edges.
    package let degrees: [Double]

    private let blocks: [Matrix<Double>]
    private let trivial: [Double]

    /// - Parameters:
    ///   - layers: each [out, in], finite, the in-neurons of one being the out-neurons of the one before (each repeated
    ///     `columns / previous rows` times, where a convolution is flattened: the weights of one channel are joined by the root of their summed squares).
    package init(layers: [WeightMatrix]) throws {
        precondition(!layers.isEmpty, "no layers")
        var joined: [Matrix<Double>] = []
        for (index, layer) in layers.enumerated() {
            joined.append(Self.absolute(layer, columns: index == 0 ? layer.columns : layers[index - 1].rows))
        }
        var offsets = [0, joined[0].columns]
        for block in joined { offsets.append(offsets.last! + block.rows) }
        self.offsets = Array(offsets.dropLast())
        let size = offsets.last!
        self.size = size
        var degrees = [Double](repeating: 0, count: size)
        for (index, block) in joined.enumerated() {
            block.withElements { elements in
                for row in 0..<block.rows {
                    for column in 0..<block.columns {
                        let weight = elements[row * block.columns + column]
                        degrees[offsets[index] + column] += weight
                        degrees[offsets[index + 1] + row] += weight
                    }
                }
            }
        }
        self.degrees = degrees
        let total = degrees.reduce(0, +)
        trivial = degrees.map { total > 0 ? ($0 / total).squareRoot() : 0 }
        let scales = degrees.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
        blocks = joined.enumerated().map { index, block in
            Matrix(rows: block.rows, columns: block.columns) { target in
                block.withElements { elements in
                    for row in 0..<block.rows {
                        for column in 0..<block.columns {
                            target[row * block.columns + column] =
                                elements[row * block.columns + column] * scales[offsets[index + 1] + row]
                                * scales[offsets[index] + column]
                        }
                    }
                }
            }
        }
    }

    /// |W| with the columns of each channel joined into one.
    private static func absolute(_ layer: WeightMatrix, columns: Int) -> Matrix<Double> {
        precondition(columns > 0 && layer.columns % columns == 0, "\(layer.columns) columns from \(columns)")
        let repeats = layer.columns / columns
        return Matrix(rows: layer.rows, columns: columns) { target in
            layer.forEachRow { row, values in
                for column in 0..<columns {
                    if repeats == 1 {
                        target[row * columns + column] = abs(values[column])
                    } else {
                        var sum = 0.0
                        let places = column * repeats..<(column + 1) * repeats
                        for i in places { sum += values[i] * values[i] }
                        if sum.isNormal {
                            target[row * columns + column] = sum.squareRoot()
                        } else {
                            // Squares that overflow or underflow although their root does not.
                            let largest = places.reduce(0) { max($0, abs(values[$1])) }
                            let parts = places.reduce(0) { $0 + (values[$1] / largest) * (values[$1] / largest) }
                            target[row * columns + column] = largest > 0 ? largest * parts.squareRoot() : 0
                        }
                    }
                }
            }
        }
    }

    /// The largest eigenvalues of the normalised adjacency, falling, the known 1 first, and their vectors.
    ///
    /// - Parameter count: how many, the first included.
    /// - Returns: vectors as [count][size].
    package func leadingEigenpairs(
        count: Int, generator: inout SeededGenerator
    ) throws -> (values: [Double], vectors: [[Double]]) {
        let connected = degrees.count { $0 > 0 }
        let further = min(count, connected) - 1
        guard connected > 0 else { return ([], []) }
        guard further > 0 else { return ([1], [trivial]) }
        let values: [Double]
        let vectors: [Double]
        if size <= 256 || 8 * further > size {
            let identity = [Double](unsafeUninitializedCapacity: size * size) { target, initialized in
                target.initialize(repeating: 0)
                for i in 0..<size { target[i * size + i] = 1 }
                initialized = size * size
            }
            var matrix = [Double](repeating: 0, count: size * size)
            multiply(size, identity, &matrix)
            let eigen = try SymmetricEigen(matrix: matrix, n: size, count: further)
            (values, vectors) = (eigen.values, eigen.vectors)
        } else {
            let result = try BlockLanczos<Double>(size: size, count: further, tolerance: 1e-9, generator: &generator) {
                multiply($0, $1, $2)
            }
            (values, vectors) = (result.values, result.vectors)
        }
        return (
            [1] + values.map { min($0 - 1, 1) },
            [trivial] + (0..<further).map { Array(vectors[$0 * size..<($0 + 1) * size]) }
        )
    }

    /// output [block, size] = input [block, size] times the operator.
    private func multiply(_ block: Int, _ input: UnsafePointer<Double>, _ output: UnsafeMutablePointer<Double>) {
        for i in 0..<block {
            let row = input + i * size
            let target = output + i * size
            let amount = innerProduct(row, trivial, size)
            for j in 0..<size { target[j] = degrees[j] > 0 ? row[j] - amount * trivial[j] : 0 }
        }
        for (index, matrix) in blocks.enumerated() {
            let before = offsets[index]
            let after = offsets[index + 1]
            matrix.withElements { elements in
                guard let base = elements.baseAddress, !elements.isEmpty else { return }
                Double.gemm(
                    .no, .yes, m: block, n: matrix.rows, k: matrix.columns, alpha: 1, input + before, size, base, matrix.columns, beta: 1,
                    output + after, size)
                Double.gemm(
                    .no, .no, m: block, n: matrix.columns, k: matrix.rows, alpha: 1, input + after, size, base, matrix.columns, beta: 1,
                    output + before, size)
            }
        }
    }
}
