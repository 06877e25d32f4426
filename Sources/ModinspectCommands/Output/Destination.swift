import Archives
import Glibc

/// Where a result goes: standard output, or a file that appears complete or not at all.
///
/// Devices and pipes are written as they are.
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
    init(path: String?) throws(OutputError) {
        guard let path, path != "-" else {
            name = Self.standardOutput
            descriptor = STDOUT_FILENO
            kind = .stream
            return
        }
        name = path
        let target = try Self.reporting(path) { () throws(AtomicFile.Failure) in try AtomicFile.followingLinks(path) }
        var status = stat()
        let exists = stat(target, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR { throw .isDirectory(path) }
        if exists, status.st_mode & S_IFMT != S_IFREG {
            descriptor = open(target, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .failed(destination: path, what: "open", code: errno) }
            kind = .stream
            return
        }
        if exists, access(target, W_OK) != 0 { throw .failed(destination: path, what: "write", code: errno) }
        let mode = exists ? status.st_mode & 0o7777 : nil
        let file = try Self.reporting(path) { () throws(AtomicFile.Failure) in try AtomicFile(replacing: target, mode: mode) }
        descriptor = file.descriptor
        kind = .file(file)
    }

    /// Writes all bytes, whatever the pieces in which the system takes them.
    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) { try Self.write(bytes, to: descriptor, name: name) }

    /// Writes all bytes to an open file.
    ///
    /// - Parameter name: the file's, for messages.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, name: String) throws(OutputError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EPIPE {
                throw .closedPipe
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                throw .failed(destination: name, what: "write", code: errno)
            }
        }
    }

    /// Puts the complete file in its place.
    func finish() throws(OutputError) {
        guard !isFinished else { return }
        switch kind {
        case .stream: if descriptor != STDOUT_FILENO { close(descriptor) }
        case .file(let file): try Self.reporting(name) { () throws(AtomicFile.Failure) in try file.finish() }
        }
        isFinished = true
    }

    deinit {
        if case .stream = kind, !isFinished, descriptor != STDOUT_FILENO { close(descriptor) }
    }

    private static func reporting<Result>(
        _ path: String, _ body: () throws(AtomicFile.Failure) -> Result
    ) throws(OutputError) -> Result {
        do throws(AtomicFile.Failure) {
            return try body()
        } catch {
            throw .failed(destination: path, what: error.what, code: error.code)
        }
    }
}
