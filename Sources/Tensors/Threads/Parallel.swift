import Glibc
import Synchronization

/// Runs independent pieces of work on a bounded number of threads.
///
/// The result of a piece must depend only on its index, never on the thread or the order, so that the results are the
/// same for any number of threads.
package enum Parallel {
    /// The number of cores of this machine; read once, since it comes from a file.
    package static let availableCores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// The threads that a limit of the process's address space leaves room for, at least one; nil if there is no limit.
    ///
    /// Half of the free address space is reserved for the numbers.
    package static let affordableThreads: Int? = {
        guard let limit = PhysicalMemory.addressSpace else { return nil }
        return affordableThreads(of: limit - PhysicalMemory.usedAddressSpace)
    }()

    static func affordableThreads(of free: Int) -> Int {
        // A stack, and the arena that the C library reserves for a thread that allocates.
        let own = 8 << 20 + 64 << 20
        return min(max(1, free / 2 / (BLAS.blockSize + own)), availableCores)
    }

    /// As many of `wanted` threads as the process can have.
    static func allowed(_ wanted: Int) -> Int { affordableThreads.map { min($0, wanted) } ?? wanted }

    /// Calls `body` for 0..<count on up to `threads` threads, the caller's among them, and returns when all are done.
    ///
    /// - Throws: the error of the lowest index that failed; later pieces may not have run then.
    package static func forEach(count: Int, threads: Int, _ body: @Sendable (Int) throws -> Void) throws {
        let workers = min(allowed(threads), count)
        guard workers > 1 else {
            for index in 0..<max(count, 0) { try body(index) }
            return
        }
        try withoutActuallyEscaping(body) { body in
            let work = Work(count: count, body: body)
            var handles: [pthread_t] = []
            for _ in 1..<workers {
                var handle = pthread_t()
                let argument = Unmanaged.passRetained(work)
                let status = pthread_create(
                    &handle, nil,
                    { raw in
                        Unmanaged<Work>.fromOpaque(raw!).takeRetainedValue().run()
                        return nil
                    }, argument.toOpaque())
                if status == 0 {
                    handles.append(handle)
                } else {
                    // No thread to be had: the ones that run do the work.
                    argument.release()
                }
            }
            work.run()
            for handle in handles { pthread_join(handle, nil) }
            if let failure = work.failure.withLock({ $0 }) { throw failure.error }
        }
    }

    /// The results of `body` for 0..<count, in order.
    package static func map<Result: Sendable>(
        count: Int, threads: Int, _ body: @Sendable (Int) throws -> Result
    ) throws -> [Result] {
        let results = Mutex([Result?](repeating: nil, count: max(count, 0)))
        try forEach(count: count, threads: threads) { index in
            let result = try body(index)
            results.withLock { $0[index] = result }
        }
        return results.withLock { $0.map { $0! } }
    }

    private final class Work: Sendable {
        let count: Int
        let body: @Sendable (Int) throws -> Void
        let next = Atomic<Int>(0)
        let failure = Mutex<(index: Int, error: any Error)?>(nil)

        init(count: Int, body: @escaping @Sendable (Int) throws -> Void) {
            self.count = count
            self.body = body
        }

        func run() {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                do {
                    try body(index)
                } catch {
                    failure.withLock { if $0 == nil || index < $0!.index { $0 = (index, error) } }
                    // The pieces before this one have all been started; the later ones need not be.
                    next.store(count, ordering: .relaxed)
                }
            }
        }
    }
}
