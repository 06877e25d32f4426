/// A matrix whose rows can be computed when they are wanted, in either precision.
package protocol RowSource: Sendable {
    var rows: Int { get }
    var columns: Int { get }
    /// Writes the rows of `range`, [range.count, columns], to `target`.
    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>)
    /// As in single precision.
    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Double>)
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
        let shorter = min(source.rows, source.columns)
        let wanted = min(count, shorter)
        guard wanted > 0 else {
            values = []
            left = .zeros(rows: 0, columns: source.rows)
            right = .zeros(rows: 0, columns: source.columns)
            return
        }
        let subspace =
            switch path ?? Path(rows: source.rows, columns: source.columns, count: wanted) {
            case .full: try Self.fullDecomposition(source, wanted)
            case .lanczos: try Self.lanczos(source, wanted, &generator, threads)
            }
        self = try subspace.rayleighRitz()
    }

    init(values: [Double], left: Matrix<Double>, right: Matrix<Double>) {
        self.values = values
        self.left = left
        self.right = right
    }

    private static func fullDecomposition(_ source: some RowSource, _ count: Int) throws -> Subspace {
        let dense = Matrix<Double>(rows: source.rows, columns: source.columns) {
            source.fill(0..<source.rows, $0.baseAddress!)
        }
        let side: Subspace.Side = source.columns <= source.rows ? .columns : .rows
        let size = min(source.rows, source.columns)
        var gram = [Double](repeating: 0, count: size * size)
        dense.withElements { elements in
            Double.gram(
                side == .columns ? .ofColumns : .ofRows, n: size, k: max(source.rows, source.columns), elements.baseAddress!,
                source.columns, &gram, size)
        }
        let eigen = try SymmetricEigen(matrix: gram, n: size, count: count)
        return Subspace(side: side, vectors: Matrix(rows: count, columns: size, eigen.vectors)) { vectors in
            let width = max(source.rows, source.columns)
            return Matrix(rows: count, columns: width) { target in
                vectors.withElements { vectors in
                    dense.withElements {
                        Double.gemm(
                            .no, side == .columns ? .yes : .no, m: count, n: width, k: size, alpha: 1, vectors.baseAddress!, size,
                            $0.baseAddress!, source.columns, beta: 0, target.baseAddress!, width)
                    }
                }
            }
        }
    }

    private static func lanczos(
        _ source: some RowSource, _ count: Int, _ generator: inout SeededGenerator, _ threads: Int
    ) throws -> Subspace {
        let product = try DirectProduct(of: source, threads: threads)
        let result = try BlockLanczos<Float>(
            size: product.size, count: count, width: product.isLargerThanCache ? 8 : 4, tolerance: 1e-6, generator: &generator
        ) { block, input, output in
            try product.multiply(block, input, output)
        }
        let vectors = Matrix(rows: count, columns: product.size, result.vectors.map(Double.init))
        return try Subspace(side: product.side, vectors: vectors) { try product.images(of: $0) }
    }
}
