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

@Suite struct EigengapTests {
    @Test func picks_the_largest_relative_gap_and_the_smallest_of_equals() {
        #expect(Eigengap.clusterCount([1, 0.9, 0.8, 0.1, 0.09]) == 3)
        #expect(Eigengap.clusterCount([1, 0.5, 0.25, 0.125]) == 2)
        #expect(Eigengap.clusterCount([1, 1, 1, 1, 0, 0]) == 4)
        #expect(Eigengap.clusterCount([1, 0.5]) == nil)
    }
}
