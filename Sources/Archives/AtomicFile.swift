import Glibc
import Text

/// A regular file that appears complete or not at all.
///
/// It is written without a name, or under a hidden name if the file system does not support nameless files, and replaces the
/// old file in one step when it is complete. A file that is never finished is removed.
package final class AtomicFile {
    private enum Kind {
        /// A file without a name in the target's directory.
        case nameless
        case temporary(Temporary)
    }

    /// Where the file's content goes until it is finished.
    package let descriptor: Int32
    private let target: String
    private var kind: Kind
    private var isFinished = false

    /// - Parameters:
    ///   - target: the file's path, which is not a symbolic link.
    ///   - mode: the permissions of a file that is replaced; nil for those of a new file.
    package init(replacing target: String, mode: UInt32? = nil) throws(Problem) {
        self.target = target
        let mask = umask(0)
        umask(mask)
        let mode = mode ?? 0o666 & ~mask
        let directory = Self.directory(of: target)
        // O_TMPFILE, which Glibc's headers show only to those who define _GNU_SOURCE.
        let nameless = open(directory, O_WRONLY | O_CLOEXEC | 0o20000000 | O_DIRECTORY, mode)
        if nameless >= 0, access(Temporary.descriptorPath(nameless), F_OK) == 0 {
            descriptor = nameless
            kind = .nameless
        } else {
            if nameless >= 0 { close(nameless) }
            let (temporary, opened) = try Temporary.file(in: directory)
            descriptor = opened
            kind = .temporary(temporary)
        }
        fchmod(descriptor, mode)
    }

    /// Writes all bytes, even if the system accepts only a part at a time.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(Problem) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = retryingInterrupts { Glibc.write(descriptor, base, rest.count) }
            guard count > 0 else { throw Problem(cannot: "write", code: count == 0 ? ENOSPC : errno) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    /// Puts the complete file in its place.
    package func finish() throws(Problem) {
        guard !isFinished else { return }
        try check(fsync(descriptor), "write")
        if case .nameless = kind { kind = .temporary(try Temporary.link(descriptor, in: Self.directory(of: target))) }
        if case .temporary(let temporary) = kind { try check(rename(temporary.path, target), "rename to") }
        isFinished = true
        close(descriptor)
    }

    deinit {
        guard !isFinished else { return }
        close(descriptor)
        if case .temporary(let temporary) = kind { unlink(temporary.path) }
    }

    private func check(_ result: Int32, _ what: String) throws(Problem) {
        guard result == 0 else { throw Problem(cannot: what, code: errno) }
    }

    /// The directory of a path.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Whether a path is that of a pipe, as `/dev/stdout` or a shell's `>(command)` may be: it is written directly, since nothing can be put in
    /// its place.
    package static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    /// The target of symbolic links, which may not exist yet: a link stays a link.
    ///
    /// A link to what is neither a file nor a directory is not followed: where those of `/proc/self/fd` lead is no path.
    package static func followingLinks(_ path: String) throws(Problem) -> String {
        var current = path
        for _ in 0..<40 {
            var status = stat()
            if stat(current, &status) == 0, status.st_mode & S_IFMT != S_IFREG, status.st_mode & S_IFMT != S_IFDIR { return current }
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = readlink(current, &buffer, buffer.count)
            guard count >= 0 else { return current }
            let link = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            current = link.hasPrefix("/") ? link : directory(of: current) + "/" + link
        }
        throw Problem(cannot: "open", code: ELOOP)
    }
}
