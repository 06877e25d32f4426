import Archives
import CProcess
import Glibc
import Text

/// One worker as the process that started it sees it: the pipes to it, what it has said, and what it works on.
final class WorkerProcess {
    private let process: pid_t
    private let memory: Int?
    /// The ends of the pipes that are here; -1 once they are closed.
    private var tasks: Int32
    private var answers: Int32
    private var errors: Int32
    /// What is still to be written to it.
    private var unwritten: ArraySlice<UInt8>
    private var reader = FrameReader()
    /// The end of what it wrote to standard error since it got its task.
    private var words: [UInt8] = []
    /// Whether it has begun to work.
    private(set) var isReady = false
    /// The number of the task that it has; nil if it has none.
    private(set) var number: Int?
    /// The task that it has, until it has begun to work.
    private(set) var task: [UInt8] = []
    private var timeout: Double?
    private var limitReached: WorkerEnd.Reason?
    private var hasEnded = false

    /// When the task must be done, on the clock of ``now()``.
    private(set) var deadline: Double?

    private static let keptWords = 1 << 20

    var isBusy: Bool { number != nil }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Starts a worker.
    init(program: String, arguments: [String], greeting: [UInt8], memory: Int?) throws(Problem) {
        self.memory = memory
        var pipes: [(read: Int32, write: Int32)] = []
        for _ in 0..<3 {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else {
                let code = errno
                for pipe in pipes { for end in [pipe.read, pipe.write] { close(end) } }
                throw Problem(cannot: "start a worker process", code: code)
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            pipes.append((ends[0], ends[1]))
        }
        (tasks, answers, errors) = (pipes[0].write, pipes[1].read, pipes[2].read)
        let theirs = [pipes[0].read, pipes[1].write, pipes[2].write]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (place, end) in theirs.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(place)) }
        var words = (["modinspect"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        // What Swift's library writes of a crash takes seconds, and would be no reason.
        var surroundings = Self.surroundings.map { strdup($0) } + [nil]
        defer { for word in surroundings { free(word) } }
        var started = pid_t()
        let code = posix_spawn(&started, program, &actions, nil, &words, &surroundings)
        for end in theirs { close(end) }
        process = started
        guard code == 0 else {
            for end in [tasks, answers, errors] { close(end) }
            throw Problem(cannot: "start a worker process", code: code)
        }
        for end in [tasks, answers, errors] { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
        unwritten = FrameReader.frame(WorkerSeat.Terms(parent: getpid(), memory: memory).bytes)[...]
        unwritten += FrameReader.frame(greeting)
    }

    /// The environment of workers.
    private static var surroundings: [String] {
        var own: [String] = []
        var place = environ
        while let word = place.pointee {
            let text = String(cString: word)
            if !text.hasPrefix("SWIFT_BACKTRACE=") { own.append(text) }
            place += 1
        }
        return own + ["SWIFT_BACKTRACE=enable=no"]
    }

    deinit { end() }

    /// Gives it a task; it must not have one.
    func give(_ task: [UInt8], number: Int, timeout: Double?) {
        precondition(self.number == nil, "a worker with two tasks")
        self.number = number
        words.removeAll()
        unwritten += FrameReader.frame(task)
        self.timeout = timeout
        if isReady { setDeadline() } else { self.task = task }
        write()
    }

    private func setDeadline() { deadline = timeout.map { Self.now() + $0 } }

    /// The answer to its task, after which it has none, and what it wrote to standard error meanwhile; nil if there is none yet.
    func takeAnswer() -> (number: Int, bytes: [UInt8], words: [UInt8])? {
        guard let number, isReady, let answer = reader.next() else { return nil }
        self.number = nil
        deadline = nil
        readErrors()
        return (number, answer, words)
    }

    // MARK: - Pipes

    /// What it is waited for.
    var polled: [pollfd] {
        var polled = [
            pollfd(fd: answers, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
        ]
        if !unwritten.isEmpty { polled.append(pollfd(fd: tasks, events: Int16(POLLOUT), revents: 0)) }
        return polled
    }

    /// Reads what can be read, and writes what can be written.
    func handle(_ polled: [pollfd]) {
        for entry in polled where entry.revents != 0 {
            if entry.fd == answers {
                read(&answers) { reader.append($0) }
                if !isReady, reader.next() != nil {
                    isReady = true
                    task = []
                    if isBusy { setDeadline() }
                }
            } else if entry.fd == errors {
                readErrors()
            } else {
                write()
            }
        }
    }

    private func readErrors() {
        read(&errors) { words.append(contentsOf: $0) }
        if words.count > 2 * Self.keptWords { words.removeFirst(words.count - Self.keptWords) }
    }

    private func read(_ descriptor: inout Int32, _ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
            while descriptor >= 0 {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count > 0 {
                    body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    if count < buffer.count { return }
                } else if count == 0 || ![EAGAIN, EINTR].contains(errno) {
                    close(descriptor)
                    descriptor = -1
                } else if errno == EAGAIN {
                    return
                }
            }
        }
    }

    private func write() {
        while !unwritten.isEmpty, tasks >= 0 {
            let count = unwritten.withUnsafeBytes { Glibc.write(tasks, $0.baseAddress, $0.count) }
            if count > 0 {
                unwritten.removeFirst(count)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                // It has ended, which its other pipes will say.
                unwritten = []
            }
        }
        if unwritten.isEmpty { unwritten = [] }
    }

    // MARK: - Ends

    /// How it ended; nil if it has not. It is ended here if its task has reached a limit.
    func outcome(_ limits: WorkerTeam.Limits) -> WorkerEnd? {
        if isBusy, answers >= 0, limitReached == nil {
            if let deadline, Self.now() >= deadline, let timeout = limits.timeout {
                reachLimit(.timeout(timeout))
            } else if let memory = limits.memory, ownMemory > memory + max(memory / 8, 1 << 24) {
                // It counts its own allocations more often than this looks, but not those of every library.
                reachLimit(.memory(memory))
            }
        }
        guard answers < 0 else { return nil }
        let status = awaited()
        readErrors()
        hasEnded = true
        closePipes()
        return WorkerEnd(reason: limitReached ?? reason(status), lastWords: lastWords)
    }

    /// How the process ended, which has closed its pipe; it gets a second to do so.
    private func awaited() -> Int32 {
        var status: Int32 = 0
        for _ in 0..<1000 where limitReached == nil {
            if waitpid(process, &status, WNOHANG) == process { return status }
            usleep(1000)
        }
        kill(process, SIGKILL)
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        return status
    }

    private func reachLimit(_ reason: WorkerEnd.Reason) {
        limitReached = reason
        kill(process, SIGKILL)
        // Its pipes close when it is gone, unless a task has left something behind that holds them.
        if answers >= 0 {
            close(answers)
            answers = -1
        }
    }

    private func reason(_ status: Int32) -> WorkerEnd.Reason {
        let signal = cprocess_signal_of(status)
        if signal != 0 { return .signal(signal) }
        let exit = cprocess_exit_status_of(status)
        return exit == WorkerEnd.memoryStatus ? .memory(memory) : .status(exit)
    }

    /// The last line that is the program's own, else the last one.
    private var lastWords: String? {
        let lines = String(decoding: words, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        let own = "modinspect: "
        if let line = lines.last(where: { $0.hasPrefix(own) }) { return String(line.dropFirst(own.count)) }
        return lines.last { $0.contains("atal error: ") } ?? lines.last
    }

    /// The memory other than file pages, in bytes; 0 if it is not known.
    private var ownMemory: Int {
        let descriptor = open("/proc/\(process)/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        let numbers = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ").prefix(3).compactMap { Int($0) }
        guard numbers.count == 3, numbers[1] > numbers[2] else { return 0 }
        return (numbers[1] - numbers[2]) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Ends the process if it has not ended.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        closePipes()
    }

    private func closePipes() {
        for descriptor in [tasks, answers, errors] where descriptor >= 0 { close(descriptor) }
        (tasks, answers, errors) = (-1, -1, -1)
    }
}
