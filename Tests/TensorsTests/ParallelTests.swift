import Synchronization
import Testing

@testable import Tensors

@Suite struct ParallelTests {
    @Test(arguments: [1, 2, 5])
    func every_index_runs_once_and_results_keep_their_order(threads: Int) throws {
        #expect(try Parallel.map(count: 100, threads: threads) { $0 * $0 } == (0..<100).map { $0 * $0 })
        #expect(try Parallel.map(count: 0, threads: threads) { $0 }.isEmpty)
    }

    private struct Failure: Error, Equatable { let index: Int }

    @Test func the_first_failure_is_thrown_whatever_the_threads() {
        for threads in [1, 4] {
            #expect(throws: Failure(index: 3)) {
                try Parallel.forEach(count: 50, threads: threads) { if $0 >= 3 { throw Failure(index: $0) } }
            }
        }
    }

    @Test func littleAddressSpaceLeavesOneThread() {
        #expect(Parallel.affordableThreads(of: -1) == 1)
        #expect(Parallel.affordableThreads(of: 300 << 20) == 1)
        #expect(Parallel.affordableThreads(of: 1 << 45) == Parallel.availableCores)
    }
}
