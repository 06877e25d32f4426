import Glibc
import Synchronization

/// Threads that stay ready, for work that comes in many small portions: the operations of one run of a network.
///
/// As with ``Parallel``, what a piece computes may depend on its index alone, so that the bits are the same for any size.
/// A team serves one caller at a time.
public final class Team: @unchecked Sendable {
    /// The number of threads, the caller's among them.
    public let size: Int

    private typealias Body = @Sendable (Int) -> Void

    /// One portion of work. Its pieces are given out by a counter; who takes the last one's end wakes the caller.
    private struct State {
        var body: Body?
        var count = 0
        var generation = 0
        var active = 0
        var isEnding = false
    }

    private final class Shared: @unchecked Sendable {
        var mutex = pthread_mutex_t()
        var begins = pthread_cond_t()
        var ends = pthread_cond_t()
        var state = State()
        let next = Atomic<Int>(0)

        init() {
            pthread_mutex_init(&mutex, nil)
            pthread_cond_init(&begins, nil)
            pthread_cond_init(&ends, nil)
        }

        deinit {
            pthread_mutex_destroy(&mutex)
            pthread_cond_destroy(&begins)
            pthread_cond_destroy(&ends)
        }

        func work(_ body: Body, count: Int) {
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index)
            }
        }

        /// What each worker does until the team goes.
        func serve() {
            var seen = 0
            pthread_mutex_lock(&mutex)
            while true {
                while state.generation == seen, !state.isEnding { pthread_cond_wait(&begins, &mutex) }
                if state.isEnding { break }
                seen = state.generation
                // Whoever comes late finds the portion done and gone.
                guard let body = state.body else { continue }
                let count = state.count
                state.active += 1
                pthread_mutex_unlock(&mutex)
                work(body, count: count)
                pthread_mutex_lock(&mutex)
                state.active -= 1
                if state.active == 0 { pthread_cond_signal(&ends) }
            }
            pthread_mutex_unlock(&mutex)
        }
    }

    private let shared: Shared
    private var handles: [pthread_t] = []

    /// A team of `size` threads; where the system gives fewer, those do the work.
    public init(size: Int) {
        self.size = max(1, size)
        shared = Shared()
        for _ in 1..<self.size {
            var handle = pthread_t()
            let argument = Unmanaged.passRetained(shared)
            let status = pthread_create(&handle, nil, { raw in
                Unmanaged<Shared>.fromOpaque(raw!).takeRetainedValue().serve()
                return nil
            }, argument.toOpaque())
            if status == 0 { handles.append(handle) } else { argument.release() }
        }
    }

    deinit {
        guard !handles.isEmpty else { return }
        pthread_mutex_lock(&shared.mutex)
        shared.state.isEnding = true
        pthread_cond_broadcast(&shared.begins)
        pthread_mutex_unlock(&shared.mutex)
        for handle in handles { pthread_join(handle, nil) }
    }

    /// Calls `body` for 0..<count and returns when all are done.
    public func forEach(_ count: Int, _ body: @Sendable (Int) -> Void) {
        guard count > 1, !handles.isEmpty else {
            for index in 0..<max(count, 0) { body(index) }
            return
        }
        withoutActuallyEscaping(body) { body in
            pthread_mutex_lock(&shared.mutex)
            shared.next.store(0, ordering: .relaxed)
            shared.state.body = body
            shared.state.count = count
            shared.state.generation += 1
            pthread_cond_broadcast(&shared.begins)
            pthread_mutex_unlock(&shared.mutex)
            shared.work(body, count: count)
            pthread_mutex_lock(&shared.mutex)
            while shared.state.active > 0 { pthread_cond_wait(&shared.ends, &shared.mutex) }
            shared.state.body = nil
            pthread_mutex_unlock(&shared.mutex)
        }
    }

    /// Calls `body` with consecutive ranges of at most `step` of 0..<count.
    public func forEach(_ count: Int, step: Int, _ body: @Sendable (Range<Int>) -> Void) {
        precondition(step > 0, "step \(step)")
        forEach((count + step - 1) / step) { piece in
            body(piece * step..<min(count, (piece + 1) * step))
        }
    }
}
