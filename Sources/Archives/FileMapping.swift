import CProcess
import Glibc
import Text

extension ByteRegion {
    /// The bytes of the file at `path`, mapped read-only: nothing is read before it is touched. Small files are read at once.
    ///
    /// Where the file is cut short while it is mapped, whoever touches a missing page ends the process with a line that names the file.
    ///
    /// - Throws: ``Problem`` if the file cannot be opened, is empty, or is not a regular file.
    package static func mapping(path: String) throws(Problem) -> ByteRegion {
        // Without O_NONBLOCK opening a FIFO waits for a writer that may never come.
        let descriptor = retryingInterrupts { open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) }
        guard descriptor >= 0 else {
            let code = errno
            // Sockets cannot be opened at all, and the system's words for that help nobody.
            var status = stat()
            if code == ENXIO, stat(path, &status) == 0, let kind = FileKind(status).refusal { throw kind }
            throw Problem(systemMessage(code))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Problem(systemMessage(errno)) }
        if let refusal = FileKind(status).refusal { throw refusal }
        guard status.st_size > 0 else { throw Problem("the file is empty") }
        return try mapping(descriptor: descriptor, count: Int(status.st_size), name: path)
    }

    /// The largest file that ``contents(path:limit:isKnown:)`` reads at once, in bytes.
    private static let largestContent = 1 << 26

    /// The bytes of the file at `path`, of a pipe too, such as a shell's `<(command)`: spooled up to `limit` bytes.
    ///
    /// They are in memory, where nobody can change them, unless they are many.
    ///
    /// - Parameter isKnown: see ``standardInput(limit:isKnown:)``.
    /// - Throws: ``Problem`` if it cannot be opened, is empty, or is neither a regular file nor a pipe.
    package static func contents(
        path: String, limit: Int = 1 << 30, isKnown: ([UInt8]) -> Bool = { _ in true }
    ) throws(Problem) -> ByteRegion {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            let region = try mapping(path: path)
            return region.count <= largestContent ? region.inMemory : region
        }
        let descriptor = retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Problem(systemMessage(errno)) }
        defer { close(descriptor) }
        return try reading(descriptor: descriptor, limit: limit, name: "the pipe", isKnown: isKnown)
    }

    /// Files of at most this many bytes are read instead of mapped: that is as fast, and the content cannot change afterwards.
    static let largestRead = 1 << 16

    /// Maps the first `count` bytes of an open file, which may be closed afterwards, or reads them if they are few.
    ///
    /// - Parameter name: the name of the file for the error if it is truncated later.
    static func mapping(descriptor: Int32, count: Int, name: String) throws(Problem) -> ByteRegion {
        guard count > largestRead else { return try reading(descriptor: descriptor, count: count) }
        guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), base != MAP_FAILED else {
            throw Problem("cannot be mapped: " + systemMessage(errno))
        }
        let entry = cprocess_mapped(base, count, name)
        return ByteRegion(
            ByteStorage(base: UnsafeRawPointer(base), count: count, isMapped: true) {
                cprocess_unmapped(entry)
                munmap(base, count)
            })
    }

    /// Reads the first `count` bytes of an open file.
    private static func reading(descriptor: Int32, count: Int) throws(Problem) -> ByteRegion {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        let storage = ByteStorage(base: UnsafeRawPointer(target.baseAddress!), count: count, isMapped: false) { target.deallocate() }
        var place = 0
        while place < count {
            let read = retryingInterrupts { pread(descriptor, target.baseAddress! + place, count - place, off_t(place)) }
            guard read >= 0 else { throw Problem(systemMessage(errno)) }
            guard read > 0 else { throw Problem("the file was cut short while it was read", expected: "\(count) bytes", found: "\(place)") }
            place += read
        }
        return ByteRegion(storage)
    }

    /// All bytes of standard input: mapped if it is a regular file read from its start, spooled otherwise.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that are read from a pipe.
    ///   - isKnown: whether a file that begins with these bytes, ``headLength`` of them or all that there are, can be used. If not,
    ///     only those are returned, so that endless input is refused by its beginning. The caller must then refuse them.
    /// - Throws: ``Problem`` if nothing arrives, more than `limit` bytes arrive, or standard input is a terminal.
    package static func standardInput(
        limit: Int = 64 << 30, isKnown: ([UInt8]) -> Bool = { _ in true }
    ) throws(Problem) -> ByteRegion {
        try reading(descriptor: STDIN_FILENO, limit: limit, isKnown: isKnown)
    }

    /// The bytes by which a pipe's content is known.
    package static let headLength = 4096

    /// What ``standardInput(limit:)`` does, for any open descriptor.
    static func reading(
        descriptor: Int32, limit: Int, name: String = "standard input", isKnown: ([UInt8]) -> Bool = { _ in true }
    ) throws(Problem) -> ByteRegion {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Problem(systemMessage(errno)) }
        let kind = FileKind(status)
        if kind == .directory, let refusal = kind.refusal { throw refusal }
        guard isatty(descriptor) == 0 else { throw Problem("standard input is a terminal", hint: "pipe a file into it") }
        if kind == .regular, status.st_size > 0, lseek(descriptor, 0, SEEK_CUR) == 0 {
            return try mapping(descriptor: descriptor, count: Int(status.st_size), name: "-")
        }
        let spool = Spool(memory: SpoolMemory())
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
        defer { piece.deallocate() }
        var head: [UInt8] = []
        while true {
            // The head first: what is of no known kind is not read any further.
            let wanted = head.count < headLength ? headLength - head.count : piece.count
            let count = retryingInterrupts { read(descriptor, piece.baseAddress, wanted) }
            if count == 0 { break }
            guard count > 0 else { throw Problem(systemMessage(errno)) }
            guard spool.count <= limit - count else {
                throw Problem(
                    "too much on \(name)", expected: "at most \(limit) bytes", hint: "save it and give the file's name")
            }
            try spool.append(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            guard head.count < headLength else { continue }
            head.append(contentsOf: piece[..<count])
            if head.count == headLength, !isKnown(head) { break }
        }
        guard spool.count > 0 else { throw Problem("\(name) is empty") }
        return try spool.finish()
    }
}

/// The kinds of files that a path can lead to, as far as reading is concerned.
private enum FileKind {
    case regular, directory, fifo, socket, device

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFIFO: self = .fifo
        case S_IFSOCK: self = .socket
        default: self = .device
        }
    }

    /// The error for what is not a regular file.
    var refusal: Problem? {
        switch self {
        case .regular: nil
        case .directory: Problem("is a directory", expected: "a regular file")
        case .fifo: Problem("is a FIFO", expected: "a regular file", hint: "use '-' to read from standard input")
        case .socket: Problem("is a socket", expected: "a regular file")
        case .device: Problem("is a device", expected: "a regular file")
        }
    }
}
