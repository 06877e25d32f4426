import Synchronization

/// What threads use one at a time, kept while nobody uses it.
final class WorkerPool<Worker>: Sendable {
    /// A worker is in one thread's hands only, between being taken and being given back.
    private struct Idle: @unchecked Sendable {
        var workers: [Worker] = []
    }

    private let idle = Mutex(Idle())

    init() {}

    func take() -> Worker? {
        let box = idle.withLock { Box(worker: $0.workers.popLast()) }
        return box.worker
    }

    func give(_ worker: Worker) {
        let box = Box(worker: worker)
        idle.withLock { idle in
            if let worker = box.worker { idle.workers.append(worker) }
        }
    }

    private struct Box: @unchecked Sendable { let worker: Worker? }
}
