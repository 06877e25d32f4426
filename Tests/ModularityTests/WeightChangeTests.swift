import Tensors
import Testing

@testable import Modularity

@Suite struct WeightChangeTests {
    private let before = WeightMatrix.single(Matrix(rows: 2, columns: 3, [3, 0, 0, 0, 4, 0]))

    private func change(_ after: WeightMatrix, keeping limit: Int = 10) -> WeightChange {
        var sum = WeightChangeSum(keeping: limit)
        sum.add(before: before, after: after, firstRow: 0)
        return sum.change
    }

    @Test func worked_by_hand() {
        // ||W|| = 5, the changes are 1, -2 and 2: ||V - W|| = 3.
        let found = change(.double(Matrix(rows: 2, columns: 3, [4, -2, 0, 0, 6, 0])))
        #expect(found.relativeNorm == 0.6)
        #expect(
            found.largest == [
                .init(row: 0, column: 1, before: 0, after: -2), .init(row: 1, column: 1, before: 4, after: 6),
                .init(row: 0, column: 0, before: 3, after: 4),
            ])
    }

    @Test func equal_weights_have_no_changes() {
        #expect(change(before).relativeNorm == 0 && change(before).largest.isEmpty)
        let zero = WeightMatrix.single(.zeros(rows: 2, columns: 3))
        var sum = WeightChangeSum(keeping: 1)
        sum.add(before: zero, after: zero, firstRow: 0)
        #expect(sum.change.relativeNorm == nil && sum.change.largest.isEmpty)
    }

    @Test func a_layer_that_was_zero_has_no_relative_change() {
        var sum = WeightChangeSum(keeping: 1)
        sum.add(before: .single(.zeros(rows: 2, columns: 3)), after: before, firstRow: 0)
        #expect(sum.change.relativeNorm == nil)
        #expect(sum.change.largest == [.init(row: 1, column: 1, before: 0, after: 4)])
    }

    @Test(arguments: [1, 2, 5, 100, 4000]) func the_largest_are_those_of_a_full_sort_in_any_bands(limit: Int) {
        let (rows, columns) = (60, 37)
        var generator = SeededGenerator(seed: 3)
        // Integers: many changes are equal, and the first in order wins.
        let old = (0..<rows * columns).map { _ in Double(generator.integer(below: 30)) }
        let new = (0..<rows * columns).map { _ in Double(generator.integer(below: 30)) }
        let sorted = old.indices.filter { old[$0] != new[$0] }.sorted { (-abs(new[$0] - old[$0]), $0) < (-abs(new[$1] - old[$1]), $1) }
        for height in [1, 7, 60] {
            var sum = WeightChangeSum(keeping: limit)
            for row in stride(from: 0, to: rows, by: height) {
                let range = row * columns..<min(row + height, rows) * columns
                func band(_ values: [Double]) -> Matrix<Double> {
                    Matrix(rows: range.count / columns, columns: columns, Array(values[range]))
                }
                sum.add(before: .double(band(old)), after: .double(band(new)), firstRow: row)
            }
            #expect(sum.change.largest.map { $0.row * columns + $0.column } == Array(sorted.prefix(limit)))
        }
    }

    @Test(arguments: [-1000, -600, 600, 1020]) func scale_does_not_matter(exponent: Int) {
        let scale = Double(sign: .plus, exponent: exponent, significand: 1)
        func change(_ scale: Double) -> Double? {
            var sum = WeightChangeSum(keeping: 2)
            for row in 0..<2 {
                let before = [3.0, -1, 0.5, 2, 4].map { $0 * scale }
                let after = [3.0, 1, 0.5, -2, Double(row)].map { $0 * scale }
                sum.add(
                    before: .double(Matrix(rows: 1, columns: 5, before)), after: .double(Matrix(rows: 1, columns: 5, after)), firstRow: row)
            }
            return sum.change.relativeNorm
        }
        // Changes 4 + 16 + 16 and 4 + 16 + 9; weights 9 + 1 + 1/4 + 4 + 16, twice.
        #expect(abs((change(scale) ?? 0) - (65 / 60.5).squareRoot()) < 1e-15)
    }
}
