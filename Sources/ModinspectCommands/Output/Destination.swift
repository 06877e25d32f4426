import Archives
import Glibc
import Text

/// Where a result goes: standard output, or a file that appears complete or not at all.
///
/// Devices and pipes are written directly.
final class Destination {
    private enum Kind {
        case stream
        case file(AtomicFile)
    }

    /// The name for messages.
    let name: String
    let descriptor: Int32
    private let kind: Kind
    private var isFinished = false

    static let standardOutput = "standard output"

    /// - Parameter path: a file, or nil or `-` for standard output.
    init(path: String?) throws {
        guard let path, path != "-" else {
            name = Self.standardOutput
            descriptor = STDOUT_FILENO
            kind = .stream
            return
        }
        name = path
        let target = try Self.reporting(path) { () throws(Problem) in try AtomicFile.followingLinks(path) }
        var status = stat()
        let exists = stat(target, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR {
            throw Self.failure(Problem("is a directory", path: path, expected: "a file to write"))
        }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            descriptor = open(target, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failure(Problem(cannot: "open", path: path, code: errno)) }
            kind = .stream
            return
        }
        if exists, access(target, W_OK) != 0 { throw Self.failure(Problem(cannot: "write", path: path, code: errno)) }
        let mode = exists ? status.st_mode & 0o7777 : nil
        let file = try Self.reporting(path) { () throws(Problem) in try AtomicFile(replacing: target, mode: mode) }
        descriptor = file.descriptor
        kind = .file(file)
    }

    /// Writes all bytes, even if the system accepts only a part at a time.
    func write(_ bytes: UnsafeRawBufferPointer) throws { try Self.write(bytes, to: descriptor, name: name) }

    /// Writes all bytes to an open file.
    ///
    /// - Parameter name: the file's, for messages.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, name: String) throws {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EPIPE {
                throw ClosedPipe()
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                throw failure(Problem(cannot: "write", path: name, code: errno))
            }
        }
    }

    /// Puts the complete file in its place.
    func finish() throws {
        guard !isFinished else { return }
        switch kind {
        case .stream: if descriptor != STDOUT_FILENO { close(descriptor) }
        case .file(let file): try Self.reporting(name) { () throws(Problem) in try file.finish() }
        }
        isFinished = true
    }

    deinit {
        if case .stream = kind, !isFinished, descriptor != STDOUT_FILENO { close(descriptor) }
    }

    private static func reporting<Result>(_ path: String, _ body: () throws(Problem) -> Result) throws(Problem) -> Result {
        do {
            return try body()
        } catch {
            throw failure(error.at(path: path))
        }
    }

    /// A problem that keeps the result from being written.
    static func failure(_ problem: Problem) -> Problem {
        var problem = problem
        problem.isOfOutput = true
        return problem
    }
}
