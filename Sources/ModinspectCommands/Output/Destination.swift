import Glibc

/// Where a result goes: standard output, or a file that appears complete or not at all.
///
/// A regular file is written without a name, or under a hidden one where the file system knows no nameless files, and takes the place of the
/// old file in one step when it is complete. Devices and pipes are written as they are.
final class Destination {
    private enum Kind {
        case stream
        /// A file without a name in the target's directory.
        case nameless(target: String)
        case temporary(path: String, target: String)
    }

    /// The name for messages.
    let name: String
    let descriptor: Int32
    private var kind: Kind
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
        let target = try Self.followingLinks(path)
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
        let mask = umask(0)
        umask(mask)
        let mode = exists ? status.st_mode & 0o7777 : 0o666 & ~mask

        let directory = Self.directory(of: target)
        // O_TMPFILE, which Glibc's headers show only to those who define _GNU_SOURCE.
        let nameless = open(directory, O_WRONLY | O_CLOEXEC | 0o20000000 | O_DIRECTORY, mode)
        if nameless >= 0 {
            descriptor = nameless
            kind = .nameless(target: target)
        } else {
            let (temporary, opened) = Self.openTemporary(in: directory)
            guard opened >= 0 else { throw .failed(destination: path, what: "write", code: errno) }
            descriptor = opened
            kind = .temporary(path: temporary, target: target)
        }
        fchmod(descriptor, mode)
    }

    /// Writes all bytes, whatever the pieces in which the system takes them.
    func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
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
        case .stream: break
        case .nameless(let target):
            try check(fsync(descriptor), "write")
            let temporary = try linkNameless(in: Self.directory(of: target))
            kind = .temporary(path: temporary, target: target)
            try check(rename(temporary, target), "rename to")
        case .temporary(let path, let target):
            try check(fsync(descriptor), "write")
            try check(rename(path, target), "rename to")
        }
        isFinished = true
        if descriptor != STDOUT_FILENO { close(descriptor) }
    }

    deinit {
        guard !isFinished, descriptor != STDOUT_FILENO else { return }
        close(descriptor)
        if case .temporary(let path, _) = kind { unlink(path) }
    }

    private func check(_ result: Int32, _ what: String) throws(OutputError) {
        guard result == 0 else { throw .failed(destination: name, what: what, code: errno) }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A name for the nameless file, for the moment before it is renamed over the target: a link cannot replace a file.
    private func linkNameless(in directory: String) throws(OutputError) -> String {
        for attempt in 0..<100 {
            let path = "\(directory)/.modinspect.\(getpid()).\(attempt)"
            if linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 { return path }
            guard errno == EEXIST else { break }
        }
        throw .failed(destination: name, what: "write", code: errno)
    }

    private static func openTemporary(in directory: String) -> (path: String, descriptor: Int32) {
        var template = Array((directory + "/.modinspect.XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        return (String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self), descriptor)
    }

    /// The file behind symbolic links, which may not exist yet: a link stays a link.
    private static func followingLinks(_ path: String) throws(OutputError) -> String {
        var current = path
        for _ in 0..<40 {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(current, &buffer, buffer.count)
            guard count >= 0 else { return current }
            let link = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            current = link.hasPrefix("/") ? link : directory(of: current) + "/" + link
        }
        throw .failed(destination: path, what: "open", code: ELOOP)
    }
}
