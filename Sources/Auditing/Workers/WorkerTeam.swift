import Archives
import CProcess
import Glibc
import Text

/// Processes of this program that work on tasks, one at a time each.
///
/// A worker that crashes, takes too long or needs too much memory ends, its task gets that as its answer, and another worker takes its place. The
/// workers end with this process, however that ends. All of it happens on the thread that calls ``run(tasks:answered:)``.
package final class WorkerTeam {
    /// What a task may use.
    package struct Limits: Sendable {
        /// In seconds; nil for no limit.
        package var timeout: Double?
        /// The bytes of a worker's own pages; nil for what the system allows.
        package var memory: Int?

        package init(timeout: Double? = nil, memory: Int? = nil) {
            self.timeout = timeout
            self.memory = memory
        }
    }

    /// What became of a task.
    package enum Answer: Sendable {
        /// Its bytes, and what the worker wrote to standard error meanwhile.
        case done([UInt8], words: [UInt8])
        /// The worker ended.
        case ended(WorkerEnd)
    }

    private let program: String
    private let arguments: [String]
    private let greeting: [UInt8]
    private let limits: Limits
    private let stop: Int32
    /// The most workers; fewer if the system has no room for them.
    private var size: Int
    private var workers: [WorkerProcess] = []

    /// How often a worker's memory is looked at, in seconds.
    private static let watchInterval = 0.1
    /// So many workers in a row may end before they begin to work.
    private static let mostFailedStarts = 5

    /// - Parameters:
    ///   - program: the program to start, which calls ``WorkerSeat/serve(_:)`` for the arguments.
    ///   - greeting: what each worker is told before its first task.
    ///   - size: the number of workers.
    ///   - stop: a descriptor that can be read when no more tasks shall begin; -1 for none.
    package init(
        program: String = WorkerTeam.ownProgram, arguments: [String] = [WorkerSeat.argument], greeting: [UInt8], size: Int,
        limits: Limits = Limits(), stop: Int32 = -1
    ) {
        self.program = program
        self.arguments = arguments
        self.greeting = greeting
        self.size = size
        self.limits = limits
        self.stop = stop
        // A worker that has ended reads nothing any more: writing to it is an error, and not the end of this process.
        signal(SIGPIPE, SIG_IGN)
    }

    deinit { for worker in workers { worker.end() } }

    /// The file that this process runs, even if another one has its name by now.
    package static var ownProgram: String {
        let link = "/proc/self/exe"
        if access(link, X_OK) == 0 { return link }
        // Without /proc: the name that the process was started with.
        return cprocess_argument_count() > 0 ? cprocess_arguments()[0].map { String(cString: $0) } ?? link : link
    }

    /// Works on tasks until there are no more, or until the descriptor to stop can be read.
    ///
    /// - Parameters:
    ///   - tasks: gives the next task; nil if there are no more.
    ///   - answered: called with the number of a task, counted from 0, and its answer, in the order in which they end.
    /// - Returns: whether all tasks were worked on.
    /// - Throws: ``Problem`` if no worker can be started, and what `answered` throws.
    @discardableResult
    package func run(tasks: () throws -> [UInt8]?, answered: (Int, Answer) throws -> Void) throws -> Bool {
        defer { dismiss() }
        var queue = Queue()
        var isStopped = false
        var failedStarts = 0
        while true {
            while !isStopped, let worker = try idleWorker(for: &queue, tasks), let task = queue.take() {
                worker.give(task.bytes, number: task.number, timeout: limits.timeout)
            }
            if workers.allSatisfy({ !$0.isBusy }), queue.isOver || isStopped { return queue.isOver && queue.isEmpty }
            if try wait(isStopping: !isStopped) { isStopped = true }
            for place in workers.indices.reversed() {
                let worker = workers[place]
                if let answer = worker.takeAnswer() {
                    failedStarts = 0
                    try answered(answer.number, .done(answer.bytes, words: answer.words))
                } else if let end = worker.outcome(limits) {
                    workers.remove(at: place)
                    if worker.isReady {
                        if let number = worker.number { try answered(number, .ended(end)) }
                    } else {
                        // Not the fault of its task, which another one gets.
                        failedStarts += 1
                        guard failedStarts < Self.mostFailedStarts else { throw failedToStart(end) }
                        if let number = worker.number { queue.putBack(worker.task, number: number) }
                    }
                }
            }
        }
    }

    /// The tasks that nobody works on yet: those that are put back, and the next one once somebody has time for it.
    private struct Queue {
        private var waiting: [(number: Int, bytes: [UInt8])] = []
        private var given = 0
        /// Whether there are no more to come.
        private(set) var isOver = false

        var isEmpty: Bool { waiting.isEmpty }

        mutating func fill(_ tasks: () throws -> [UInt8]?) rethrows {
            guard waiting.isEmpty, !isOver else { return }
            if let next = try tasks() {
                waiting.append((given, next))
                given += 1
            } else {
                isOver = true
            }
        }

        mutating func take() -> (number: Int, bytes: [UInt8])? { waiting.popLast() }

        mutating func putBack(_ bytes: [UInt8], number: Int) { waiting.append((number, bytes)) }
    }

    /// A worker without a task if there is a task in the queue; another worker is started if the team is not complete.
    private func idleWorker(for queue: inout Queue, _ tasks: () throws -> [UInt8]?) throws -> WorkerProcess? {
        let idle = workers.first { !$0.isBusy }
        guard idle != nil || workers.count < size else { return nil }
        try queue.fill(tasks)
        guard !queue.isEmpty else { return nil }
        if let idle { return idle }
        do {
            let started = try WorkerProcess(program: program, arguments: arguments, greeting: greeting, memory: limits.memory)
            workers.append(started)
            return started
        } catch {
            // Without room for another process or its pipes, the others do the work.
            guard !workers.isEmpty else { throw error }
            size = workers.count
            return nil
        }
    }

    /// Waits until a worker has said something or ended, or until one of them may have reached a limit.
    ///
    /// - Returns: whether the descriptor to stop can be read.
    private func wait(isStopping: Bool) throws -> Bool {
        var polled: [pollfd] = []
        for worker in workers { polled += worker.polled }
        let watchesStop = isStopping && stop >= 0
        if watchesStop { polled.append(pollfd(fd: stop, events: Int16(POLLIN), revents: 0)) }
        var seconds: Double?
        let now = WorkerProcess.now()
        for worker in workers where worker.isBusy {
            if let deadline = worker.deadline { seconds = min(seconds ?? .infinity, max(0, deadline - now)) }
            if limits.memory != nil { seconds = min(seconds ?? .infinity, Self.watchInterval) }
        }
        let milliseconds = seconds.map { Int32(min(($0 * 1000).rounded(.up), 1e9)) } ?? -1
        guard poll(&polled, nfds_t(polled.count), milliseconds) >= 0 || errno == EINTR else {
            throw Problem("cannot wait for workers: " + systemMessage(errno))
        }
        var place = 0
        for worker in workers {
            let own = worker.polled.count
            worker.handle(Array(polled[place..<place + own]))
            place += own
        }
        return watchesStop && polled[place].revents != 0
    }

    /// Ends all workers, which have nothing to do any more.
    private func dismiss() {
        for worker in workers { worker.end() }
        workers = []
    }

    private func failedToStart(_ end: WorkerEnd) -> Problem {
        Problem("a worker process does not start", found: end.lastWords ?? end.description)
    }
}
