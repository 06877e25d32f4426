/// The graph of a symmetric matrix S of similarities, normalised: B = D^-1/2 |S| D^-1/2 with D the row sums of |S|.
///
/// A node is connected if it is similar to itself. Spectral clustering reads the vectors of the largest eigenvalues of B, which are the
/// smallest of the symmetric normalised Laplacian I - B (Ng, Jordan and Weiss 2001).
package struct SimilarityGraph: Sendable {
    /// The number of nodes.
    package let size: Int
    /// The nodes with S_ii > 0, rising.
    package let connected: [Int]

    /// B, [size, size].
    private let normalized: Matrix<Double>
    /// The unit vector of the known eigenvalue 1: the roots of the degrees.
    private let trivial: [Double]

    private static let tile = 256
    /// The size up to which the whole decomposition wins.
    private static let fullSide = 256

    /// - Parameter similarities: S, [size, size], symmetric and finite.
    package init(_ similarities: Tensor, threads: Int) throws {
        let size = similarities.width
        precondition(similarities.shape == [size, size], "\(similarities.shape) similarities")
        self.size = size
        let isConnected = similarities.withElements { elements in (0..<size).map { elements[$0 * size + $0] > 0 } }
        connected = (0..<size).filter { isConnected[$0] }
        let starts = Array(stride(from: 0, to: size, by: Self.tile))
        let degrees = try Parallel.map(count: starts.count, threads: threads) { piece in
            similarities.withElements { elements in
                (starts[piece]..<min(starts[piece] + Self.tile, size)).map { row in
                    isConnected[row] ? (0..<size).reduce(0.0) { $0 + (isConnected[$1] ? Double(abs(elements[row * size + $1])) : 0) } : 0
                }
            }
        }.flatMap { $0 }
        let total = degrees.reduce(0, +)
        trivial = degrees.map { total > 0 ? ($0 / total).squareRoot() : 0 }
        let scales = degrees.map { $0 > 0 ? 1 / $0.squareRoot() : 0 }
        normalized = try Matrix(rows: size, columns: size) { target in
            guard let base = target.baseAddress else { return }
            let shared = SharedPointer(base)
            try Parallel.forEach(count: starts.count, threads: threads) { piece in
                similarities.withElements { elements in
                    for row in starts[piece]..<min(starts[piece] + Self.tile, size) {
                        let out = shared.pointer + row * size
                        for column in 0..<size { out[column] = Double(abs(elements[row * size + column])) * scales[row] * scales[column] }
                    }
                }
            }
        }
    }

    /// The largest eigenvalues of B, falling, the known 1 first, and their vectors.
    ///
    /// - Parameter count: how many, the first included; fewer where fewer nodes are connected.
    /// - Returns: vectors as [count][size].
    /// - Throws: ``Problem`` if the iteration does not converge.
    package func leadingEigenpairs(
        count: Int, generator: inout SeededGenerator, threads: Int
    ) throws -> (values: [Double], vectors: [[Double]]) {
        guard !connected.isEmpty, count > 0 else { return ([], []) }
        let further = min(count, connected.count) - 1
        guard further > 0 else { return ([1], [trivial]) }
        let values: [Double]
        let vectors: [Double]
        if size <= Self.fullSide || 8 * further > size {
            let identity = [Double](unsafeUninitializedCapacity: size * size) { target, initialized in
                target.initialize(repeating: 0)
                for i in 0..<size { target[i * size + i] = 1 }
                initialized = size * size
            }
            var matrix = [Double](repeating: 0, count: size * size)
            try multiply(size, identity, &matrix, threads)
            let eigen = try SymmetricEigen(matrix: matrix, n: size, count: further)
            (values, vectors) = (eigen.values, eigen.vectors)
        } else {
            let result = try BlockLanczos<Double>(size: size, count: further, tolerance: 1e-9, generator: &generator) {
                try multiply($0, $1, $2, threads)
            }
            (values, vectors) = (result.values, result.vectors)
        }
        return (
            // The known pair is the largest: rounding must not say otherwise of its equals.
            [1] + values.map { min($0 - 1, 1) },
            [trivial] + (0..<further).map { Array(vectors[$0 * size..<($0 + 1) * size]) }
        )
    }

    /// output [block, size] = input [block, size] times I + B - q q^T on the connected nodes, q the known vector: the shift makes the
    /// algebraically largest eigenvalues the largest in magnitude too.
    private func multiply(
        _ block: Int, _ input: UnsafePointer<Double>, _ output: UnsafeMutablePointer<Double>, _ threads: Int
    ) throws {
        let (given, target) = (SharedPointer(UnsafeMutablePointer(mutating: input)), SharedPointer(output))
        let amounts = (0..<block).map { innerProduct(input + $0 * size, trivial, size) }
        try normalized.withElements { elements in
            guard let base = elements.baseAddress else { return }
            let matrix = SharedPointer(UnsafeMutablePointer(mutating: base))
            try Parallel.forEach(count: (size + Self.tile - 1) / Self.tile, threads: threads) { piece in
                let first = piece * Self.tile
                let columns = min(Self.tile, size - first)
                for i in 0..<block {
                    let row = given.pointer + i * size
                    let out = target.pointer + i * size
                    for j in first..<first + columns { out[j] = trivial[j] > 0 ? row[j] - amounts[i] * trivial[j] : 0 }
                }
                // B is symmetric: its rows are its columns.
                Double.gemm(
                    .no, .yes, m: block, n: columns, k: size, alpha: 1, given.pointer, size, matrix.pointer + first * size, size, beta: 1,
                    target.pointer + first, size)
            }
        }
    }
}
