import Tensors
import Testing

@testable import Modularity

@Suite struct OptimalAssignmentTests {
    @Test(arguments: 1...6)
    func is_as_good_as_the_best_of_all_permutations(size: Int) {
        var generator = SeededGenerator(seed: UInt64(size))
        for _ in 0..<50 {
            let gains = (0..<size).map { _ in (0..<size).map { _ in Double(generator.integer(below: 20)) - 5 } }
            let best = permutations(size).map { total(gains, $0) }.max()!
            let found = OptimalAssignment(maximizing: gains).columns
            #expect(found.sorted() == Array(0..<size))
            #expect(total(gains, found) == best)
        }
    }

    private func total(_ gains: [[Double]], _ columns: [Int]) -> Double {
        columns.enumerated().reduce(0) { $0 + gains[$1.offset][$1.element] }
    }

    private func permutations(_ size: Int) -> [[Int]] {
        guard size > 0 else { return [[]] }
        return permutations(size - 1).flatMap { shorter in
            (0...shorter.count).map { place in shorter[..<place] + [size - 1] + shorter[place...] }.map(Array.init)
        }
    }
}

@Suite struct LargestMatchingTests {
    /// The dense algorithm pairs every row with a column, at no gain where the table has no cell.
    @Test(arguments: [(1, 1), (3, 5), (9, 4), (30, 30), (41, 17)]) func is_as_good_as_the_dense_assignment(rows: Int, columns: Int) {
        var generator = SeededGenerator(seed: UInt64(rows))
        for density in [1, 3, 6, 10] {
            let size = max(rows, columns)
            var gains = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
            var cells: [LargestMatching.Cell] = []
            for row in 0..<rows {
                for column in 0..<columns where generator.integer(below: 10) < density {
                    let count = 1 + generator.integer(below: 6)
                    gains[row][column] = Double(count)
                    cells.append(LargestMatching.Cell(row: row, column: column, count: count))
                }
            }
            let dense = OptimalAssignment(maximizing: gains).columns.enumerated().reduce(0) { $0 + gains[$1.offset][$1.element] }
            #expect(LargestMatching(rows: rows, columns: columns, cells: cells).total == Int(dense))
        }
    }

    @Test func an_empty_table_has_no_pairs() {
        #expect(LargestMatching(rows: 0, columns: 0, cells: []).total == 0)
        #expect(LargestMatching(rows: 3, columns: 2, cells: []).total == 0)
    }

    /// Two thousand clusters on ten thousand neurons: a dense table would be looked at some 10^10 times.
    @Test func looks_at_few_cells_of_a_large_table() {
        var generator = SeededGenerator(seed: 1)
        var counts: [Int: Int] = [:]
        for _ in 0..<10_000 { counts[generator.integer(below: 2000) * 2000 + generator.integer(below: 2000)] = 1 }
        // The largest of its row and of its column: no other matching gains more.
        for row in 0..<2000 { counts[row * 2000 + row * 7 % 2000] = 3 }
        let cells = counts.sorted { $0.key < $1.key }.map {
            LargestMatching.Cell(row: $0.key / 2000, column: $0.key % 2000, count: $0.value)
        }
        let matching = LargestMatching(rows: 2000, columns: 2000, cells: cells)
        #expect(matching.total == 3 * 2000)
        #expect(matching.looks < 2000 * cells.count)
    }
}

@Suite struct EigengapTests {
    @Test func picks_the_largest_relative_gap_and_the_smallest_of_equals() {
        #expect(Eigengap.clusterCount([1, 0.9, 0.8, 0.1, 0.09]) == 3)
        #expect(Eigengap.clusterCount([1, 0.5, 0.25, 0.125]) == 2)
        #expect(Eigengap.clusterCount([1, 1, 1, 1, 0, 0]) == 4)
        #expect(Eigengap.clusterCount([1, 0.5]) == nil)
    }
}
