import Archives
import CProcess
import Glibc
import Text

/// The side of a worker process.
package enum WorkerSeat {
    /// The only argument of a process that is a worker.
    package static let argument = "(worker process)"

    /// What a worker is told first.
    struct Terms {
        let parent: pid_t
        let memory: Int?

        init(parent: pid_t, memory: Int?) {
            self.parent = parent
            self.memory = memory
        }

        var bytes: [UInt8] { Array("\(parent) \(memory ?? 0)".utf8) }

        init?(_ bytes: [UInt8]) {
            let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 2, let parent = pid_t(exactly: numbers[0]) else { return nil }
            self.init(parent: parent, memory: numbers[1] > 0 ? numbers[1] : nil)
        }
    }

    /// Answers tasks until there are no more.
    ///
    /// Standard input and output are the pipes to the process that started this one; what the work writes to standard output is lost.
    ///
    /// - Parameters:
    ///   - memory: the bytes that the process may use where the process that started it sets no limit.
    ///   - prepare: makes of the greeting what answers a task.
    /// - Throws: ``Problem`` if the process was not started as a worker, and what `prepare` throws.
    package static func serve(memory: Int?, _ prepare: ([UInt8]) throws -> ([UInt8]) -> [UInt8]) throws {
        let pipes = try takePipes()
        var input = Input(descriptor: pipes.tasks)
        guard let first = input.next(), let terms = Terms(first), cprocess_become_worker(terms.parent) == 0 else {
            throw Problem("is for workers that modinspect starts", subject: argument)
        }
        if let limit = [terms.memory, memory].compactMap(\.self).min() { cprocess_limit_memory(limit) }
        cprocess_set_memory_status(WorkerEnd.memoryStatus)
        guard let greeting = input.next() else { return }
        let answer = try prepare(greeting)
        guard write([], to: pipes.answers) else { return }
        while let task = input.next() {
            guard write(answer(task), to: pipes.answers) else { return }
        }
    }

    /// Moves the pipes away from the standard streams.
    private static func takePipes() throws(Problem) -> (tasks: Int32, answers: Int32) {
        let tasks = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        let answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        let none = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard tasks >= 0, answers >= 0, none >= 0 else { throw Problem(cannot: "start a worker process", code: errno) }
        dup2(none, STDIN_FILENO)
        dup2(none, STDOUT_FILENO)
        close(none)
        return (tasks, answers)
    }

    /// The messages that arrive.
    private struct Input {
        let descriptor: Int32
        private var reader = FrameReader()

        init(descriptor: Int32) { self.descriptor = descriptor }

        /// The next message; nil at the end.
        mutating func next() -> [UInt8]? {
            while true {
                if let message = reader.next() { return message }
                let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
                    let count = read(descriptor, buffer.baseAddress, buffer.count)
                    if count > 0 { reader.append(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
                    return count
                }
                if count == 0 || count < 0 && errno != EINTR { return nil }
            }
        }
    }

    /// - Returns: whether anybody reads.
    private static func write(_ message: [UInt8], to descriptor: Int32) -> Bool {
        let frame = FrameReader.frame(message)
        return frame.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                if count > 0 { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) } else if errno != EINTR { return false }
            }
            return true
        }
    }
}
