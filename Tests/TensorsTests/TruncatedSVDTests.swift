import COpenBLAS
import Testing

@testable import Tensors

/// Rows held in memory.
private struct DenseRows: RowSource {
    let matrix: Matrix<Double>
    var rows: Int { matrix.rows }
    var columns: Int { matrix.columns }

    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Double>) {
        for (i, row) in range.enumerated() {
            for column in 0..<columns { target[i * columns + column] = matrix[row, column] }
        }
    }

    func fill(_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) {
        for (i, row) in range.enumerated() {
            for column in 0..<columns { target[i * columns + column] = Float(matrix[row, column]) }
        }
    }

    /// All singular values by LAPACK's divide and conquer on the whole matrix.
    func allSingularValues() -> [Double] {
        var elements = matrix.elements
        var values = [Double](repeating: 0, count: min(rows, columns))
        var left = [0.0]
        var right = [0.0]
        let status = LAPACKE_dgesdd(
            LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "N")), Int32(rows), Int32(columns), &elements, Int32(columns), &values, &left,
            Int32(rows), &right, Int32(columns))
        precondition(status == 0)
        return values
    }
}

private func gaussian(_ rows: Int, _ columns: Int, seed: UInt64) -> DenseRows {
    var generator = SeededGenerator(seed: seed)
    let scale = 1 / Double(rows + columns).squareRoot()
    return DenseRows(matrix: Matrix(rows: rows, columns: columns, (0..<rows * columns).map { _ in generator.normal() * scale }))
}

private func decompose(_ source: DenseRows, _ count: Int, _ path: TruncatedSVD.Path? = nil, threads: Int = 1) throws -> TruncatedSVD {
    var generator = SeededGenerator(seed: 7)
    return try TruncatedSVD(of: source, count: count, generator: &generator, threads: threads, path: path)
}

@Suite struct TruncatedSVDTests {
    @Test(
        arguments: [(60, 40), (40, 60), (300, 240), (240, 300), (500, 33)],
        [TruncatedSVD.Path?.none, .full, .lanczos])
    func agrees_with_LAPACK_on_flat_spectra(shape: (Int, Int), path: TruncatedSVD.Path?) throws {
        let source = gaussian(shape.0, shape.1, seed: 1)
        let expected = source.allSingularValues()
        let svd = try decompose(source, 4, path)
        // Lanczos works in single precision, which rounds at 6e-8.
        let tolerance = path == .full ? 1e-12 : 1e-7
        for i in 0..<4 { #expect(abs(svd.values[i] - expected[i]) < tolerance) }
    }

    @Test(arguments: [TruncatedSVD.Path.full, .lanczos])
    func vectors_are_singular_vectors(path: TruncatedSVD.Path) throws {
        let source = gaussian(150, 220, seed: 2)
        let svd = try decompose(source, 3, path)
        for i in 0..<3 {
            for row in 0..<150 {
                var image = 0.0
                for column in 0..<220 { image += source.matrix[row, column] * svd.right[i, column] }
                #expect(abs(image - svd.values[i] * svd.left[i, row]) < 1e-6)
            }
            for j in 0...i {
                var product = 0.0
                for column in 0..<220 { product += svd.right[i, column] * svd.right[j, column] }
                #expect(abs(product - (i == j ? 1 : 0)) < 1e-9)
            }
        }
    }

    /// Single-vector iterations find one direction of a repeated value; all of them must be found.
    @Test(arguments: [TruncatedSVD.Path.full, .lanczos])
    func finds_every_copy_of_a_repeated_value(path: TruncatedSVD.Path) throws {
        let blocks = 7
        let side = 40
        let size = blocks * side
        // Block-constant rank-one blocks: each has the single singular value 1.
        let source = DenseRows(
            matrix: Matrix(
                rows: size, columns: size,
                (0..<size * size).map { $0 / size / side == $0 % size / side ? 1 / Double(side) : 0 }))
        let svd = try decompose(source, blocks + 1, path)
        for i in 0..<blocks { #expect(abs(svd.values[i] - 1) < 1e-6) }
        #expect(svd.values[blocks] < 1e-6)
    }

    @Test func triplets_beyond_the_rank_are_zeros() throws {
        let source = DenseRows(matrix: Matrix(rows: 30, columns: 20, (0..<600).map { Double(1 + $0 % 20) * 0.01 }))
        let svd = try decompose(source, 3)
        #expect(abs(svd.values[0] - source.allSingularValues()[0]) < 1e-9)
        #expect(svd.values[1] < 1e-7 && svd.values[2] < 1e-7)
        for column in 0..<20 { #expect(svd.right[1, column] == 0) }
    }

    @Test func more_triplets_than_the_shorter_side_gives_that_many() throws {
        let svd = try decompose(gaussian(3, 50, seed: 3), 10)
        #expect(svd.values.count == 3)
        #expect(try decompose(gaussian(1, 1, seed: 3), 2).values.count == 1)
    }

    @Test(arguments: [TruncatedSVD.Path.full, .lanczos])
    func threads_change_no_bit(path: TruncatedSVD.Path) throws {
        let source = gaussian(700, 600, seed: 4)
        let one = try decompose(source, 3, path, threads: 1)
        let three = try decompose(source, 3, path, threads: 3)
        #expect(one.values == three.values)
        #expect(one.left.elements == three.left.elements)
        #expect(one.right.elements == three.right.elements)
    }
}
