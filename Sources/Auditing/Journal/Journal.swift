import Archives
import Checkpoints
import Glibc
import Text

/// The file of results while an audit runs: it grows by whole lines, so that a run that is cut off at any moment can be taken up again.
///
/// Only one audit writes to it. At its end the rows are sorted and replace the file in one step.
package final class Journal {
    package let path: String
    private let target: String
    private let origin: ResultOrigin
    private var descriptor: Int32
    private var length = 0
    private var lastSync = WorkerProcess.now()
    private let earlier: KnownRows?

    /// The longest time for which a line may be lost if the system fails, in seconds.
    private static let syncInterval = 1.0

    /// What was done before.
    package enum Earlier {
        /// Rows of the same version and options are used again.
        case continued
        /// They are thrown away.
        case restarted
    }

    /// Opens the file or makes it, and mends a line that was cut off.
    ///
    /// - Throws: ``Problem`` if it cannot be opened, if another audit writes to it, and unless it is restarted, if it holds anything but the
    ///   results of a run with the same origin.
    package init(path: String, origin: ResultOrigin, earlier: Earlier = .continued) throws(Problem) {
        self.path = path
        self.origin = origin
        do throws(Problem) {
            target = try AtomicFile.followingLinks(path)
            // At the end a sorted file replaces this one: found out now rather than then. Discarded, it leaves no file.
            if !AtomicFile.isPipe(target) { _ = try AtomicFile(replacing: target, mode: nil) }
            descriptor = try Self.locked(target)
        } catch {
            throw Self.failure(error, path)
        }
        if earlier == .restarted {
            do throws(Problem) {
                try JournalLines.checkIsReplaceable(target)
            } catch {
                close(descriptor)
                throw Self.failure(error, path)
            }
            self.earlier = nil
        } else {
            do throws(Problem) {
                self.earlier = try KnownRows(path: target, origin: origin)
            } catch {
                close(descriptor)
                var problem = error
                problem.path = path
                throw problem
            }
        }
        length = self.earlier?.lines.length ?? 0
        guard ftruncate(descriptor, off_t(length)) == 0 else { throw Self.failure(Problem(cannot: "write", code: errno), path) }
    }

    deinit { close(descriptor) }

    private static func failure(_ problem: Problem, _ path: String) -> Problem {
        var problem = problem.at(path: path)
        problem.isOfOutput = true
        return problem
    }

    /// An open file that is locked, and that the path still leads to.
    private static func locked(_ target: String) throws(Problem) -> Int32 {
        var attempts = 0
        while true {
            let descriptor = open(target, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o666)
            guard descriptor >= 0 else { throw Problem(cannot: "open", code: errno) }
            var (opened, named) = (stat(), stat())
            guard fstat(descriptor, &opened) == 0, opened.st_mode & S_IFMT == S_IFREG else {
                close(descriptor)
                throw Problem("is not a regular file", expected: "a file that can grow by lines")
            }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                close(descriptor)
                // A process that was killed as it started a worker lets go of its files a moment later.
                attempts += 1
                if code == EINTR || code == EWOULDBLOCK && attempts < 20 {
                    usleep(10_000)
                    continue
                }
                throw code == EWOULDBLOCK ? Problem("another audit is writing to it") : Problem(cannot: "lock", code: code)
            }
            // Another audit may have replaced it between the two calls.
            if stat(target, &named) == 0, named.st_ino == opened.st_ino, named.st_dev == opened.st_dev { return descriptor }
            close(descriptor)
        }
    }

    /// The lines that were damaged and are left out.
    package var damagedCount: Int { earlier?.lines.damaged ?? 0 }

    /// How many rows of the earlier run are about none of these checkpoints, and will be dropped.
    package func droppedCount(of names: [String]) -> Int { earlier?.strangers(to: names) ?? 0 }

    func known(_ checkpoint: FoundCheckpoint) -> KnownRows.Known? { earlier?.known(checkpoint) }

    // MARK: - Growing

    /// Adds the line of one row, complete or not at all.
    func append(_ row: [UInt8]) throws(Problem) {
        let bytes = origin.line(row, isFinished: false) + [UInt8(ascii: "\n")]
        let code = bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                // A part is written only if the rest cannot be, which the next call says.
                if count >= 0 { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) } else if errno != EINTR { return errno }
            }
            return 0
        }
        guard code == 0 else {
            // A part of a line is taken back; if not even that is possible, the next run does it.
            _ = ftruncate(descriptor, off_t(length))
            throw Self.failure(Problem(cannot: "write", code: code), path)
        }
        length += bytes.count
        if WorkerProcess.now() - lastSync > Self.syncInterval { try sync() }
    }

    /// Waits until the lines are on the disk.
    package func sync() throws(Problem) {
        lastSync = WorkerProcess.now()
        guard fdatasync(descriptor) == 0 || errno == EINVAL else { throw Self.failure(Problem(cannot: "write", code: errno), path) }
    }

    /// Puts the completed rows in the place of the lines.
    func finish(_ rows: [AuditRow]) throws(Problem) {
        let bytes = origin.lines(rows)
        if let lines = earlier?.lines, lines.length == length, lines.isEqual(to: bytes) { return }
        try sync()
        try Self.write(bytes, to: target, path: path)
    }

    /// Writes results to a file that no audit is writing to.
    package static func replace(_ path: String, with bytes: [UInt8]) throws(Problem) {
        let target: String
        let descriptor: Int32
        do throws(Problem) {
            target = try AtomicFile.followingLinks(path)
            descriptor = try locked(target)
        } catch {
            throw failure(error, path)
        }
        defer { close(descriptor) }
        try write(bytes, to: target, path: path)
    }

    /// Writes a file that appears complete or not at all.
    private static func write(_ bytes: [UInt8], to target: String, path: String) throws(Problem) {
        do throws(Problem) {
            var status = stat()
            let mode = stat(target, &status) == 0 ? status.st_mode & 0o7777 : nil
            let file = try AtomicFile(replacing: target, mode: mode)
            let result = bytes.withUnsafeBytes { bytes in Swift.Result { () throws(Problem) in try file.write(bytes) } }
            try result.get()
            try file.finish()
        } catch {
            throw failure(error, path)
        }
    }
}
