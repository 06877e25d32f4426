import Archives
import Glibc
import Text

/// Writes a recording as a directory of npy files, which appears complete or not at all.
///
/// The files are written into a hidden directory next to the target, which replaces it when it is complete.
final class RecordingDirectory: RecordingTarget {
    private let path: String
    /// The path that is written, with symbolic links resolved and without slashes at its end.
    private let target: String
    private let isReplacing: Bool
    private let temporary: Temporary
    private var isComplete = false
    private var files: [Int32] = []
    private var names: [String] = []

    /// As many files stay open; beyond that each is opened for every piece.
    private static let mostOpen = 256

    /// - Parameter isReplacing: whether a recording that is there may be replaced.
    init(_ path: String, isReplacing: Bool) throws {
        self.path = path
        self.isReplacing = isReplacing
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        do {
            target = try AtomicFile.followingLinks(String(trimmed))
            Temporary.restore(target)
            Temporary.sweep(AtomicFile.directory(of: target))
            try Self.checkExisting(target, isReplacing: isReplacing)
            temporary = try Temporary.directory(in: AtomicFile.directory(of: target))
        } catch let problem as Problem {
            throw Destination.failure(problem.at(path: path))
        }
        let mask = umask(0)
        umask(mask)
        chmod(temporary.path, 0o777 & ~mask)
    }

    deinit {
        for file in files { close(file) }
        if !isComplete { Temporary.removeDirectory(temporary.path) }
    }

    private static func checkExisting(_ target: String, isReplacing: Bool) throws(Problem) {
        var status = stat()
        guard stat(target, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw Problem("is not a directory") }
        let names = contents(of: target)
        if names.isEmpty { return }
        guard isReplacing else { throw Problem("exists and is not empty", hint: .replaceExisting) }
        if let foreign = names.first(where: { !$0.hasSuffix(".npy") && $0 != RecordReport.fileName }) {
            throw Problem("cannot be replaced, expected nothing but the files of a recording", found: "'\(foreign)'")
        }
    }

    private static func contents(of directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func add(note: [UInt8]) throws {
        try add(RecordReport.fileName, size: note.count) { sink in try note.withUnsafeBytes { try sink($0) } }
    }

    func add(_ name: String, size: Int, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        let file = try open(name, creating: true)
        defer { close(file) }
        try body { try Destination.write($0, to: file, name: path) }
        guard fsync(file) == 0 else { throw failure("write") }
    }

    func begin(_ arrays: [RecordedFile]) throws {
        for array in arrays {
            let file = try open(array.name, creating: true)
            names.append(array.name)
            try array.header.withUnsafeBytes { try Destination.write($0, to: file, name: path) }
            if files.count < Self.mostOpen { files.append(file) } else { close(file) }
        }
    }

    func write(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws {
        if place < files.count { return try Destination.write(bytes, to: files[place], name: path) }
        let file = try open(names[place], creating: false)
        defer { close(file) }
        try Destination.write(bytes, to: file, name: path)
    }

    func finish() throws {
        for file in files where fsync(file) != 0 { throw failure("write") }
        if rename(temporary.path, target) != 0 {
            // Only an empty directory is replaced by renaming.
            guard isReplacing, errno == ENOTEMPTY || errno == EEXIST else { throw failure("rename to") }
            do throws(Problem) {
                try Self.checkExisting(target, isReplacing: true)
                try temporary.replaceDirectory(target)
            } catch {
                throw Destination.failure(error.at(path: path))
            }
        }
        isComplete = true
    }

    private func open(_ name: String, creating: Bool) throws -> Int32 {
        let file = temporary.path + "/" + name
        if creating { temporary.keep(file) }
        let descriptor = Glibc.open(file, O_WRONLY | O_APPEND | O_CLOEXEC | (creating ? O_CREAT | O_EXCL : 0), 0o666)
        guard descriptor >= 0 else { throw failure("write") }
        return descriptor
    }

    private func failure(_ what: String) -> Problem { Destination.failure(Problem(cannot: what, path: path, code: errno)) }
}
