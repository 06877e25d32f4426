/// A matrix whose rows can be computed when they are wanted, in either precision.
package protocol RowSource: Sendable {
    var rows: Int { get }
    var columns: Int { get }
    /// Writes the rows of `range`, [range.count, columns], to `target`.
    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>)
    /// As in single precision.
    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Double>)
    /// Calls `body` with runs of rows, which together are the matrix, and a source that can fill them while `body` runs.
    func forEachRun(_ body: (Range<Int>, Self) throws -> Void) throws
}

extension RowSource {
    package func forEachRun(_ body: (Range<Int>, Self) throws -> Void) throws { try body(0..<rows, self) }
}

/// A matrix in the form that its decomposition works on; what its rows were computed from is no longer needed.
package struct DecomposableMatrix: Sendable {
    enum Form: Sendable {
        case full(Matrix<Double>)
        case lanczos(DirectProduct)
    }

    let rows: Int
    let columns: Int
    /// How many triplets are wanted: no more than there are.
    let count: Int
    /// Nil if none is wanted.
    let form: Form?

    /// - Parameters:
    ///   - source: the entries, of magnitude around 1 or less.
    ///   - count: how many leading triplets are wanted.
    package init(of source: some RowSource, count: Int, threads: Int) throws {
        try self.init(of: source, count: count, threads: threads, path: nil)
    }

    init(of source: some RowSource, count: Int, threads: Int, path: TruncatedSVD.Path?) throws {
        (rows, columns) = (source.rows, source.columns)
        self.count = min(count, min(rows, columns))
        guard self.count > 0 else {
            form = nil
            return
        }
        switch path ?? TruncatedSVD.Path(rows: rows, columns: columns, count: self.count) {
        case .full:
            form = .full(
                try Matrix(rows: rows, columns: columns) { target in
                    try source.forEachRun { $1.fill($0, target.baseAddress! + $0.lowerBound * source.columns) }
                })
        case .lanczos: form = .lanczos(try DirectProduct(of: source, threads: threads))
        }
    }
}

/// The leading singular triplets of a matrix: A = sum_i values_i * left_i^T right_i.
///
/// Small matrices are decomposed in full, through the Gram matrix of the shorter side in double precision. Larger
/// ones go through block Lanczos in single precision until the residual is 10^-6 of the largest eigenvalue. The subspace found is
/// then rotated by its Rayleigh quotient, which squares the error of the values: what remains is the rounding of single precision,
/// about 10^-8. Triplets below 10^-7 have no defined direction and are returned as zeros.
package struct TruncatedSVD: Sendable {
    /// In descending order.
    package let values: [Double]
    /// Row i belongs to value i: [count, rows]. The first entry of largest magnitude is positive in `right`.
    package let left: Matrix<Double>
    /// Row i belongs to value i: [count, columns].
    package let right: Matrix<Double>

    /// Below this a singular value is rounding.
    static let negligible = 1e-7

    /// The side up to which the whole decomposition wins.
    private static let fullSide = 192
    /// How the subspace is found.
    enum Path: Sendable {
        /// By LAPACK on the Gram matrix of the shorter side, in double precision.
        case full
        /// By block Lanczos, from products with the matrix and its transpose.
        case lanczos

        init(rows: Int, columns: Int, count: Int) {
            let shorter = min(rows, columns)
            self = shorter <= TruncatedSVD.fullSide || 8 * count > shorter ? .full : .lanczos
        }
    }

    /// The `count` leading triplets, or as many as the shorter side has.
    ///
    /// - Parameter source: the entries, of magnitude around 1 or less.
    /// - Throws: ``Problem`` if the iteration does not converge.
    package init(of source: some RowSource, count: Int, generator: inout SeededGenerator, threads: Int) throws {
        try self.init(of: source, count: count, generator: &generator, threads: threads, path: nil)
    }

    init(of source: some RowSource, count: Int, generator: inout SeededGenerator, threads: Int, path: Path?) throws {
        try self.init(of: DecomposableMatrix(of: source, count: count, threads: threads, path: path), generator: &generator)
    }

    /// The triplets that are wanted of a matrix.
    ///
    /// - Throws: ``Problem`` if the iteration does not converge.
    package init(of matrix: DecomposableMatrix, generator: inout SeededGenerator) throws {
        switch matrix.form {
        case nil:
            values = []
            left = .zeros(rows: 0, columns: matrix.rows)
            right = .zeros(rows: 0, columns: matrix.columns)
        case .full(let dense): self = try Self.fullDecomposition(dense, matrix.count).rayleighRitz()
        case .lanczos(let product): self = try Self.lanczos(product, matrix.count, &generator).rayleighRitz()
        }
    }

    init(values: [Double], left: Matrix<Double>, right: Matrix<Double>) {
        self.values = values
        self.left = left
        self.right = right
    }

    private static func fullDecomposition(_ dense: Matrix<Double>, _ count: Int) throws -> Subspace {
        let side: Subspace.Side = dense.columns <= dense.rows ? .columns : .rows
        let size = min(dense.rows, dense.columns)
        var gram = [Double](repeating: 0, count: size * size)
        dense.withElements { elements in
            Double.gram(
                side == .columns ? .ofColumns : .ofRows, n: size, k: max(dense.rows, dense.columns), elements.baseAddress!,
                dense.columns, &gram, size)
        }
        let eigen = try SymmetricEigen(matrix: gram, n: size, count: count)
        return Subspace(side: side, vectors: Matrix(rows: count, columns: size, eigen.vectors)) { vectors in
            let width = max(dense.rows, dense.columns)
            return Matrix(rows: count, columns: width) { target in
                vectors.withElements { vectors in
                    dense.withElements {
                        Double.gemm(
                            .no, side == .columns ? .yes : .no, m: count, n: width, k: size, alpha: 1, vectors.baseAddress!, size,
                            $0.baseAddress!, dense.columns, beta: 0, target.baseAddress!, width)
                    }
                }
            }
        }
    }

    private static func lanczos(_ product: DirectProduct, _ count: Int, _ generator: inout SeededGenerator) throws -> Subspace {
        let result = try BlockLanczos<Float>(
            size: product.size, count: count, width: product.isLargerThanCache ? 8 : 4, tolerance: 1e-6, generator: &generator
        ) { block, input, output in
            try product.multiply(block, input, output)
        }
        let vectors = Matrix(rows: count, columns: product.size, result.vectors.map(Double.init))
        return try Subspace(side: product.side, vectors: vectors) { try product.images(of: $0) }
    }
}
