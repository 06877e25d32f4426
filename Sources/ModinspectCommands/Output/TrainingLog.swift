import Archives
import Glibc
import Text

/// The log of a run, a line for each step, which can be followed while it grows.
///
/// A resumed run keeps the lines of the steps that its state has and drops those that came after.
final class TrainingLog {
    private let name: String
    private let descriptor: Int32
    private var gathered = ByteText()
    private var written = Progress.now()
    private var isClosed = false

    /// Lines are handed on at least this often, in seconds.
    private static let delay = 0.25

    /// - Parameters:
    ///   - path: a file, or `-` for standard output.
    ///   - step: the last step whose line is kept; nil to start from the beginning.
    init(_ path: String, after step: Int?) throws {
        if path == "-" {
            (name, descriptor) = (Destination.standardOutput, STDOUT_FILENO)
            return
        }
        name = path
        var status = stat()
        let isFile = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        // Killed before its first line was written a run leaves an empty log.
        if let step, isFile, status.st_size > 0 { try Self.cut(path, after: step) }
        let isKept = step != nil && isFile
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (isKept ? 0 : O_TRUNC), 0o666)
        guard descriptor >= 0 else { throw Destination.failure(Problem(cannot: "open", path: path, code: errno)) }
        isEmpty = !isKept || lseek(descriptor, 0, SEEK_END) == 0
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// Whether nothing is in it yet, so that it needs its first line.
    private(set) var isEmpty = true

    /// Leaves the first line and those of steps up to `step`.
    private static func cut(_ path: String, after step: Int) throws {
        let content: ByteRegion
        do {
            content = try ByteRegion.contents(path: path)
        } catch {
            throw error.at(path: path)
        }
        let kept = content.withUnsafeBytes { bytes -> [UInt8] in
            var (kept, start): ([UInt8], Int) = ([], 0)
            while let end = bytes[start...].firstIndex(of: 10) {
                let line = bytes[start...end]
                start = end + 1
                // The first line has no step.
                guard let found = try? Self.step(UnsafeRawBufferPointer(rebasing: line)), found.map({ $0 <= step }) ?? kept.isEmpty
                else { break }
                kept += line
            }
            return kept
        }
        guard kept.count < content.count else { return }
        let destination = try Destination(path: path)
        try kept.withUnsafeBytes { try destination.write($0) }
        try destination.finish()
    }

    /// The step that a line is of; nil if it names none.
    private static func step(_ line: UnsafeRawBufferPointer) throws -> Int?? {
        try JSONCursor.reading(line) { cursor in
            var step: Int?
            try cursor.readMembers { cursor, key in
                if key.elementsEqual("step".utf8), !cursor.takeNull() { step = try cursor.readInteger() } else { try cursor.skip() }
            }
            return .some(step)
        }
    }

    /// Adds a line.
    func append(_ line: some Encodable) throws {
        gathered.append(bytes: try ReportEncoder.bytes(of: line, isIndented: false))
        isEmpty = false
        if Progress.now() - written > Self.delay { try flush() }
    }

    /// Hands on what is gathered.
    func flush() throws {
        written = Progress.now()
        defer { gathered.removeAll() }
        if isClosed { return }
        do {
            try gathered.bytes.withUnsafeBytes { try Destination.write($0, to: descriptor, name: name) }
        } catch is ClosedPipe {
            // Nobody reads it any more; the run is worth continuing.
            isClosed = true
        }
    }
}
