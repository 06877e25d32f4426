import COpenBLAS
import Glibc
import Synchronization

/// Threads that stay ready, for work that comes in many small portions: the operations of one run of a network.
///
/// As with ``Parallel``, the result of a piece must depend only on its index, so that the bits are the same for any size. A team serves
/// one caller at a time; a piece of its work that gives it work traps. Between portions in quick succession the threads spin, because
/// waking one takes as long as many portions.
package final class Team: @unchecked Sendable {
    /// The number of threads, the caller's among them.
    package let size: Int

    private let shared: TeamWork
    private var handles: [pthread_t] = []

    /// A team of `size` threads; if the system gives fewer, those do the work.
    package init(size: Int) {
        self.size = max(1, size)
        shared = TeamWork(waitsAwake: size <= Parallel.availableCores)
        for _ in 1..<max(1, Parallel.allowed(self.size)) {
            var handle = pthread_t()
            let argument = Unmanaged.passRetained(shared)
            let status = pthread_create(
                &handle, nil,
                { raw in
                    Unmanaged<TeamWork>.fromOpaque(raw!).takeRetainedValue().serve()
                    return nil
                }, argument.toOpaque())
            if status == 0 { handles.append(handle) } else { argument.release() }
        }
    }

    deinit {
        guard !handles.isEmpty else { return }
        shared.end()
        for handle in handles { pthread_join(handle, nil) }
    }

    /// Calls `body` for 0..<count and returns when all are done.
    package func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        guard count > 1, !handles.isEmpty else {
            for index in 0..<max(count, 0) { body(index) }
            return
        }
        withoutActuallyEscaping(body) { shared.run($0, count: count) }
    }

    /// The results of `body` for 0..<count, in order.
    package func map<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
        let results = Mutex([Result?](repeating: nil, count: max(count, 0)))
        forEach(count) { index in
            let result = body(index)
            results.withLock { $0[index] = result }
        }
        return results.withLock { $0.map { $0! } }
    }

    /// Calls `body` with consecutive ranges of at most `step` of 0..<count.
    package func forEach(_ count: Int, step: Int, _ body: @Sendable (Range<Int>) -> Void) {
        precondition(step > 0, "step \(step)")
        forEach((count + step - 1) / step) { piece in
            body(piece * step..<min(count, (piece + 1) * step))
        }
    }
}

/// One portion of work after the other, whose pieces are given out by a counter to whoever comes.
///
/// A worker may join a portion while its gate is open. The caller closes the gate when no piece is left and waits for those inside: who
/// comes late finds it closed, and so a worker that sleeps on holds up nobody.
private final class TeamWork: @unchecked Sendable {
    typealias Body = @Sendable (Int) -> Void

    /// The number of the portion, whether it is open, and how many workers are inside.
    private enum Gate {
        static let opened = 1 << 16
        static let portion = 1 << 17

        static func isOpen(_ gate: Int) -> Bool { gate & opened != 0 }
        static func inside(_ gate: Int) -> Int { gate & (opened - 1) }
        static func number(_ gate: Int) -> Int { gate / portion }
    }

    /// Written by the caller while the gate is closed and nobody inside.
    private var body: Body?
    private var count = 0
    private var last = 0
    private let next = Atomic<Int>(0)
    private let gate = Atomic<Int>(0)
    private let isServing = Atomic<Bool>(false)

    private var mutex = pthread_mutex_t()
    private var begins = pthread_cond_t()
    private var ends = pthread_cond_t()
    /// The workers that sleep, and whether the caller does; changed under the mutex.
    private let sleepers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let isEnding = Atomic<Bool>(false)

    /// The looks at the gate before a thread goes to sleep: some 100 microseconds.
    private let looks: Int

    /// - Parameter waitsAwake: whether each thread has a core to itself.
    init(waitsAwake: Bool) {
        looks = waitsAwake ? 4000 : 0
        pthread_mutex_init(&mutex, nil)
        pthread_cond_init(&begins, nil)
        pthread_cond_init(&ends, nil)
    }

    deinit {
        pthread_mutex_destroy(&mutex)
        pthread_cond_destroy(&begins)
        pthread_cond_destroy(&ends)
    }

    /// Whether `condition` came true while it was looked at.
    private func awaits(_ condition: () -> Bool) -> Bool {
        for _ in 0..<looks {
            if condition() { return true }
            modinspect_pause()
        }
        return condition()
    }

    private func work(_ body: Body, count: Int) {
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            body(index)
        }
    }

    /// Calls `body` for 0..<count with all who come, and returns when all are done.
    func run(_ body: @escaping Body, count: Int) {
        precondition(
            !isServing.exchange(true, ordering: .acquiring), "a team serves one caller at a time: a piece of its work must not give it work"
        )
        defer { isServing.store(false, ordering: .releasing) }
        next.store(0, ordering: .relaxed)
        self.body = body
        self.count = count
        last += 1
        // Either this sees who went to sleep, or who goes to sleep sees this.
        gate.store(last * Gate.portion + Gate.opened, ordering: .sequentiallyConsistent)
        if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_mutex_lock(&mutex)
            pthread_cond_broadcast(&begins)
            pthread_mutex_unlock(&mutex)
        }
        work(body, count: count)
        gate.wrappingSubtract(Gate.opened, ordering: .sequentiallyConsistent)
        if !awaits({ Gate.inside(gate.load(ordering: .acquiring)) == 0 }) {
            pthread_mutex_lock(&mutex)
            callerSleeps.store(true, ordering: .sequentiallyConsistent)
            while Gate.inside(gate.load(ordering: .sequentiallyConsistent)) > 0 { pthread_cond_wait(&ends, &mutex) }
            callerSleeps.store(false, ordering: .sequentiallyConsistent)
            pthread_mutex_unlock(&mutex)
        }
        self.body = nil
    }

    func end() {
        isEnding.store(true, ordering: .sequentiallyConsistent)
        pthread_mutex_lock(&mutex)
        pthread_cond_broadcast(&begins)
        pthread_mutex_unlock(&mutex)
    }

    /// A separate function, so that nothing retains the body when it returns.
    @inline(never)
    private func join() {
        if let body { work(body, count: count) }
    }

    /// What each worker does until the team goes.
    func serve() {
        var seen = 0
        func isWanted() -> Bool {
            let gate = gate.load(ordering: .sequentiallyConsistent)
            return Gate.number(gate) != seen && Gate.isOpen(gate) || isEnding.load(ordering: .sequentiallyConsistent)
        }
        while true {
            if !awaits(isWanted) {
                pthread_mutex_lock(&mutex)
                sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
                while !isWanted() { pthread_cond_wait(&begins, &mutex) }
                sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                pthread_mutex_unlock(&mutex)
            }
            if isEnding.load(ordering: .acquiring) { return }
            let found = gate.load(ordering: .acquiring)
            guard Gate.isOpen(found),
                gate.compareExchange(expected: found, desired: found + 1, ordering: .acquiringAndReleasing).exchanged
            else { continue }
            seen = Gate.number(found)
            join()
            let left = gate.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
            if Gate.inside(left) == 0, callerSleeps.load(ordering: .sequentiallyConsistent) {
                pthread_mutex_lock(&mutex)
                pthread_cond_signal(&ends)
                pthread_mutex_unlock(&mutex)
            }
        }
    }
}
