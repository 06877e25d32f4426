/// Approximate singular vectors of one side of a matrix, to be made exact within the space they span.
struct Subspace: Sendable {
    enum Side: Sendable { case rows, columns }

    let side: Side
    /// [count, rows or columns], close to orthonormal.
    let vectors: Matrix<Double>

    private static let groups = 8

    /// The Rayleigh-Ritz singular triplets of `source` in this space, in double precision.
    func rayleighRitz(_ source: some RowSource, threads: Int) throws -> TruncatedSVD {
        let count = vectors.rows
        let basis = orthonormalized()
        let images = try side == .columns ? imagesOfColumns(basis, source, threads) : imagesOfRows(basis, source, threads)
        let width = images.columns
        var gram = [Double](repeating: 0, count: count * count)
        images.withElements { Double.gram(.ofRows, n: count, k: width, $0.baseAddress!, width, &gram, count) }
        let eigen = try SymmetricEigen(matrix: gram, n: count, count: count)
        var values = eigen.values.map { max($0, 0).squareRoot() }
        var rotatedBasis = Self.product(eigen.vectors, basis)
        var rotatedImages = Self.product(eigen.vectors, images)
        for i in 0..<count {
            guard values[i] > TruncatedSVD.negligible else {
                values[i] = max(values[i], 0)
                Self.scale(&rotatedBasis, row: i, columns: basis.columns, by: 0)
                Self.scale(&rotatedImages, row: i, columns: width, by: 0)
                continue
            }
            Self.scale(&rotatedImages, row: i, columns: width, by: 1 / values[i])
        }
        let basisIsRight = side == .columns
        var right = basisIsRight ? rotatedBasis : rotatedImages
        var left = basisIsRight ? rotatedImages : rotatedBasis
        for i in 0..<count {
            let range = i * source.columns..<(i + 1) * source.columns
            let largest = right[range].max { abs($0) < abs($1) } ?? 0
            guard largest < 0 else { continue }
            Self.scale(&right, row: i, columns: source.columns, by: -1)
            Self.scale(&left, row: i, columns: source.rows, by: -1)
        }
        return TruncatedSVD(
            values: values, left: Matrix(rows: count, columns: source.rows, left),
            right: Matrix(rows: count, columns: source.columns, right))
    }

    /// The vectors by modified Gram-Schmidt, twice.
    private func orthonormalized() -> Matrix<Double> {
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

    /// basis [count, columns] -> [count, rows], A applied to each.
    private func imagesOfColumns(_ basis: Matrix<Double>, _ source: some RowSource, _ threads: Int) throws -> Matrix<Double> {
        let count = basis.rows
        let columns = basis.columns
        return try Matrix(rows: count, columns: source.rows) { target in
            let shared = SharedPointer(target.baseAddress!)
            try Self.forEachTile(source, threads) { _, range, tile in
                basis.withElements {
                    Double.gemm(
                        .no, .yes, m: count, n: range.count, k: columns, alpha: 1, $0.baseAddress!, columns, tile, columns, beta: 0,
                        shared.pointer + range.lowerBound, source.rows)
                }
            }
        }
    }

    /// basis [count, rows] -> [count, columns], A^T applied to each.
    private func imagesOfRows(_ basis: Matrix<Double>, _ source: some RowSource, _ threads: Int) throws -> Matrix<Double> {
        let count = basis.rows
        let columns = source.columns
        let partial = SharedBuffer(Buffer<Double>(uninitialized: Self.groups * count * columns))
        partial.buffer.base.update(repeating: 0, count: Self.groups * count * columns)
        try Self.forEachTile(source, threads) { group, range, tile in
            basis.withElements {
                Double.gemm(
                    .no, .no, m: count, n: columns, k: range.count, alpha: 1, $0.baseAddress! + range.lowerBound, source.rows, tile,
                    columns, beta: 1, partial.buffer.base + group * count * columns, columns)
            }
        }
        return Matrix(rows: count, columns: columns) { target in
            for i in 0..<count * columns {
                var sum = 0.0
                for group in 0..<Self.groups { sum += partial.buffer.base[group * count * columns + i] }
                target[i] = sum
            }
        }
    }

    /// Calls `body` with tiles of rows in double precision; the tiles of one group follow each other on one thread.
    private static func forEachTile(
        _ source: some RowSource, _ threads: Int, _ body: @Sendable (Int, Range<Int>, UnsafePointer<Double>) -> Void
    ) throws {
        let height = max(1, (1 << 16) / max(source.columns, 1))
        let rowsPerGroup = (source.rows + groups - 1) / groups
        try Parallel.forEach(count: groups, threads: threads) { group in
            let tile = Buffer<Double>(uninitialized: height * source.columns)
            let end = min((group + 1) * rowsPerGroup, source.rows)
            for first in stride(from: group * rowsPerGroup, to: end, by: height) {
                let range = first..<min(first + height, end)
                source.fill(range, tile.base)
                body(group, range, tile.base)
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
