import Synchronization

/// A pool of objects, each used by one thread at a time and kept while idle.
package final class WorkerPool<Worker>: Sendable {
    /// A worker is in one thread's hands only, between being taken and being given back.
    private struct Idle: @unchecked Sendable {
        var workers: [Worker] = []
    }

    private let idle = Mutex(Idle())

    package init() {}

    /// One that is idle; nil if a new one must be made.
    package func take() -> Worker? {
        let box = idle.withLock { Box(worker: $0.workers.popLast()) }
        return box.worker
    }

    /// Gives back what was taken or made.
    package func give(_ worker: Worker) {
        let box = Box(worker: worker)
        idle.withLock { idle in
            if let worker = box.worker { idle.workers.append(worker) }
        }
    }

    private struct Box: @unchecked Sendable { let worker: Worker? }
}
