import Testing

@testable import Tensors

@Suite struct WeightSumsTests {
    private let weights = Matrix<Float>(rows: 3, columns: 4, [1, -2, 0, 3, 0, 0, 0, 0, -1, 1, 4, -0.5])

    @Test func absolute_sums_of_rows_and_columns() throws {
        for matrix in [WeightMatrix.single(weights), .double(Matrix(rows: 3, columns: 4, weights.elements.map(Double.init)))] {
            let sums = try matrix.absoluteSums()
            #expect(sums.rows == [6, 0, 6.5])
            #expect(sums.columns == [2, 3, 4, 3.5])
        }
    }

    @Test func block_sums_fold_rows_and_columns_by_group() throws {
        let sums = try WeightMatrix.single(weights).blockSums(rowGroups: [0, 1, 1], columnGroups: [0, 0, 1, 1], groups: 2)
        #expect(sums.squares == [5, 9, 2, 16.25])
        #expect(sums.absolutes == [3, 3, 2, 4.5])
    }

    @Test func sums_of_wide_rows_match_plain_addition_on_any_number_of_threads() throws {
        var generator = SeededGenerator(seed: 9)
        let elements = (0..<37 * 101).map { _ in Float(generator.normal()) }
        let matrix = WeightMatrix.single(Matrix(rows: 37, columns: 101, elements))
        let sums = try matrix.absoluteSums(threads: 3)
        for row in 0..<37 {
            let plain = elements[row * 101..<(row + 1) * 101].reduce(0.0) { $0 + Double(abs($1)) }
            #expect(abs(sums.rows[row] - plain) < 1e-12 * plain)
        }
        let one = try matrix.absoluteSums(threads: 1)
        #expect(one.rows == sums.rows && one.columns == sums.columns)
    }

    @Test func infinite_and_NaN_weights_show_in_the_sums() throws {
        let sums = try WeightMatrix.single(Matrix(rows: 2, columns: 1, [.infinity, .nan])).absoluteSums()
        #expect(sums.rows[0] == .infinity && sums.rows[1].isNaN)
    }
}
