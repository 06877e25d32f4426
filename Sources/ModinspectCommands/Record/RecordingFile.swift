import Archives
import Checkpoints
import Glibc
import Text

/// A place that the arrays of a recording are written to: `begin` with all of them, then their numbers in pieces, then `finish`.
protocol RecordingTarget: AnyObject {
    /// Adds the document that says what is recorded.
    func add(note: [UInt8]) throws
    /// Adds a whole file, whose bytes `body` hands on in pieces.
    func add(_ name: String, size: Int, _ body: (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws
    /// Says which arrays will follow; their numbers come in any order of the arrays.
    func begin(_ arrays: [RecordedFile]) throws
    /// The next numbers of the array at a place.
    func write(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws
    /// Puts the complete recording in its place.
    func finish() throws
}

/// An array with the name of its file.
struct RecordedFile {
    /// Of the file, with `.npy`.
    let name: String
    /// Of the numbers.
    let size: Int
    let header: [UInt8]
}

/// Writes a recording as an npz: a zip of stored arrays.
///
/// An archive is written member by member, and a run gives all sites at once. The first array goes straight into the archive; the others
/// wait in a nameless file beside it.
final class RecordingArchive: RecordingTarget {
    private let path: String
    private let stream: ResultStream
    private let archive: ArchiveWriter
    private var files: [RecordedFile] = []
    private var offsets: [Int] = []
    private var waiting: WaitingNumbers?

    init(_ path: String) throws {
        self.path = path
        let stream = ResultStream(try Destination(path: path))
        self.stream = stream
        archive = try ArchiveWriter(.zip) { try stream.write($0) }
    }

    /// An npz holds arrays alone: the bytes of the document are one.
    func add(note: [UInt8]) throws {
        let bytes = NPY.header(type: "|u1", shape: [note.count]) + note
        try archive.add(name: "record.npy", bytes)
    }

    func add(_ name: String, size: Int, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
        try archive.begin(name: name, size: size)
        try body { try archive.write($0) }
    }

    func begin(_ arrays: [RecordedFile]) throws {
        files = arrays
        // No array may be left out of a zip: one without numbers has only its header.
        guard let first = files.first else { return }
        try begin(first)
        guard files.count > 1 else { return }
        offsets = files.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.size) }.map { $0 - first.size }
        waiting = try WaitingNumbers(beside: path)
    }

    private func begin(_ file: RecordedFile) throws {
        try archive.begin(name: file.name, size: file.header.count + file.size)
        try file.header.withUnsafeBytes { try archive.write($0) }
    }

    func write(_ place: Int, _ bytes: UnsafeRawBufferPointer) throws {
        if place == 0 { return try archive.write(bytes) }
        try waiting?.write(bytes, at: offsets[place])
        offsets[place] += bytes.count
    }

    func finish() throws {
        for place in files.indices.dropFirst() {
            try begin(files[place])
            try waiting?.read(offsets[place] - files[place].size..<offsets[place]) { try archive.write($0) }
        }
        try archive.finish()
        try stream.finish()
    }
}

/// Numbers on disk that nobody else sees, and that go with the process however it ends.
private final class WaitingNumbers {
    private let file: AtomicFile
    /// The same file, to read.
    private let reader: Int32
    private let path: String

    init(beside path: String) throws {
        self.path = path
        let folder =
            path == "-" || AtomicFile.isPipe(path) ? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" : AtomicFile.directory(of: path)
        do {
            file = try AtomicFile(replacing: folder + "/recording")
        } catch {
            throw Destination.failure(error.at(path: path))
        }
        let opened = open("/proc/self/fd/\(file.descriptor)", O_RDONLY | O_CLOEXEC)
        reader = opened >= 0 ? opened : file.descriptor
    }

    deinit { if reader != file.descriptor { close(reader) } }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
        var (rest, place) = (bytes, offset)
        while !rest.isEmpty {
            let count = pwrite(file.descriptor, rest.baseAddress, rest.count, place)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                place += count
            } else if count == 0 || errno != EINTR {
                throw Destination.failure(Problem(cannot: "write", path: path, code: count == 0 ? ENOSPC : errno))
            }
        }
    }

    func read(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var place = range.lowerBound
        while place < range.upperBound {
            let count = pread(reader, buffer.baseAddress, min(buffer.count, range.upperBound - place), place)
            if count > 0 {
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                place += count
            } else if count == 0 || errno != EINTR {
                throw Destination.failure(Problem(cannot: "read what was recorded", path: path, code: count == 0 ? EIO : errno))
            }
        }
    }
}
