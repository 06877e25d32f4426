/// Approximate singular vectors of one side of a matrix A and their products with A, to be made exact within the space they span.
struct Subspace: Sendable {
    enum Side: Sendable { case rows, columns }

    let side: Side
    /// Orthonormal: [count, columns or rows].
    let vectors: Matrix<Double>

    /// The products of A (or its transpose) with these, which are vectors of the other side: [count, columns or rows].
    let images: Matrix<Double>

    /// - Parameters:
    ///   - vectors: close to orthonormal; they are made so.
    ///   - image: applies A, or its transpose for vectors of the rows' side, to each of the orthonormal vectors.
    init(side: Side, vectors: Matrix<Double>, image: (Matrix<Double>) throws -> Matrix<Double>) rethrows {
        self.side = side
        self.vectors = Self.orthonormalized(vectors)
        images = try image(self.vectors)
    }

    /// The Rayleigh-Ritz singular triplets in this space.
    func rayleighRitz() throws -> TruncatedSVD {
        let count = vectors.rows
        let width = images.columns
        var gram = [Double](repeating: 0, count: count * count)
        images.withElements { Double.gram(.ofRows, n: count, k: width, $0.baseAddress!, width, &gram, count) }
        let eigen = try SymmetricEigen(matrix: gram, n: count, count: count)
        var values = eigen.values.map { max($0, 0).squareRoot() }
        var rotatedBasis = Self.product(eigen.vectors, vectors)
        var rotatedImages = Self.product(eigen.vectors, images)
        for i in 0..<count {
            guard values[i] > TruncatedSVD.negligible else {
                values[i] = max(values[i], 0)
                Self.scale(&rotatedBasis, row: i, columns: vectors.columns, by: 0)
                Self.scale(&rotatedImages, row: i, columns: width, by: 0)
                continue
            }
            Self.scale(&rotatedImages, row: i, columns: width, by: 1 / values[i])
        }
        let basisIsRight = side == .columns
        var right = basisIsRight ? rotatedBasis : rotatedImages
        var left = basisIsRight ? rotatedImages : rotatedBasis
        let (rows, columns) = basisIsRight ? (width, vectors.columns) : (vectors.columns, width)
        for i in 0..<count {
            let largest = right[i * columns..<(i + 1) * columns].max { abs($0) < abs($1) } ?? 0
            guard largest < 0 else { continue }
            Self.scale(&right, row: i, columns: columns, by: -1)
            Self.scale(&left, row: i, columns: rows, by: -1)
        }
        return TruncatedSVD(
            values: values, left: Matrix(rows: count, columns: rows, left), right: Matrix(rows: count, columns: columns, right))
    }

    /// The vectors by modified Gram-Schmidt, twice.
    private static func orthonormalized(_ vectors: Matrix<Double>) -> Matrix<Double> {
        let count = vectors.rows
        let width = vectors.columns
        return Matrix(rows: count, columns: width) { target in
            let base = target.baseAddress!
            vectors.withElements { base.update(from: $0.baseAddress!, count: count * width) }
            for i in 0..<count {
                let row = base + i * width
                for _ in 0..<2 {
                    for j in 0..<i {
                        let other = base + j * width
                        let amount = innerProduct(row, other, width)
                        for c in 0..<width { row[c] -= amount * other[c] }
                    }
                    let length = innerProduct(row, row, width).squareRoot()
                    let factor = length > 0 ? 1 / length : 0
                    for c in 0..<width { row[c] *= factor }
                }
            }
        }
    }

    /// coefficients [count, count] times matrix [count, width].
    private static func product(_ coefficients: [Double], _ matrix: Matrix<Double>) -> [Double] {
        let count = matrix.rows
        let width = matrix.columns
        return [Double](unsafeUninitializedCapacity: count * width) { target, initialized in
            matrix.withElements {
                Double.gemm(
                    .no, .no, m: count, n: width, k: count, alpha: 1, coefficients, count, $0.baseAddress!, width, beta: 0,
                    target.baseAddress!, width)
            }
            initialized = count * width
        }
    }

    private static func scale(_ elements: inout [Double], row: Int, columns: Int, by factor: Double) {
        for c in row * columns..<(row + 1) * columns { elements[c] *= factor }
    }
}
