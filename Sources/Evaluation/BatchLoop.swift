import Tensors

/// Processes batches on several threads and delivers the results in the order of the batches.
///
/// If there are fewer batches than threads, each batch gets a team of several threads; so do the last ones, where few batches do not come out
/// even.
package struct BatchLoop: Sendable {
    package let count: Int
    package let threads: Int
    /// The batches whose results wait to be handed on at one time.
    package let wave: Int

    /// - Parameter wave: the results that may be in memory at once; at least as many as threads are used.
    package init(count: Int, threads: Int, wave: Int? = nil) {
        self.count = count
        self.threads = max(1, threads)
        self.wave = max(wave ?? 16 * max(1, threads), min(max(1, threads), max(1, count)))
    }

    /// Calls `compute` for each batch with the worker of its thread, and `consume` with the results in order.
    ///
    /// - Parameter worker: makes what one thread needs, given its team; a worker is kept from batch to batch.
    package func run<Worker, Result: Sendable>(
        worker: @Sendable (Team) throws -> Worker, compute: @Sendable (Worker, Int) throws -> Result, consume: (Int, Result) throws -> Void
    ) throws {
        let even = evenCount
        for part in [0..<even, even..<count] where !part.isEmpty {
            let width = min(threads, part.count)
            let idle = WorkerPool<Worker>()
            for first in stride(from: part.lowerBound, to: part.upperBound, by: wave) {
                let results = try Parallel.map(count: min(part.upperBound - first, wave), threads: width) { place in
                    let mine = try idle.take() ?? worker(Team(size: max(1, threads / width)))
                    defer { idle.give(mine) }
                    return try compute(mine, first + place)
                }
                for (place, result) in results.enumerated() { try consume(first + place, result) }
            }
        }
    }

    /// The batches before those at the end that would leave threads without work.
    ///
    /// Where threads process many batches each, the last ones matter less than new memory for workers would.
    private var evenCount: Int {
        guard threads > 1, count > threads, count < 8 * threads else { return count }
        return count - count % threads
    }
}
